"""PATCH and DELETE /recordings/batch, POST /recordings/batch/transcribe (http-contract.md, 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from constance import config
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, User
from organizing.models import Tag
from recordings.models import Job, Recording
from recordings.services import batch
from recordings.services.batch import BatchChanges, ItemResult
from speakr_site.core.errors import Conflict
from tests.factories import make_folder, make_job, make_recording, make_tag, make_transcript
from tests.recordings.api.test_junk import VALUES

pytestmark = pytest.mark.django_db

BATCH = "/api/v1/recordings/batch"
CALLS = {
    "update": ("patch", BATCH, "updated"),
    "delete": ("delete", BATCH, "deleted"),
    "transcribe": ("post", f"{BATCH}/transcribe", "queued"),
}
ABSENT = 10**6


def call(client: APIClient, name: str, body: Any) -> Response:
    method, path, _ = CALLS[name]
    return getattr(client, method)(path, body)


def results(client: APIClient, name: str, ids: list[int], **body: Any) -> list[dict[str, Any]]:
    """Those of a 200, whose counts are checked."""
    response = call(client, name, {"recording_ids": ids, **body})
    assert response.status_code == 200, response.content
    answer = response.json()
    succeeded = sum(item["success"] for item in answer["results"])
    assert answer == {
        "success": True,
        CALLS[name][2]: succeeded,
        "failed": len(answer["results"]) - succeeded,
        "results": answer["results"],
    }
    return answer["results"]


def update(client: APIClient, ids: list[int], **updates: Any) -> list[dict[str, Any]]:
    return results(client, "update", ids, updates=updates)


def make(owner: User, count: int = 3) -> list[int]:
    return [make_recording(owner=owner).pk for _ in range(count)]


def carried(pk: int) -> list[str]:
    links = Recording.objects.get(pk=pk).tag_links.order_by("position")
    return [link.tag.name for link in links]


@pytest.mark.parametrize("name", CALLS)
class TestEveryCall:
    @pytest.mark.parametrize(
        ("body", "sentence"),
        [
            ({}, "No data provided"),
            (None, "No data provided"),
            ({"updates": {}}, "recording_ids required"),
            ({"recording_ids": []}, "recording_ids required"),
            ({"recording_ids": None}, "recording_ids required"),
        ],
    )
    def test_without_recordings_there_is_nothing_to_do(
        self, client: APIClient, name: str, body: Any, sentence: str
    ) -> None:
        response = call(client, name, body)
        assert (response.status_code, response.json()) == (400, {"error": sentence})

    @pytest.mark.parametrize(
        "ids",
        [
            5,
            "12",
            True,
            {"1": 1},
            ["1"],
            [1.0],
            [None],
            [True],
            [[1]],
            [10**30],
            ["own", "x"],
            ["own"] * 101,
        ],
    )
    def test_a_malformed_list_is_refused_and_nothing_happens(
        self, client: APIClient, alice: User, name: str, ids: Any
    ) -> None:
        recording = make_recording(owner=alice)
        if isinstance(ids, list):
            ids = [recording.pk if pk == "own" else pk for pk in ids]
        body = {"recording_ids": ids, "updates": {"is_inbox": False}}
        response = call(client, name, body)
        assert response.status_code == 400, response.content
        assert "recording_ids" in response.json()["error"]
        assert Recording.objects.get().is_inbox
        assert not Job.objects.exists()

    @pytest.mark.parametrize("body", ["[1]", '"x"', "5", "null", "{", ""])
    def test_a_body_that_is_no_object_is_refused(
        self, client: APIClient, name: str, body: str
    ) -> None:
        method, path, _ = CALLS[name]
        response = client.generic(method.upper(), path, body, "application/json")
        assert response.status_code == 400
        assert set(response.json()) == {"error"}

    def test_there_is_one_result_for_each_id_at_its_first_position(
        self, client: APIClient, alice: User, name: str
    ) -> None:
        first, second = make(alice, 2)
        items = results(client, name, [second, ABSENT, second, first, ABSENT, second])
        assert [item["id"] for item in items] == [second, ABSENT, first]
        assert [item["success"] for item in items] == [True, False, True]
        assert items[1]["error"] == "Not found"

    def test_what_is_not_the_callers_is_refused_by_itself(
        self, client: APIClient, alice: User, bob: User, otto: User, name: str
    ) -> None:
        (own,) = make(alice, 1)
        foreign = make(bob, 1) + make(otto, 1)
        items = results(client, name, [foreign[0], own, foreign[1], 0, -5])
        errors = [item.get("error") for item in items]
        assert errors == ["Permission denied", None, "Permission denied", "Not found", "Not found"]
        assert Recording.objects.filter(pk__in=foreign, status="COMPLETED").count() == 2

    def test_an_operator_has_no_say(
        self, api: Callable[[User], APIClient], alice: User, otto: User, name: str
    ) -> None:
        (pk,) = make(alice, 1)
        (item,) = results(api(otto), name, [pk], updates={"is_inbox": False})
        assert item == {"id": pk, "success": False, "error": "Permission denied"}
        assert Recording.objects.get().is_inbox
        assert not Job.objects.exists()

    def test_a_hundred_are_taken(self, client: APIClient, alice: User, name: str) -> None:
        ids = make(alice, 100)
        assert all(item["success"] for item in results(client, name, ids))


class TestUpdating:
    def test_the_flags_change(self, client: APIClient, alice: User) -> None:
        ids = make(alice)
        assert update(client, ids[:2], is_inbox=False, is_highlighted=True) == [
            {"id": pk, "success": True} for pk in ids[:2]
        ]
        flags = Recording.objects.order_by("pk").values_list("is_inbox", "is_highlighted")
        assert list(flags) == [(False, True), (False, True), (True, False)]

    @pytest.mark.parametrize("body", [{}, {"updates": {}}, {"updates": None}])
    def test_no_changes_succeed(self, client: APIClient, alice: User, body: dict[str, Any]) -> None:
        ids = make(alice)
        assert len(results(client, "update", ids, **body)) == 3

    def test_other_keys_are_ignored(self, client: APIClient, alice: User) -> None:
        (pk,) = make(alice, 1)
        update(client, [pk], title="After", deletion_exempt=True, status="FAILED")
        recording = Recording.objects.get()
        assert (recording.title, recording.deletion_exempt) == ("Team meeting", False)

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("is_inbox", "false"),
            ("is_inbox", None),
            ("is_highlighted", 1),
            ("add_tag_ids", 5),
            ("add_tag_ids", ["5"]),
            ("add_tag_ids", None),
            ("add_tag_ids", list(range(101))),
            ("remove_tag_ids", "1"),
            ("remove_tag_ids", [10**30]),
            ("folder_id", "5"),
            ("folder_id", True),
        ],
    )
    def test_a_wrong_value_is_refused_and_changes_nothing(
        self, client: APIClient, alice: User, field: str, wrong: Any
    ) -> None:
        config.enable_folders = True
        (pk,) = make(alice, 1)
        updates = {"is_inbox": False, "is_highlighted": True, field: wrong}
        response = call(client, "update", {"recording_ids": [pk], "updates": updates})
        assert response.status_code == 400, response.content
        assert field in response.json()["error"]
        assert Recording.objects.get().is_inbox

    @pytest.mark.parametrize(
        "field", ["is_inbox", "is_highlighted", "add_tag_ids", "remove_tag_ids", "folder_id"]
    )
    def test_no_value_breaks_anything(self, client: APIClient, alice: User, field: str) -> None:
        config.enable_folders = True
        (pk,) = make(alice, 1)
        for value in VALUES:
            body = f'{{"recording_ids": [{pk}], "updates": {{"{field}": {value}}}}}'
            response = client.generic("PATCH", BATCH, body, "application/json")
            assert response.status_code in (200, 400, 404), value

    @pytest.mark.parametrize("updates", [[], "x", 5, True])
    def test_changes_are_an_object(self, client: APIClient, alice: User, updates: Any) -> None:
        response = call(client, "update", {"recording_ids": make(alice), "updates": updates})
        assert response.status_code == 400
        assert "updates" in response.json()["error"]

    def test_tags_are_added_in_order_and_then_removed(
        self, client: APIClient, alice: User, group: Group
    ) -> None:
        a, b, c = (make_tag(owner=alice, name=name) for name in "abc")
        team = make_tag(group=group, name="team")
        ids = make(alice)
        Recording.objects.get(pk=ids[0]).tag_links.create(tag=c, position=7)
        update(client, ids, add_tag_ids=[team.pk, a.pk, b.pk, a.pk], remove_tag_ids=[b.pk, 99])
        assert [carried(pk) for pk in ids] == [["c", "team", "a"], ["team", "a"], ["team", "a"]]

    def test_tags_of_others_are_passed_over_in_silence(
        self, client: APIClient, alice: User, carol: User
    ) -> None:
        private = make_tag(owner=carol)
        sales = make_tag(group=Group.objects.create(name="Sales"))
        (pk,) = make(alice, 1)
        added = [private.pk, ABSENT, sales.pk, -1, make_tag(owner=alice, name="own").pk]
        assert update(client, [pk], add_tag_ids=added) == [{"id": pk, "success": True}]
        assert carried(pk) == ["own"]

    def test_a_note_of_somebody_else_stays(self, client: APIClient, alice: User, bob: User) -> None:
        note = make_tag(owner=bob, name="note")
        recording = make_recording(owner=alice)
        recording.tag_links.create(tag=note, position=0)
        update(client, [recording.pk], remove_tag_ids=[note.pk])
        assert carried(recording.pk) == ["note"]

    def test_all_move_into_a_folder_and_out(self, client: APIClient, alice: User) -> None:
        config.enable_folders = True
        folder = make_folder(owner=alice)
        ids = make(alice)
        update(client, ids, folder_id=folder.pk)
        assert set(Recording.objects.values_list("folder", flat=True)) == {folder.pk}
        update(client, ids[:1], folder_id=None)
        assert Recording.objects.filter(folder=folder).count() == 2

    def test_a_folder_is_checked_before_anything_happens(
        self, client: APIClient, alice: User, carol: User
    ) -> None:
        foreign = make_folder(owner=carol)
        ids = make(alice)

        def refused(folder_id: int | None) -> tuple[int, str]:
            updates = {"is_inbox": False, "folder_id": folder_id}
            response = call(client, "update", {"recording_ids": ids, "updates": updates})
            assert Recording.objects.filter(is_inbox=True, folder=None).count() == 3
            return response.status_code, response.json()["error"]

        for folder_id in (foreign.pk, ABSENT, None):
            assert refused(folder_id) == (403, "Folders feature is not enabled")
        config.enable_folders = True
        assert refused(foreign.pk) == (403, "No access to target folder")
        assert refused(ABSENT) == (404, f"Folder {ABSENT} not found")

    def test_one_that_fails_leaves_nothing_half_done_and_spoils_no_other(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tag = make_tag(owner=alice)
        ids = make(alice)
        attach = batch.attach

        def attach_but_one(recording: Recording, tags: list[Tag], *, by: User) -> list[Tag]:
            attached = attach(recording, tags, by=by)
            if recording.pk == ids[1]:
                raise Conflict("Not now")
            return attached

        monkeypatch.setattr(batch, "attach", attach_but_one)
        changes = BatchChanges({"is_inbox": False}, add_tag_ids=(tag.pk,))
        assert batch.update_recordings(by=alice, ids=ids, changes=changes) == [
            ItemResult(ids[0]),
            ItemResult(ids[1], error="Not now"),
            ItemResult(ids[2]),
        ]
        assert [carried(pk) for pk in ids] == [["Work"], [], ["Work"]]
        flags = Recording.objects.order_by("pk").values_list("is_inbox", flat=True)
        assert list(flags) == [False, True, False]

    def test_what_a_batch_reads_does_not_grow_with_it(self, client: APIClient, alice: User) -> None:
        config.enable_folders = True
        tag, folder = make_tag(owner=alice), make_folder(owner=alice)
        ids = make(alice, 20)

        def selects(some: list[int]) -> int:
            with CaptureQueriesContext(connection) as captured:
                update(client, some, is_inbox=False, folder_id=folder.pk, add_tag_ids=[tag.pk])
            tables = ("organizing_", "constance_", "accounts_")
            return sum(any(name in entry["sql"] for name in tables) for entry in captured)

        assert selects(ids[:1]) == selects(ids)


class TestDeleting:
    @pytest.fixture
    def stored(self, alice: User) -> Iterator[list[str]]:
        keys = [
            default_storage.save(f"audio/1/2026/01/{n}.flac", ContentFile(b"x")) for n in range(2)
        ]
        for key in keys:
            make_transcript(recording=make_recording(owner=alice, audio_key=key))
        yield keys

    def test_recordings_go_with_their_audio(
        self,
        client: APIClient,
        stored: list[str],
        alice: User,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        recordings = list(Recording.objects.order_by("pk"))
        recordings[0].tag_links.create(tag=make_tag(owner=alice), position=0)
        make_job(recording=recordings[0])
        with django_capture_on_commit_callbacks(execute=True):
            items = results(client, "delete", [row.pk for row in recordings])
        assert items == [{"id": row.pk, "success": True} for row in recordings]
        assert not Recording.objects.exists()
        assert not Job.objects.exists()
        assert not any(default_storage.exists(key) for key in stored)
        assert Tag.objects.exists()

    def test_nobody_deletes_where_the_server_keeps_deletion_to_operators(
        self, client: APIClient, api: Callable[[User], APIClient], alice: User, settings: Any
    ) -> None:
        settings.USERS_CAN_DELETE = False
        ids = make(alice)
        response = call(client, "delete", {"recording_ids": ids})
        assert (response.status_code, response.json()) == (403, {"error": "Deletion not allowed"})
        assert Recording.objects.count() == 3

    def test_an_operator_deletes_their_own_there(
        self, api: Callable[[User], APIClient], otto: User, settings: Any
    ) -> None:
        settings.USERS_CAN_DELETE = False
        assert all(item["success"] for item in results(api(otto), "delete", make(otto)))
        assert not Recording.objects.exists()


class TestTranscribing:
    def test_each_gets_a_job_with_its_own_defaults(self, client: APIClient, alice: User) -> None:
        tags = [make_tag(owner=alice, name=code, default_language=code) for code in ("de", "fr")]
        ids = make(alice)
        for pk, tag in zip(ids, tags, strict=False):
            Recording.objects.get(pk=pk).tag_links.create(tag=tag, position=0)
        items = results(client, "transcribe", ids)
        jobs = {job.pk: job for job in Job.objects.all()}
        assert [set(item) for item in items] == [{"id", "success", "job_id"}] * 3
        assert [jobs[item["job_id"]].recording_id for item in items] == ids
        assert [jobs[item["job_id"]].options["language"] for item in items] == ["de", "fr", None]
        assert set(Recording.objects.values_list("status", flat=True)) == {"PENDING"}

    def test_the_same_work_is_the_same_job_and_other_work_fails_alone(
        self, client: APIClient, alice: User
    ) -> None:
        same, other, free = make(alice)
        paths = {pk: f"/api/v1/recordings/{pk}/transcribe" for pk in (same, other)}
        job = client.post(paths[same]).json()["job_id"]
        client.post(paths[other], {"language": "fr"})
        single = client.post(paths[other]).json()
        items = results(client, "transcribe", [same, other, free])
        assert items[0] == {"id": same, "success": True, "job_id": job}
        assert items[1] == {"id": other, "success": False, "error": single["error"]}
        assert items[2]["success"]
        assert Job.objects.count() == 3

    def test_what_has_no_audio_fails_alone(self, client: APIClient, alice: User) -> None:
        gone = make_recording(owner=alice, audio_key="", audio_deleted_at=timezone.now()).pk
        never = make_recording(owner=alice, audio_key="").pk
        (there,) = make(alice, 1)
        errors = [item.get("error") for item in results(client, "transcribe", [gone, never, there])]
        assert errors == ["Audio deleted", "No audio file", None]
        assert Recording.objects.filter(status="PENDING").count() == 1

    def test_the_owner_is_read_once(self, client: APIClient, alice: User) -> None:
        ids = make(alice, 5)

        def owners_read(some: list[int]) -> int:
            with CaptureQueriesContext(connection) as captured:
                results(client, "transcribe", some)
            return sum('FROM "accounts_user"' in entry["sql"] for entry in captured)

        assert owners_read(ids[:1]) == owners_read(ids[1:])
