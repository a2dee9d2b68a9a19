"""Lists of tags and folders: what is in them, in which order, at what price."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from recordings.models import Recording, RecordingTag
from tests.factories import make_folder, make_recording, make_tag
from tests.organizing.conftest import KINDS

# What both answer of columns that nobody set.
UNSET = {
    "custom_prompt": None,
    "default_language": None,
    "default_min_speakers": None,
    "default_max_speakers": None,
    "default_hotwords": None,
    "default_initial_prompt": None,
    "default_transcription_model": None,
    "protect_from_deletion": False,
    "auto_share_on_apply": True,
    "share_with_group_lead": True,
}
NAMES = ["B", "Z", "a", "b", "z", "Ä", "é", "\U0001f399"]


def listed(client: APIClient, kind: str) -> list[dict[str, Any]]:
    body = client.get(f"/api/v1/{kind}").json()
    return body["tags"] if kind == "tags" else body


def test_one_s_own_come_by_name_then_those_of_all_groups_by_name(
    client: APIClient, kind: str, alice: User, carol: User, group: Group
) -> None:
    _, make = KINDS[kind]
    second = Group.objects.create(name="Aardvarks")
    Membership.objects.create(group=second, user=alice, role=Membership.Role.ADMIN)
    make(owner=carol, name="0 of a stranger")
    make(group=Group.objects.create(name="Others"), name="0 of strangers")
    for index, name in enumerate(reversed(NAMES)):
        make(group=(group, second)[index % 2], name=name)
        make(owner=alice, name=name)
    rows = listed(client, kind)
    assert [row["name"] for row in rows] == NAMES * 2
    assert [row["group_id"] is None for row in rows] == [True] * 8 + [False] * 8


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite compares bytes anyway")
def test_the_order_is_asked_for_and_not_the_database_s_own(client: APIClient, kind: str) -> None:
    """The PostgreSQL of these tests has no collation but those of C to be told apart by rows."""
    with CaptureQueriesContext(connection) as captured:
        listed(client, kind)
    (asked,) = [sql for sql in (entry["sql"] for entry in captured) if "organizing_" in sql]
    order = asked.partition("ORDER BY")[2]
    assert 'COLLATE "C"' in order


def test_whoever_sees_one_is_told_whether_they_may_change_it(
    api: Callable[[User], APIClient], kind: str, alice: User, bob: User, dana: User, group: Group
) -> None:
    _, make = KINDS[kind]
    make(owner=alice, name="Mine")
    make(group=group, name="Ours")
    told = {
        person.username: {row["name"]: row["can_edit"] for row in listed(api(person), kind)}
        for person in (alice, bob, dana)
    }
    assert told == {
        "alice": {"Mine": True, "Ours": False},
        "bob": {"Ours": False},
        "dana": {"Ours": True},
    }


def test_what_a_tag_looks_like(client: APIClient, alice: User) -> None:
    tag = make_tag(owner=alice, name="Interviews", retention_days=-1)
    assert listed(client, "tags") == [
        {
            "id": tag.pk,
            "name": "Interviews",
            "color": "#3B82F6",
            "is_group_tag": False,
            "group_id": None,
            **UNSET,
            "retention_days": -1,
            "naming_template_id": None,
            "naming_template_name": None,
            "can_edit": True,
        }
    ]


def test_what_a_folder_looks_like_to_a_member(
    api: Callable[[User], APIClient], bob: User, group: Group
) -> None:
    folder = make_folder(group=group, name="Client Calls", retention_days=30)
    make_recording(owner=bob, folder=folder)
    (row,) = listed(api(bob), "folders")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row.pop("created_at"))
    assert row == {
        "id": folder.pk,
        "name": "Client Calls",
        "color": "#10B981",
        "group_id": group.pk,
        "is_group_folder": True,
        "group_name": "Engineering",
        **UNSET,
        "retention_days": 30,
        "naming_template_id": None,
        "naming_template_name": None,
        "export_template_id": None,
        "export_template_name": None,
        "recording_count": 1,
        "can_edit": False,
        "user_role": "member",
    }
    assert api(bob).get(f"/api/v1/folders/{folder.pk}").json().items() >= row.items()


def test_a_folder_counts_its_recordings_whoever_owns_them(
    client: APIClient, alice: User, carol: User
) -> None:
    full, empty = (make_folder(owner=alice, name=name) for name in ("full", "leer"))
    for owner in (alice, alice, carol):
        make_recording(owner=owner, folder=full)
    make_recording(owner=alice)
    counts = {row["id"]: row["recording_count"] for row in listed(client, "folders")}
    assert counts == {full.pk: 3, empty.pk: 0}
    assert client.get(f"/api/v1/folders/{full.pk}").json()["recording_count"] == 3


def fill(kind: str, owner: User, group: Group, count: int) -> None:
    """Rows of a person and of a group, each with recordings."""
    model, _ = KINDS[kind]
    first = model.objects.count()
    rows = model.objects.bulk_create(
        model(name=f"{first + index}", **({"owner": owner} if index % 2 else {"group": group}))
        for index in range(count)
    )
    recordings = Recording.objects.bulk_create(
        Recording(owner=owner, sha256="0" * 64, folder=rows[0] if kind == "folders" else None)
        for _ in range(count)
    )
    if kind == "tags":
        RecordingTag.objects.bulk_create(
            RecordingTag(recording=recording, tag=rows[0], position=0) for recording in recordings
        )


def test_a_list_is_one_query_whatever_its_size(
    client: APIClient, kind: str, alice: User, group: Group
) -> None:
    for count in (1, 99):
        fill(kind, alice, group, count)
        with CaptureQueriesContext(connection) as captured:
            rows = listed(client, kind)
        asked = [entry["sql"] for entry in captured if "constance" not in entry["sql"]]
        assert len(asked) == 1, "\n".join(asked)
    assert len(rows) == 100
