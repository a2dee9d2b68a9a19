"""The trail: what is on it, how it is read, and that nobody rewrites it."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Group, Membership, User
from accounts.services import issue_token
from recordings.models import Recording
from speakr_site.core.audit import record_audit
from speakr_site.core.models import AuditEntry
from tests.conftest import Api
from tests.factories import make_recording
from tests.test_architecture import sources

TRAIL = reverse("admin:core_auditentry_changelist")

# One writes, the others read.
KNOW_THE_TRAIL = {
    "speakr_site/core/audit.py",
    "speakr_site/core/models.py",
    "speakr_site/core/admin.py",
    "recordings/admin/opening.py",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(alice: User) -> Recording:
    return make_recording(owner=alice)


@pytest.fixture
def entry(recording: Recording, alice: User) -> AuditEntry:
    record_audit(by=alice, action="share.give", target=recording, detail="carol, to view")
    return AuditEntry.objects.get()


def found(console: Client, **query: Any) -> list[AuditEntry]:
    answer = console.get(TRAIL, query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def test_what_the_owners_and_operators_did_is_on_it(
    api: Api,
    console: Client,
    recording: Recording,
    alice: User,
    carol: User,
    dana: User,
    bob: User,
    group: Group,
    settings: Any,
) -> None:
    """Who shared, unshared, deleted, changed roles and made tokens; who opened what was said."""
    settings.ENABLE_INTERNAL_SHARING = True
    path = f"/api/v1/recordings/{recording.pk}"
    api(alice).post(f"{path}/shares", {"user": "carol"})
    api(alice).post(f"{path}/shares", {"user": "carol", "can_edit": True})
    api(carol).delete(f"{path}/shares/{carol.pk}")
    console.get(reverse("admin:recordings_recording_open", args=[recording.pk]))
    api(alice).delete(path)
    api(dana).patch(f"/api/v1/groups/{group.pk}/members/{bob.pk}", {"role": "admin"})
    token, _ = issue_token(user=bob, name="phone", by=bob)
    rows = AuditEntry.objects.order_by("id")
    assert list(rows.values_list("actor__username", "action", "object_id")) == [
        ("alice", "share.give", recording.pk),
        ("alice", "share.change", recording.pk),
        ("carol", "share.end", recording.pk),
        ("otto", "recording.open", recording.pk),
        ("alice", "recording.delete", recording.pk),
        ("dana", "member.role", group.pk),
        ("bob", "token.issue", token.pk),
    ]


@pytest.mark.parametrize(
    "words", ["alice", "alice@example.com", "carol", "share.give", "share", "alice share.give"]
)
def test_it_is_searched_by_person_and_by_act(
    console: Client, entry: AuditEntry, bob: User, group: Group, words: str
) -> None:
    record_audit(by=bob, action="group.rename", target=group, detail="Engineering to Research")
    assert found(console, q=words) == [entry]


def test_it_is_searched_by_what_was_touched_and_parted_by_act(
    console: Client, entry: AuditEntry, bob: User, alice: User
) -> None:
    other = make_recording(owner=alice)
    record_audit(by=bob, action="recording.open", target=other)
    assert found(console, q=str(entry.object_id)) == [entry]
    assert found(console, action="share.give") == [entry]


def test_nobody_adds_changes_or_deletes_an_entry(console: Client, entry: AuditEntry) -> None:
    before = AuditEntry.objects.values().get()
    change = reverse("admin:core_auditentry_change", args=[entry.pk])
    assert console.get(change).status_code == 200
    assert 'name="_save"' not in console.get(change).content.decode()
    forged = {"actor": entry.actor_id, "action": "forged", "object_type": "x", "object_id": 1}
    for url, form in (
        (reverse("admin:core_auditentry_add"), forged),
        (change, forged),
        (reverse("admin:core_auditentry_delete", args=[entry.pk]), {"post": "yes"}),
    ):
        assert console.post(url, form).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}
    console.post(TRAIL, chosen)
    assert AuditEntry.objects.values().get() == before


def test_it_outlives_what_it_is_about(
    console: Client, entry: AuditEntry, recording: Recording, carol: User
) -> None:
    recording.delete()
    Membership.objects.all().delete()
    carol.delete()
    assert found(console, q="carol") == [entry]


def test_it_keeps_who_acted_when_they_are_gone(
    console: Client, recording: Recording, carol: User, bob: User
) -> None:
    """Nor does the row of somebody else read as theirs, or as the server's."""
    rows = []
    for by in (carol, bob, None):
        record_audit(by=by, action="recording.open", target=recording)
        rows.insert(0, AuditEntry.objects.latest("id"))
    before = console.get(TRAIL).content.decode()
    carol.delete()
    assert found(console, q="carol") == [rows[2]]
    page = console.get(TRAIL).content.decode()
    for text in (before, page):
        who = re.findall(r'field-who">(.*?)</td>', text)
        assert who == ["the server", "bob", "carol"]
    entry = console.get(reverse("admin:core_auditentry_change", args=[rows[2].pk]))
    assert ">carol<" in entry.content.decode()


def test_a_new_name_is_searched_too_and_the_old_one_stays(
    console: Client, entry: AuditEntry, alice: User
) -> None:
    alice.username = "alicia"
    alice.save()
    assert found(console, q="alicia") == [entry]
    assert found(console)[0].actor_name == "alice"


def test_no_other_code_touches_it() -> None:
    users = {
        path
        for path, tree in sources().items()
        if any(isinstance(node, ast.Name) and node.id == "AuditEntry" for node in ast.walk(tree))
    }
    assert users <= KNOW_THE_TRAIL
