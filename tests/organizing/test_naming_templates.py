"""/api/naming-templates, and the tags and folders that name one (contract 14, incumbent 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, User
from accounts.services.templates import TEMPLATES_MAX
from organizing.models import NamingTemplate
from organizing.naming import VARIABLES
from organizing.services import EXAMPLE_FILENAME, naming_templates, store_as_operator, update_folder
from speakr_site.core.api.fields import utc_text
from speakr_site.core.errors import NotFound
from tests.concurrency import at_once, statuses
from tests.factories import make_folder, make_naming_template, make_tag
from tests.organizing.conftest import KINDS

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

URL = "/api/naming-templates"
BODY = {"name": "Clients", "template": "{{date}} {{client}}: {{ai_title}}"}
PATTERN = r"(?P<client>[A-Z]\w+)"
LONG_AGO = datetime(2024, 1, 15, 10, tzinfo=UTC)
NOT_FOUND = {"error": "Naming template not found"}
RE2 = (
    "pattern must be a regular expression as RE2 takes them, without look-around and "
    "back-references"
)
AT_ONCE = 20


def age() -> None:
    NamingTemplate.objects.update(created_at=LONG_AGO, updated_at=LONG_AGO)


def one(template: NamingTemplate) -> str:
    return f"{URL}/{template.pk}"


def defaults(owner: User) -> list[str]:
    rows = NamingTemplate.objects.filter(owner=owner, is_default=True)
    return list(rows.values_list("name", flat=True))


# Making, reading, changing, deleting


def test_a_new_template_is_answered_as_it_was_stored(client: APIClient, alice: User) -> None:
    sent = {**BODY, "name": " Clients ", "pattern": PATTERN, "description": " Calls "}
    response = client.post(URL, sent)
    assert response.status_code == 201
    stored = NamingTemplate.objects.get(owner=alice)
    assert response.json() == {
        "id": stored.pk,
        "name": "Clients",
        "template": BODY["template"],
        "pattern": PATTERN,
        "description": "Calls",
        "is_default": False,
        "created_at": utc_text(stored.created_at),
        "updated_at": utc_text(stored.updated_at),
    }
    assert client.get(one(stored)).json() == response.json()
    assert client.get(URL).json() == {"templates": [response.json()]}


def test_the_list_is_sorted_by_name(client: APIClient, alice: User) -> None:
    for name in ("b", "c", "a"):
        make_naming_template(owner=alice, name=name)
    assert [row["name"] for row in client.get(URL).json()["templates"]] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["pattern", "description"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_blank_is_null(client: APIClient, name: str, value: str | None) -> None:
    assert client.post(URL, {**BODY, name: value}).json()[name] is None


@pytest.mark.parametrize("method", ["patch", "put"])
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"template": "{{filename}}"},
        {"pattern": None},
        {"pattern": r"\d+"},
        {"description": "New"},
        {"is_default": True},
        {"unknown": 1, "owner": 99, "id": 99},
    ],
)
def test_what_is_not_given_stays(
    client: APIClient, alice: User, method: str, changes: dict[str, Any]
) -> None:
    template = make_naming_template(owner=alice, pattern=PATTERN, description="Old")
    age()
    before = client.get(one(template)).json()
    response = getattr(client, method)(one(template), changes)
    assert response.status_code == 200
    after = response.json()
    written = {name: changes[name] for name in changes if name in before and name != "id"}
    assert after == {**before, **written, "updated_at": after["updated_at"]}
    assert (after["updated_at"] > before["updated_at"]) == bool(written)
    assert client.get(one(template)).json() == after


REFUSED = [
    ({"name": ""}, "name is required"),
    ({"name": None}, "name is required"),
    ({"name": "x" * 101}, None),
    ({"name": 5}, None),
    ({"template": " \n"}, "template is required"),
    ({"template": None}, "template is required"),
    ({"template": "x" * 501}, None),
    ({"template": "a\0"}, None),
    ({"pattern": "("}, RE2),
    ({"pattern": "(?=x)"}, RE2),
    ({"pattern": "x{1001}"}, RE2),
    ({"pattern": "x" * 501}, None),
    ({"pattern": "a\0"}, None),
    ({"pattern": ["x"]}, None),
    ({"description": "x" * 501}, None),
    ({"is_default": "true"}, None),
    *[
        (
            {"pattern": f"(?P<{name}>.)"},
            f"pattern must not name a group {name}: there is such a variable already",
        )
        for name in VARIABLES
    ],
]


@pytest.mark.parametrize(("body", "sentence"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_value_is_refused_when_made_and_when_changed(
    client: APIClient, alice: User, body: dict[str, Any], sentence: str | None
) -> None:
    template = make_naming_template(owner=alice)
    before = NamingTemplate.objects.values().get()
    for response in (client.post(URL, {**BODY, **body}), client.patch(one(template), body)):
        assert response.status_code == 400
        assert sentence in (None, response.json()["error"])
    assert NamingTemplate.objects.values().get() == before


@pytest.mark.parametrize("missing", BODY)
def test_name_and_template_are_needed(client: APIClient, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    response = client.post(URL, body)
    assert (response.status_code, response.json()["error"]) == (400, f"{missing} is required")


def test_a_change_of_nothing_is_refused(client: APIClient, alice: User) -> None:
    response = client.patch(one(make_naming_template(owner=alice)), {})
    assert (response.status_code, response.json()) == (400, {"error": "No data provided"})


def test_the_longest_are_taken_and_so_are_variables_that_nobody_knows(client: APIClient) -> None:
    longest = {
        "name": "é" * 100,
        "template": "{{whatever}}" + "é" * 488,
        "pattern": "é" * 500,
        "description": "é" * 500,
    }
    response = client.post(URL, longest)
    assert response.status_code == 201
    assert response.json().items() >= longest.items()


def test_a_deleted_template_is_gone(client: APIClient, alice: User) -> None:
    template = make_naming_template(owner=alice)
    response = client.delete(one(template))
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "Naming template deleted"}
    for again in (client.get(one(template)), client.delete(one(template))):
        assert (again.status_code, again.json()) == (404, NOT_FOUND)


def test_there_is_a_limit_to_how_many_a_person_has(
    client: APIClient, alice: User, bob: User
) -> None:
    for owner in (alice, bob):
        rows = [NamingTemplate(owner=owner, **BODY) for _ in range(TEMPLATES_MAX - 1)]
        NamingTemplate.objects.bulk_create(rows)
    assert client.post(URL, BODY).status_code == 201
    response = client.post(URL, {**BODY, "is_default": True})
    assert response.status_code == 409
    assert response.json() == {"error": "A person may have at most 100 naming templates"}
    assert defaults(alice) == []


def test_templates_of_others_are_not_there(
    api: Callable[[User | None], APIClient], alice: User, bob: User, dana: User, otto: User
) -> None:
    template = make_naming_template(owner=alice)
    before = NamingTemplate.objects.values().get()
    for stranger in (bob, dana, otto):
        client = api(stranger)
        for response in (
            client.get(one(template)),
            client.patch(one(template), {"name": "Mine", "is_default": True}),
            client.put(one(template), {"nonsense": 1}),
            client.delete(one(template)),
        ):
            assert (response.status_code, response.json()) == (404, NOT_FOUND)
        assert client.get(URL).json() == {"templates": []}
    assert NamingTemplate.objects.values().get() == before


# The default


def test_one_template_at_most_is_the_default(client: APIClient, alice: User, bob: User) -> None:
    make_naming_template(owner=bob, name="Bob's", is_default=True)
    first = client.post(URL, {**BODY, "name": "First", "is_default": True}).json()
    assert defaults(alice) == ["First"]
    age()
    second = client.post(URL, {**BODY, "name": "Second", "is_default": True}).json()
    assert (second["is_default"], defaults(alice)) == (True, ["Second"])
    assert client.get(f"{URL}/{first['id']}").json()["updated_at"] > utc_text(LONG_AGO)
    client.patch(f"{URL}/{first['id']}", {"is_default": True, "name": "Still"})
    assert defaults(alice) == ["Still"]
    client.patch(f"{URL}/{first['id']}", {"is_default": False})
    assert (defaults(alice), defaults(bob)) == ([], ["Bob's"])


@committed
def test_of_many_new_defaults_at_once_one_stays(client: APIClient, alice: User) -> None:
    make_naming_template(owner=alice, is_default=True)
    bodies = [{**BODY, "name": f"{n}", "is_default": True} for n in range(AT_ONCE)]
    replies = at_once(*[lambda body=body: client.post(URL, body) for body in bodies])
    assert {reply.status_code for reply in replies} == {201}
    assert len(defaults(alice)) == 1
    assert alice.naming_templates.count() == AT_ONCE + 1


@committed
def test_of_many_changed_to_be_the_default_at_once_one_stays(
    client: APIClient, alice: User
) -> None:
    rows = [make_naming_template(owner=alice, name=f"{n}") for n in range(AT_ONCE)]
    calls = [lambda row=row: client.patch(one(row), {"is_default": True}) for row in rows]
    assert statuses(*calls) == {200: AT_ONCE}
    assert len(defaults(alice)) == 1


@committed
def test_many_at_once_do_not_pass_the_limit(client: APIClient, alice: User) -> None:
    rows = [NamingTemplate(owner=alice, **BODY) for _ in range(TEMPLATES_MAX - 2)]
    NamingTemplate.objects.bulk_create(rows)
    assert statuses(*[lambda: client.post(URL, BODY)] * AT_ONCE) == {201: 2, 409: AT_ONCE - 2}


def test_a_template_that_goes_meanwhile_is_not_found_and_leaves_the_default(alice: User) -> None:
    make_naming_template(owner=alice, name="Kept", is_default=True)
    going = make_naming_template(owner=alice, name="Going")
    NamingTemplate.objects.filter(pk=going.pk).delete()
    with pytest.raises(NotFound):
        naming_templates.update(template=going, changes={"is_default": True})
    with pytest.raises(NotFound):
        naming_templates.delete(template=going)
    assert defaults(alice) == ["Kept"]


# Tried on a file's name


def test_a_preview_says_what_a_file_would_be_called(client: APIClient, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(timezone="Pacific/Kiritimati")
    body = {
        "template": "{{client}} | {{filename}} | {{ai_title}}",
        "pattern": PATTERN,
        "filename": "the Acme call.mp3",
    }
    response = client.post(f"{URL}/preview", body)
    assert response.status_code == 200
    assert response.json() == {"title": "Acme | the Acme call | What was talked about"}
    assert not NamingTemplate.objects.exists()


def test_a_preview_s_date_is_the_caller_s(
    api: Callable[[User], APIClient], alice: User, bob: User
) -> None:
    # A day lies between them, always.
    dates = []
    for user, zone in ((alice, "Pacific/Kiritimati"), (bob, "Pacific/Pago_Pago")):
        User.objects.filter(pk=user.pk).update(timezone=zone)
        client = api(User.objects.get(pk=user.pk))
        body = {"template": "{{date}}", "filename": "x.mp3"}
        dates.append(client.post(f"{URL}/preview", body).json()["title"])
    first, second = map(datetime.fromisoformat, dates)
    assert (first - second).days >= 1


def test_nothing_may_be_left_of_a_template(client: APIClient) -> None:
    body = {"template": "{{client}}", "filename": "-.mp3"}
    assert client.post(f"{URL}/preview", body).json() == {"title": None}


@pytest.mark.parametrize("filename", [{}, {"filename": None}, {"filename": ""}])
def test_a_preview_without_a_file_s_name_has_an_example(
    client: APIClient, filename: dict[str, Any]
) -> None:
    body = {"template": "{{filename_full}}", **filename}
    assert client.post(f"{URL}/preview", body).json() == {"title": EXAMPLE_FILENAME}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"filename": "x.mp3"}, "template is required"),
        ({"template": "x", "filename": 5}, "filename: Not a valid string."),
        ({"template": "x", "filename": "x", "pattern": "("}, RE2),
    ],
)
def test_a_preview_needs_a_template_and_a_pattern_that_is_one(
    client: APIClient, body: dict[str, Any], sentence: str
) -> None:
    response = client.post(f"{URL}/preview", body)
    assert (response.status_code, response.json()["error"]) == (400, sentence)


# Tags and folders that name one


def create(client: APIClient, kind: str, **body: Any) -> Response:
    return client.post(f"/api/v1/{kind}", {"name": "New", **body})


def change(client: APIClient, kind: str, pk: int, **body: Any) -> Response:
    return client.put(f"/api/v1/{kind}/{pk}", body)


def named_by(response: Response) -> tuple[int | None, str | None]:
    assert response.status_code < 300, response.content
    body = response.json()
    body = body.get("tag", body)
    return body["naming_template_id"], body["naming_template_name"]


def test_a_tag_or_folder_names_one_of_the_caller_s(
    client: APIClient, alice: User, kind: str
) -> None:
    first, second = (make_naming_template(owner=alice, name=name) for name in ("One", "Two"))
    made = create(client, kind, naming_template_id=first.pk)
    assert named_by(made) == (first.pk, "One")
    pk = made.json()["id"]
    assert named_by(change(client, kind, pk, naming_template_id=second.pk)) == (second.pk, "Two")
    assert named_by(change(client, kind, pk, name="Other")) == (second.pk, "Two")
    (listed,) = _listed(client, kind)
    assert (listed["naming_template_id"], listed["naming_template_name"]) == (second.pk, "Two")
    assert named_by(change(client, kind, pk, naming_template_id=None)) == (None, None)


def _listed(client: APIClient, kind: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/{kind}").json()
    return answer if kind == "folders" else answer[kind]


def test_one_of_somebody_else_s_is_not_found(
    client: APIClient, alice: User, bob: User, kind: str
) -> None:
    model, make = KINDS[kind]
    shelf = make(owner=alice)
    for value in (make_naming_template(owner=bob).pk, 0, -1, 2**63 - 1):
        for response in (
            create(client, kind, naming_template_id=value),
            change(client, kind, shelf.pk, name="After", naming_template_id=value),
        ):
            assert (response.status_code, response.json()) == (404, NOT_FOUND)
    assert model.objects.get().name == shelf.name
    for value in ("1", True, 1.5):
        assert create(client, kind, naming_template_id=value).status_code == 400


def test_of_a_group_its_admins_choose_and_keep_what_another_chose(
    api: Callable[[User], APIClient], dana: User, bob: User, group: Group, kind: str
) -> None:
    _, make = KINDS[kind]
    of_bob = make_naming_template(owner=bob, name="Bob's")
    shelf = make(group=group, naming_template=of_bob)
    client = api(dana)
    assert named_by(change(client, kind, shelf.pk, name="After")) == (of_bob.pk, "Bob's")
    again = change(client, kind, shelf.pk, name="Again", naming_template_id=of_bob.pk)
    assert named_by(again) == (of_bob.pk, "Bob's")
    of_dana = make_naming_template(owner=dana, name="Dana's")
    chosen = change(client, kind, shelf.pk, naming_template_id=of_dana.pk)
    assert named_by(chosen) == (of_dana.pk, "Dana's")
    back = change(client, kind, shelf.pk, naming_template_id=of_bob.pk)
    assert (back.status_code, back.json()) == (404, NOT_FOUND)


def test_a_deleted_one_is_named_no_more(client: APIClient, alice: User, kind: str) -> None:
    _, make = KINDS[kind]
    template = make_naming_template(owner=alice)
    shelf = make(owner=alice, naming_template=template)
    assert client.delete(one(template)).status_code == 200
    shelf.refresh_from_db()
    assert shelf.naming_template_id is None


def test_one_that_was_deleted_while_it_was_sent_back_is_not_written(alice: User) -> None:
    template = make_naming_template(owner=alice)
    folder = make_folder(owner=alice, naming_template=template)
    NamingTemplate.objects.all().delete()
    update_folder(
        folder=folder, by=alice, changes={"name": "After", "naming_template_id": template.pk}
    )
    folder.refresh_from_db()
    assert (folder.name, folder.naming_template_id) == ("After", None)


def test_the_console_does_not_store_one_that_was_deleted_meanwhile(
    alice: User, otto: User, kind: str
) -> None:
    _, make = KINDS[kind]
    shelf = make(owner=alice)
    shelf.naming_template = make_naming_template(owner=alice)
    NamingTemplate.objects.all().delete()
    with pytest.raises(NotFound):
        store_as_operator(shelf=shelf, by=otto)


@committed
def test_of_naming_and_deleting_at_once_neither_fails(
    client: APIClient, alice: User, kind: str
) -> None:
    _, make = KINDS[kind]
    shelves = [make(owner=alice, name=f"{n}") for n in range(6)]
    template = make_naming_template(owner=alice)
    calls = [
        lambda pk=shelf.pk: change(client, kind, pk, naming_template_id=template.pk)
        for shelf in shelves
    ]
    answers = at_once(*calls[:3], lambda: client.delete(one(template)), *calls[3:])
    assert {answer.status_code for answer in answers} <= {200, 404}
    assert answers[3].status_code == 200
    for shelf in shelves:
        shelf.refresh_from_db()
        assert shelf.naming_template_id is None


def test_its_name_costs_no_query_more(client: APIClient, alice: User, kind: str) -> None:
    make = make_tag if kind == "tags" else make_folder

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/api/v1/{kind}").status_code == 200
        return len(captured)

    make(owner=alice, name="0")
    before = queries()
    for number in range(1, 6):
        template = make_naming_template(owner=alice, name=f"{number}")
        make(owner=alice, name=f"{number}", naming_template=template)
    assert queries() == before
