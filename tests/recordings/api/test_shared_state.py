"""What a recipient of a share changes: their own notes and flags with the right to read, everything
else with the right to edit, and never what the owner keeps to herself (http-contract.md, 0.1.7,
0.1.24, 0.1.25, section 4, 16(b) 4).

Alice owns; Carol may read, Bob may edit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from constance import config
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording, Share, ViewerState
from recordings.services.batch import BatchChanges, ItemResult, update_recordings
from recordings.services.edit import edit_recording
from speakr_site.core.errors import NotAllowed, NotFound
from tests.concurrency import at_once
from tests.factories import make_folder, make_recording, make_share, make_tag

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

Client = Callable[[User], APIClient]
BATCH = "/api/v1/recordings/batch"
DENIED = (403, {"error": "Permission denied"})
ONLY_OWNER = "Permission denied - only owner can change"
PERSONAL = {"notes": "Mine", "is_inbox": False, "is_highlighted": True}
UNTOUCHED = {"notes": None, "is_inbox": True, "is_highlighted": False}
SHARED = {
    "title": "After",
    "participants": "Zoë",
    "summary": "After",
    "meeting_date": "2024-02-01T10:00:00Z",
}
# Everything that PATCH knows and that is not personal.
NOT_PERSONAL = (*SHARED, "folder_id", "deletion_exempt", "keep_audio_only")
AT_ONCE = 30


@pytest.fixture(autouse=True)
def _sharing(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    settings.RATE_LIMITS = {}


@pytest.fixture
def recording(alice: User, bob: User, carol: User) -> Recording:
    recording = make_recording(
        owner=alice, title="Before", notes="Alice's", is_inbox=False, is_highlighted=True
    )
    make_share(recording=recording, user=bob, can_edit=True)
    make_share(recording=recording, user=carol)
    return recording


def patch(client: APIClient, recording: Recording, body: Any) -> Response:
    return client.patch(f"/api/v1/recordings/{recording.pk}", body)


def put(client: APIClient, recording: Recording, notes: Any) -> Response:
    return client.put(f"/api/v1/recordings/{recording.pk}/notes", {"notes": notes})


def batch(client: APIClient, recording: Recording, **updates: Any) -> dict[str, Any]:
    """The result of the one recording."""
    body = {"recording_ids": [recording.pk], "updates": updates}
    response = client.patch(BATCH, body)
    assert response.status_code == 200, response.content
    (result,) = response.json()["results"]
    return result


def personal(client: APIClient, recording: Recording) -> dict[str, Any]:
    detail = client.get(f"/api/v1/recordings/{recording.pk}").json()
    return {name: detail[name] for name in PERSONAL}


def columns(recording: Recording) -> dict[str, Any]:
    """The recording's row, which the owner sees."""
    return Recording.objects.values().get(pk=recording.pk)


class TestOnesOwn:
    @pytest.mark.parametrize("name", PERSONAL)
    @pytest.mark.parametrize("who", ["carol", "bob"])
    def test_one_of_them_changes_for_the_caller_alone(
        self,
        api: Client,
        client: APIClient,
        recording: Recording,
        request: pytest.FixtureRequest,
        who: str,
        name: str,
    ) -> None:
        """16(b) 4: the owner's stay."""
        before, caller = columns(recording), api(request.getfixturevalue(who))
        response = patch(caller, recording, {name: PERSONAL[name]})
        assert response.status_code == 200, response.content
        expected = {**UNTOUCHED, name: PERSONAL[name]}
        answered = response.json()["recording"]
        assert {key: answered[key] for key in PERSONAL} == expected
        assert personal(caller, recording) == expected
        assert columns(recording) == before
        assert personal(client, recording) == {name: before[name] for name in PERSONAL}

    def test_what_is_not_given_stays_as_the_caller_left_it(
        self, api: Client, carol: User, recording: Recording
    ) -> None:
        kept = dict(UNTOUCHED)
        for name, value in PERSONAL.items():
            patch(api(carol), recording, {name: value})
            kept[name] = value
            assert personal(api(carol), recording) == kept
        patch(api(carol), recording, UNTOUCHED)
        assert personal(api(carol), recording) == UNTOUCHED
        assert ViewerState.objects.count() == 1

    def test_the_answer_tells_the_caller_nothing_of_the_owner(
        self, api: Client, alice: User, carol: User, recording: Recording
    ) -> None:
        config.enable_folders = True
        Recording.objects.update(folder=make_folder(owner=alice))
        response = patch(api(carol), recording, {"is_inbox": True})
        assert response.json() == {
            "success": True,
            "recording": {
                "id": recording.pk,
                "title": "Before",
                "participants": None,
                "summary": None,
                "meeting_date": None,
                "folder_id": None,
                **UNTOUCHED,
            },
        }

    @pytest.mark.parametrize("notes", ["# Plan\n\n- one  ", "", None, "會議 🎙"])
    def test_notes_are_put_and_read_to_the_letter(
        self, api: Client, client: APIClient, carol: User, recording: Recording, notes: Any
    ) -> None:
        response = put(api(carol), recording, notes)
        assert (response.status_code, response.json()) == (200, {"success": True, "notes": notes})
        url = f"/api/v1/recordings/{recording.pk}/notes"
        assert api(carol).get(url).json() == {"notes": notes, "has_notes": bool(notes)}
        assert client.get(url).json()["notes"] == "Alice's"

    def test_a_batch_changes_the_caller_s_flags_on_all_that_they_may_read(
        self, api: Client, carol: User, recording: Recording
    ) -> None:
        own, foreign = make_recording(owner=carol), make_recording(owner=recording.owner)
        before = columns(recording)
        body = {
            "recording_ids": [foreign.pk, recording.pk, own.pk],
            "updates": {"is_inbox": False, "is_highlighted": True},
        }
        answer = api(carol).patch(BATCH, body).json()
        assert answer["results"] == [
            {"id": foreign.pk, "success": False, "error": "Permission denied"},
            {"id": recording.pk, "success": True},
            {"id": own.pk, "success": True},
        ]
        for each in (recording, own):
            assert personal(api(carol), each) == {**PERSONAL, "notes": None}
        assert columns(recording) == before
        assert ViewerState.objects.count() == 1

    def test_an_owner_keeps_hers_on_the_recording(
        self, client: APIClient, recording: Recording
    ) -> None:
        patch(client, recording, PERSONAL)
        put(client, recording, "Alice's own")
        batch(client, recording, is_inbox=True)
        assert personal(client, recording) == {
            "notes": "Alice's own",
            "is_inbox": True,
            "is_highlighted": True,
        }
        assert not ViewerState.objects.exists()

    def test_what_was_kept_comes_back_with_the_access(
        self, api: Client, carol: User, recording: Recording
    ) -> None:
        patch(api(carol), recording, PERSONAL)
        Share.objects.filter(user=carol).delete()
        assert patch(api(carol), recording, PERSONAL).status_code == 403
        make_share(recording=recording, user=carol)
        assert personal(api(carol), recording) == PERSONAL

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [("notes", 5), ("notes", "a\0b"), ("is_inbox", "false"), ("is_highlighted", None)],
    )
    def test_a_wrong_value_changes_nothing(
        self, api: Client, carol: User, recording: Recording, name: str, wrong: Any
    ) -> None:
        response = patch(api(carol), recording, {**PERSONAL, name: wrong})
        assert response.status_code == 400
        assert name in response.json()["error"]
        assert not ViewerState.objects.exists()

    def test_nothing_to_change_is_refused_and_unknown_keys_are_ignored(
        self, api: Client, carol: User, recording: Recording
    ) -> None:
        response = patch(api(carol), recording, {})
        assert (response.status_code, response.json()) == (400, {"error": "No data provided"})
        assert patch(api(carol), recording, {"status": "FAILED", "owner": 7}).status_code == 200
        assert batch(api(carol), recording, title="After") == {"id": recording.pk, "success": True}
        assert not ViewerState.objects.exists()


class TestWhatNeedsTheRightToEdit:
    @pytest.mark.parametrize("name", NOT_PERSONAL)
    @pytest.mark.parametrize("value", [None, 5, True, "", ["x"], {"a": 1}, "x" * 501])
    def test_a_viewer_is_refused_whatever_the_value(
        self, api: Client, carol: User, recording: Recording, name: str, value: Any
    ) -> None:
        before = columns(recording)
        response = patch(api(carol), recording, {**PERSONAL, name: value})
        assert response.status_code == 403
        assert response.json()["error"].startswith("Permission denied")
        assert columns(recording) == before
        assert not ViewerState.objects.exists()

    def test_whoever_may_edit_changes_what_is_everybody_s(
        self, api: Client, client: APIClient, bob: User, recording: Recording
    ) -> None:
        response = patch(api(bob), recording, SHARED)
        assert response.status_code == 200, response.content
        seen = client.get(f"/api/v1/recordings/{recording.pk}").json()
        assert {name: seen[name] for name in SHARED} == SHARED
        assert not ViewerState.objects.exists()

    def test_of_a_mixture_each_goes_where_it_belongs(
        self, api: Client, client: APIClient, bob: User, recording: Recording
    ) -> None:
        """16(b) 4."""
        kept = personal(client, recording)
        response = patch(api(bob), recording, {**SHARED, **PERSONAL})
        answered = response.json()["recording"]
        assert answered == {"id": recording.pk, "folder_id": None, **SHARED, **PERSONAL}
        assert personal(api(bob), recording) == PERSONAL
        seen = client.get(f"/api/v1/recordings/{recording.pk}").json()
        assert {name: seen[name] for name in SHARED} == SHARED
        assert personal(client, recording) == kept

    def test_of_a_mixture_with_a_wrong_value_nothing_is_kept(
        self, api: Client, bob: User, recording: Recording
    ) -> None:
        before = columns(recording)
        response = patch(api(bob), recording, {**SHARED, **PERSONAL, "title": 5})
        assert response.status_code == 400
        assert columns(recording) == before
        assert not ViewerState.objects.exists()

    @pytest.mark.parametrize(("who", "status"), [("carol", 403), ("bob", 200)])
    def test_the_summary_is_everybody_s(
        self,
        api: Client,
        client: APIClient,
        recording: Recording,
        request: pytest.FixtureRequest,
        who: str,
        status: int,
    ) -> None:
        url = f"/api/v1/recordings/{recording.pk}/summary"
        caller = api(request.getfixturevalue(who))
        assert caller.put(url, {"summary": "After"}).status_code == status
        assert caller.put(url, {}).status_code == (400 if status == 200 else 403)
        assert (client.get(url).json()["summary"] == "After") == (status == 200)

    @pytest.mark.parametrize("who", ["carol", "bob", "dana"])
    @pytest.mark.parametrize(
        ("name", "values"),
        [("folder_id", ["own", None, "abc", 10**6]), ("deletion_exempt", [True, False, "x"])],
    )
    def test_only_the_owner_moves_and_exempts(
        self,
        api: Client,
        recording: Recording,
        dana: User,
        request: pytest.FixtureRequest,
        who: str,
        name: str,
        values: list[Any],
    ) -> None:
        """16(b) 4: nobody takes a recording into a folder of theirs."""
        config.enable_folders = True
        caller = request.getfixturevalue(who)
        folder = make_folder(owner=caller)
        if caller == dana:
            make_share(recording=recording, user=dana, can_edit=True)
        before = columns(recording)
        for value in values:
            body = {"title": "After", name: folder.pk if value == "own" else value}
            response = patch(api(caller), recording, body)
            assert response.status_code == 403
            assert response.json()["error"].startswith(ONLY_OWNER)
        assert columns(recording) == before

    @pytest.mark.parametrize("body", [{"title": "After"}, PERSONAL, {"title": 5}, {}])
    def test_a_stranger_is_refused_before_the_body_is_read(
        self, api: Client, otto: User, recording: Recording, body: dict[str, Any]
    ) -> None:
        response = patch(api(otto), recording, body)
        assert (response.status_code, response.json()) == DENIED
        response = put(api(otto), recording, 5)
        assert (response.status_code, response.json()) == DENIED
        unknown = api(otto).patch(f"/api/v1/recordings/{10**6}", body)
        assert unknown.status_code == 404

    def test_while_sharing_is_off_nobody_but_the_owner_changes_anything(
        self, api: Client, client: APIClient, bob: User, recording: Recording, settings: Any
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = False
        for body in (PERSONAL, SHARED):
            assert patch(api(bob), recording, body).status_code == 403
        assert put(api(bob), recording, "Mine").status_code == 403
        assert batch(api(bob), recording, is_inbox=True)["error"] == "Permission denied"
        assert patch(client, recording, SHARED).status_code == 200
        assert not ViewerState.objects.exists()

    def test_the_service_refuses_by_itself(
        self, bob: User, carol: User, recording: Recording
    ) -> None:
        with pytest.raises(NotAllowed):
            edit_recording(recording=recording, by=carol, changes={"title": "After"})
        edit_recording(recording=recording, by=bob, changes={"title": "After"})
        edit_recording(recording=recording, by=carol, changes=PERSONAL)
        assert (recording.title, recording.notes) == ("After", "Alice's")


class TestBatches:
    @pytest.fixture(autouse=True)
    def _folders(self, db: None) -> None:
        config.enable_folders = True

    @pytest.mark.parametrize("name", ["add_tag_ids", "remove_tag_ids", "folder_id"])
    def test_what_is_not_personal_needs_the_right_to_edit(
        self, api: Client, carol: User, recording: Recording, name: str
    ) -> None:
        tag, folder = make_tag(owner=carol), make_folder(owner=carol)
        value = folder.pk if name == "folder_id" else [tag.pk]
        before = columns(recording)
        result = batch(api(carol), recording, **{"is_inbox": False, name: value})
        assert result["error"] == "Permission denied"
        assert columns(recording) == before
        assert not recording.tag_links.exists()
        assert not ViewerState.objects.exists()

    def test_whoever_may_edit_tags_and_flags_at_once(
        self, api: Client, client: APIClient, bob: User, recording: Recording
    ) -> None:
        tag, before = make_tag(owner=bob), columns(recording)
        assert batch(api(bob), recording, is_highlighted=True, add_tag_ids=[tag.pk])["success"]
        seen = api(bob).get(f"/api/v1/recordings/{recording.pk}").json()
        assert (seen["is_highlighted"], [each["name"] for each in seen["tags"]]) == (True, ["Work"])
        assert columns(recording) == before
        assert client.get(f"/api/v1/recordings/{recording.pk}").json()["tags"] == []
        assert batch(api(bob), recording, remove_tag_ids=[tag.pk])["success"]
        assert not recording.tag_links.exists()

    def test_one_that_fails_keeps_nothing_of_the_caller_s_either(
        self, bob: User, recording: Recording
    ) -> None:
        own, folder = make_recording(owner=bob), make_folder(owner=bob)
        changes = BatchChanges({"is_inbox": False, "folder_id": folder.pk})
        assert update_recordings(by=bob, ids=[recording.pk, own.pk], changes=changes) == [
            ItemResult(recording.pk, error=f"{ONLY_OWNER} the folder"),
            ItemResult(own.pk),
        ]
        assert not ViewerState.objects.exists()
        recording.refresh_from_db()
        assert recording.folder is None

    def test_one_recording_costs_its_owner_no_more_than_looking_for_webhooks(
        self, api: Client, client: APIClient, carol: User, recording: Recording
    ) -> None:
        def queries(caller: APIClient) -> int:
            with CaptureQueriesContext(connection) as captured:
                batch(caller, recording, is_inbox=False)
            return len(captured)

        assert queries(api(carol)) + 1 == queries(client)


@committed
class TestAtOnce:
    def test_many_first_changes_make_one_row_and_lose_nothing(
        self, api: Client, carol: User, recording: Recording
    ) -> None:
        bodies = [{name: value} for name, value in PERSONAL.items()] * (AT_ONCE // 3)
        replies = at_once(
            *[lambda body=body: patch(api(carol), recording, body) for body in bodies]
        )
        assert {reply.status_code for reply in replies} == {200}
        assert ViewerState.objects.values(*PERSONAL).get() == PERSONAL

    def test_single_changes_and_batches_in_any_order_do_not_block_one_another(
        self, api: Client, alice: User, carol: User, recording: Recording
    ) -> None:
        others = [make_recording(owner=alice) for _ in range(4)]
        for other in others:
            make_share(recording=other, user=carol)
        ids = [each.pk for each in (recording, *others)]

        def update(order: list[int]) -> Response:
            body = {"recording_ids": order, "updates": {"is_highlighted": True}}
            return api(carol).patch(BATCH, body)

        calls = [lambda n=n: update(ids if n % 2 else ids[::-1]) for n in range(10)]
        calls += [lambda each=each: put(api(carol), each, "Mine") for each in others * 2]
        replies = at_once(*calls)
        assert {reply.status_code for reply in replies} == {200}
        assert all(not reply.json().get("failed") for reply in replies)
        states = ViewerState.objects.values_list("is_highlighted", "notes")
        assert sorted(states, key=str) == [(True, "Mine")] * 4 + [(True, None)]

    def test_recordings_that_are_deleted_meanwhile_break_nothing(
        self, api: Client, client: APIClient, alice: User, carol: User
    ) -> None:
        recordings = [make_recording(owner=alice) for _ in range(10)]
        for each in recordings:
            make_share(recording=each, user=carol)
        calls: list[Callable[[], Response]] = []
        for each in recordings:
            url = f"/api/v1/recordings/{each.pk}"
            calls.append(lambda url=url: client.delete(url))
            calls.append(lambda each=each: put(api(carol), each, "Mine"))
        body = {
            "recording_ids": [each.pk for each in recordings],
            "updates": {"is_inbox": False},
        }
        calls += [lambda: api(carol).patch(BATCH, body)] * 3
        statuses = {reply.status_code for reply in at_once(*calls)}
        assert statuses <= {200, 404, 403}
        assert not Recording.objects.exists()
        assert not ViewerState.objects.exists()

    def test_a_recording_that_goes_meanwhile_is_not_found(
        self, carol: User, recording: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("recordings.services.edit.require_rights", lambda *_, **__: None)
        gone = Recording.objects.get(pk=recording.pk)
        recording.delete()
        with pytest.raises(NotFound, match="Recording not found"):
            edit_recording(recording=gone, by=carol, changes=PERSONAL)
