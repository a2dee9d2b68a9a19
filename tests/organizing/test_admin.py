"""The console's pages for tags and folders."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Group, User
from organizing.models import Folder, NamingTemplate, Tag
from organizing.services import store_as_operator
from recordings.models import Recording, RecordingTag
from speakr_site.admin_site import SECTIONS
from tests.conftest import signed_in
from tests.factories import make_folder, make_naming_template, make_recording, make_tag
from tests.recordings.console import act, trail

KINDS = {"tag": (Tag, make_tag), "folder": (Folder, make_folder)}
ONE_OWNER = "Choose either a person or a group, not both."


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def page(kind: str, name: str, *arguments: Any) -> str:
    return reverse(f"admin:organizing_{kind}_{name}", args=arguments)


def form(**values: Any) -> dict[str, Any]:
    """A form as a browser sends it: nothing for what is not ticked or not chosen."""
    sent = {"name": "Work", "color": "#123456", "auto_share_on_apply": "on", **values}
    return {key: value for key, value in sent.items() if value is not None}


def complaints(response: Any) -> str:
    assert response.status_code == 200
    return str(response.context["adminform"].form.errors)


def test_they_have_a_section_of_their_own_after_recordings(console: Client) -> None:
    sections = list(SECTIONS)
    assert sections.index("Organizing") == sections.index("Recordings") + 1
    shown = {
        section["name"]: [model["object_name"] for model in section["models"]]
        for section in console.get("/admin/").context["app_list"]
    }
    assert shown["Organizing"] == ["Tag", "Folder"]


def test_an_operator_makes_one_for_a_person_or_a_group(
    console: Client, kind: str, alice: User, group: Group
) -> None:
    model, _ = KINDS[kind]
    for whose in ({"owner": alice.pk}, {"group": group.pk}):
        response = console.post(page(kind, "add"), form(**whose))
        assert response.status_code == 302, complaints(response)
    first, second = model.objects.order_by("pk")
    assert (first.owner, first.group, second.owner, second.group) == (alice, None, None, group)
    # A person has nobody to share with; what was not filled in is null, as in the API.
    assert (first.share_with_group_lead, second.share_with_group_lead) == (True, False)
    assert (first.custom_prompt, first.default_hotwords, first.default_language) == (None,) * 3
    assert trail() == [("otto", f"{kind}.create", first.pk), ("otto", f"{kind}.create", second.pk)]


@pytest.mark.parametrize("both", [True, False])
def test_it_belongs_to_one_of_the_two(
    console: Client, kind: str, alice: User, group: Group, both: bool
) -> None:
    whose = {"owner": alice.pk, "group": group.pk} if both else {}
    response = console.post(page(kind, "add"), form(**whose))
    assert ONE_OWNER in complaints(response)
    assert not KINDS[kind][0].objects.exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"color": "red"}, "color must be #RRGGBB, such as #3B82F6"),
        ({"default_language": "english"}, "must be an ISO 639-1 code such as en"),
        ({"retention_days": "0"}, "retention_days must be from 1 to 36500, or -1 to keep for ever"),
        ({"default_min_speakers": "0"}, "greater than or equal to 1"),
        ({"default_max_speakers": "101"}, "less than or equal to 100"),
        (
            {"default_min_speakers": "5", "default_max_speakers": "2"},
            "default_min_speakers must not be greater than default_max_speakers",
        ),
        ({"custom_prompt": "x" * 10_001}, "at most 10000 characters"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_the_console_checks_what_the_api_checks(
    console: Client, kind: str, alice: User, values: dict[str, str], sentence: str
) -> None:
    response = console.post(page(kind, "add"), form(owner=alice.pk, **values))
    assert sentence in complaints(response)


def test_a_name_is_taken_once(console: Client, kind: str, alice: User, group: Group) -> None:
    _, make = KINDS[kind]
    for key, owner in (("owner", alice), ("group", group)):
        make(name="Taken", **{key: owner})
        row = make(name="Mine", **{key: owner})
        added = console.post(page(kind, "add"), form(name="Taken", **{key: owner.pk}))
        changed = console.post(page(kind, "change", row.pk), form(name="Taken"))
        for response in (added, changed):
            assert f"has a {kind} of that name already." in complaints(response)


def test_whose_it_is_stays_as_it_is(console: Client, kind: str, alice: User, group: Group) -> None:
    _, make = KINDS[kind]
    row = make(owner=alice, share_with_group_lead=False)
    shown = console.get(page(kind, "change", row.pk)).context["adminform"].form
    assert [name for name, field in shown.fields.items() if field.disabled] == ["owner", "group"]
    sent = form(name="After", owner="", group=group.pk)
    response = console.post(page(kind, "change", row.pk), sent)
    assert response.status_code == 302, complaints(response)
    row.refresh_from_db()
    assert (row.name, row.color, row.owner, row.group) == ("After", "#123456", alice, None)
    assert row.share_with_group_lead is True
    assert trail() == [("otto", f"{kind}.change", row.pk)]


def test_what_is_one_s_own_leaves_no_trail(console: Client, kind: str, otto: User) -> None:
    model, _ = KINDS[kind]
    console.post(page(kind, "add"), form(owner=otto.pk))
    row = model.objects.get()
    assert console.post(page(kind, "change", row.pk), form(name="After")).status_code == 302
    assert console.post(page(kind, "delete", row.pk), {"post": "yes"}).status_code == 302
    assert not model.objects.exists()
    assert trail() == []


def test_a_name_that_is_taken_while_the_form_is_checked_is_said(
    console: Client, kind: str, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, make = KINDS[kind]
    make(owner=alice, name="Work")
    monkeypatch.setattr(model, "validate_constraints", lambda *_, **__: None)
    response = console.post(page(kind, "add"), form(owner=alice.pk), follow=True)
    assert [str(message) for message in response.context["messages"]] == [
        f"{kind.capitalize()} with this name already exists"
    ]
    assert model.objects.count() == 1
    assert trail() == []


@pytest.mark.parametrize("way", ["page", "action"])
def test_deletion_keeps_the_recordings_and_leaves_a_trail(
    console: Client, kind: str, alice: User, way: str
) -> None:
    model, make = KINDS[kind]
    row = make(owner=alice, name="<b>Work</b>")
    recording = make_recording(owner=alice, folder=row if kind == "folder" else None)
    if kind == "tag":
        RecordingTag.objects.create(recording=recording, tag=row, position=0)
    asked = console.get(page(kind, "delete", row.pk)).content.decode()
    assert "&lt;b&gt;Work&lt;/b&gt; of alice, recordings: 1" in asked
    if way == "page":
        console.post(page(kind, "delete", row.pk), {"post": "yes"})
    else:
        act(console, page(kind, "changelist"), "delete_selected", row, post="yes")
    assert not model.objects.exists()
    assert Recording.objects.get().folder is None
    assert trail() == [("otto", f"{kind}.delete", row.pk)]


def test_the_list_is_searched_and_filtered(
    console: Client, kind: str, alice: User, group: Group
) -> None:
    _, make = KINDS[kind]
    make(owner=alice, name="Lectures")
    make(group=group, name="Customers", retention_days=-1)

    def found(**query: str) -> list[str]:
        rows = console.get(page(kind, "changelist"), query).context["cl"].result_list
        return [row.name for row in rows]

    assert found() == ["Customers", "Lectures"]
    assert found(q="lect") == found(q="alice@example") == found(of="person") == ["Lectures"]
    assert found(q="engineer") == found(of="group") == ["Customers"]
    assert found(group__id__exact=str(group.pk)) == ["Customers"]
    shown = console.get(page(kind, "changelist")).content.decode()
    assert "for ever" in shown
    assert "background:#" in shown


def test_the_list_counts_recordings_in_the_same_queries_for_any_number(
    console: Client, kind: str, alice: User
) -> None:
    model, make = KINDS[kind]

    def listed() -> int:
        with CaptureQueriesContext(connection) as captured:
            response = console.get(page(kind, "changelist"), {"o": "-6"})
        first = response.context["cl"].result_list[0]
        assert (first.name, first.recording_count) == ("Full", 3)
        return len(captured)

    full = make(owner=alice, name="Full")
    for _ in range(3):
        recording = make_recording(owner=alice, folder=full if kind == "folder" else None)
        if kind == "tag":
            RecordingTag.objects.create(recording=recording, tag=full, position=0)
    before = listed()
    model.objects.bulk_create(model(owner=alice, name=f"{number}") for number in range(50))
    assert listed() == before


def test_who_may_look_sees_the_form_and_changes_nothing(kind: str, alice: User) -> None:
    _, make = KINDS[kind]
    row = make(owner=alice)
    make_recording(owner=alice, folder=row if kind == "folder" else None)
    alice.is_staff = True
    alice.save()
    assert signed_in(alice).get(page(kind, "changelist")).status_code == 403
    alice.user_permissions.set(Permission.objects.filter(codename=f"view_{kind}"))
    clerk = signed_in(alice)
    assert clerk.get(page(kind, "change", row.pk)).status_code == 200
    assert clerk.post(page(kind, "change", row.pk), form(name="After")).status_code == 403
    assert clerk.post(page(kind, "delete", row.pk), {"post": "yes"}).status_code == 403
    row.refresh_from_db()
    assert row.name != "After"


def test_a_naming_template_is_chosen_among_those_of_whose_it_is(
    console: Client, kind: str, alice: User, bob: User, carol: User, otto: User, group: Group
) -> None:
    _, make = KINDS[kind]
    people = (alice, bob, carol, otto)
    templates = {user: make_naming_template(owner=user, name=user.username) for user in people}
    of_alice, of_group = make(owner=alice), make(group=group)
    for shelf, whose, theirs in (
        (of_alice, {"owner": alice.pk}, {"alice"}),
        (of_group, {"group": group.pk}, {"alice", "bob"}),
    ):
        url = page(kind, "change", shelf.pk)
        choice = console.get(url).context["adminform"].form.fields["naming_template"]
        assert {template.name for template in choice.queryset} == theirs
        refused = console.post(url, form(**whose, naming_template=templates[carol].pk))
        assert "naming_template" in complaints(refused)
        answer = console.post(url, form(**whose, naming_template=templates[alice].pk))
        assert answer.status_code == 302, complaints(answer)
        shelf.refresh_from_db()
        assert shelf.naming_template == templates[alice]
    # Who left the group leaves it.
    group.memberships.filter(user=alice).delete()
    url = page(kind, "change", of_group.pk)
    choice = console.get(url).context["adminform"].form.fields["naming_template"]
    assert {template.name for template in choice.queryset} == {"alice", "bob"}
    assert "naming_template" not in console.get(page(kind, "add")).content.decode()


def test_a_template_that_was_deleted_while_the_form_was_open_is_said(
    console: Client, kind: str, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, make = KINDS[kind]
    shelf, template = make(owner=alice), make_naming_template(owner=alice)
    stored = "organizing.admin.store_as_operator"

    def late(**arguments: Any) -> None:
        NamingTemplate.objects.all().delete()
        store_as_operator(**arguments)

    monkeypatch.setattr(stored, late)
    url = page(kind, "change", shelf.pk)
    answer = console.post(url, form(owner=alice.pk, naming_template=template.pk), follow=True)
    assert answer.status_code == 200
    assert [str(message) for message in answer.context["messages"]] == ["Naming template not found"]
