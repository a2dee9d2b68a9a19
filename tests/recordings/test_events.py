"""What a recording's owner is told of changes that do not come over the API, and what holds for
every event. Requests: test_events_routes.py. Work: test_events_pipeline.py.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from constance import config
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.core.management import call_command, get_commands
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Group, User
from hooks.event_types import EventType
from hooks.models import Delivery, Webhook
from recordings import events
from recordings.admin.recordings import RecordingAdmin
from recordings.api.serializers.batch import BatchChangesSerializer
from recordings.api.serializers.in_ import RecordingPatchSerializer
from recordings.models import Job, Recording, Share
from recordings.services import retention
from recordings.services.batch import BatchChanges, delete_recordings, update_recordings
from recordings.services.edit import edit_recording
from recordings.services.processing import queue_summary
from recordings.services.removal import delete_recording
from speakers.models import Speaker
from tests.conftest import Api, make_user
from tests.factories import (
    make_folder,
    make_job,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
)
from tests.recordings.clock import World
from tests.recordings.console import act, change_page
from tests.recordings.test_admin import JOBS, NO_INLINES, RECORDINGS
from tests.recordings.told import Told, about, listen, names, told

pytestmark = pytest.mark.django_db

ROOMS = ("recordings", "organizing", "speakers")


@pytest.fixture
def talk(alice: User) -> Recording:
    """With a transcript, filed; everybody listens."""
    folder, tag = make_folder(owner=alice), make_tag(owner=alice)
    recording = make_recording(owner=alice, folder=folder, participants="Ann, Bo")
    recording.tag_links.create(tag=tag, position=0)
    make_transcript(recording=recording, SPEAKER_00="Ann")
    listen(*User.objects.all())
    return recording


@pytest.fixture
def console(console: Client, otto: User, talk: Recording) -> Client:
    listen(otto)
    return console


def updated(recording: Recording, *fields: str) -> Told:
    return Told("updated", about(recording, fields_changed=list(fields)))


class TestConsole:
    """Its name -> what is done -> what the owner is told; an action's is the room's and its own."""

    def protect(self, console: Client, talk: Recording) -> list[Told]:
        console.post(change_page(talk), {"deletion_exempt": "on", **NO_INLINES})
        assert Recording.objects.get().deletion_exempt
        return [updated(talk, "deletion_exempt")]

    def save_as_it_is(self, console: Client, talk: Recording) -> list[Told]:
        console.post(change_page(talk), NO_INLINES)
        return []

    def delete_on_its_page(self, console: Client, talk: Recording) -> list[Told]:
        console.post(f"/admin/recordings/recording/{talk.pk}/delete/", {"post": "yes"})
        assert not Recording.objects.exists()
        return [Told("deleted", about(talk))]

    def delete_in_the_list(self, console: Client, talk: Recording) -> list[Told]:
        other = make_recording(owner=talk.owner, title="Other")
        act(console, RECORDINGS, "delete_selected", talk, other, post="yes")
        assert not Recording.objects.exists()
        return [Told("deleted", about(row)) for row in (other, talk)]

    def transcribe_again(self, console: Client, talk: Recording) -> list[Told]:
        act(console, RECORDINGS, "transcribe_again", talk)
        assert Job.objects.get().lane == Job.Lane.GPU
        return []

    def summarize_again(self, console: Client, talk: Recording) -> list[Told]:
        act(console, RECORDINGS, "summarize_again", talk)
        assert Job.objects.get().lane == Job.Lane.TEXT
        return []

    def cancel_a_transcription(self, console: Client, talk: Recording) -> list[Told]:
        act(console, JOBS, "cancel", make_job(recording=talk))
        return [Told("transcription.failed", about(talk, error="Cancelled"))]

    def cancel_a_summary(self, console: Client, talk: Recording) -> list[Told]:
        act(console, JOBS, "cancel", queue_summary(recording=talk, by=talk.owner))
        return [Told("summary.failed", about(talk, error="Cancelled"))]

    def retry(self, console: Client, talk: Recording) -> list[Told]:
        act(console, JOBS, "retry", make_job(recording=talk, status=Job.Status.FAILED))
        assert Job.objects.active().exists()
        return []

    def delete_an_ended_job(self, console: Client, talk: Recording) -> list[Told]:
        job = make_job(recording=talk, status=Job.Status.DONE)
        act(console, JOBS, "delete_selected", job, post="yes")
        assert not Job.objects.exists()
        return []

    def delete_a_tag(self, console: Client, talk: Recording) -> list[Told]:
        act(console, "/admin/organizing/tag/", "delete_selected", talk.tags.get(), post="yes")
        assert not talk.tags.exists()
        return []

    def delete_a_folder(self, console: Client, talk: Recording) -> list[Told]:
        act(console, "/admin/organizing/folder/", "delete_selected", talk.folder, post="yes")
        assert Recording.objects.get().folder is None
        return []

    def rename_a_speaker(self, console: Client, talk: Recording) -> list[Told]:
        ann = Speaker.objects.create(owner=talk.owner, name="Ann")
        console.post(f"/admin/speakers/speaker/{ann.pk}/change/", {"name": "Zoë"})
        assert Recording.objects.get().participants == "Zoë, Bo"
        return []

    def delete_a_speaker(self, console: Client, talk: Recording) -> list[Told]:
        ann = Speaker.objects.create(owner=talk.owner, name="Ann")
        act(console, "/admin/speakers/speaker/", "delete_selected", ann, post="yes")
        assert not Speaker.objects.exists()
        return []

    def end_a_share(self, console: Client, talk: Recording) -> list[Told]:
        share = make_share(recording=talk, user=make_user("vera"))
        act(console, "/admin/recordings/share/", "delete_selected", share, post="yes")
        assert not Share.objects.exists()
        return []

    WAYS = (
        "protect",
        "save_as_it_is",
        "delete_on_its_page",
        "delete_in_the_list",
        "transcribe_again",
        "summarize_again",
        "cancel_a_transcription",
        "cancel_a_summary",
        "retry",
        "delete_an_ended_job",
        "delete_a_tag",
        "delete_a_folder",
        "rename_a_speaker",
        "delete_a_speaker",
        "end_a_share",
    )

    @pytest.mark.parametrize("way", WAYS)
    def test_the_owner_is_told_of_what_is_done_there(
        self, console: Client, otto: User, talk: Recording, way: str
    ) -> None:
        expected = getattr(self, way)(console, talk)
        assert told(talk.owner) == expected
        assert told(otto) == []

    def test_every_action_is_among_them(self, otto: User) -> None:
        request = RequestFactory().get("/admin/")
        request.user = otto
        actions = {
            name
            for model, model_admin in admin.site._registry.items()
            if model._meta.app_label in ROOMS
            for name in ModelAdmin.get_actions(model_admin, request)
        }
        known = {"transcribe_again", "summarize_again", "cancel", "retry", "delete_selected"}
        assert actions == known, "an action that changes recordings needs a way above"


class TestRetentionAndCommands:
    def told_after_a_day(self, world: World, owner: User) -> list[Told]:
        call_command("purge", stdout=io.StringIO())
        assert told(owner) == [], "a mark is no change of the recording"
        world.wait(hours=24, seconds=1)
        call_command("purge", stdout=io.StringIO())
        return told(owner)

    def test_a_recording_whose_time_has_come(
        self, old: Recording, world: World, carol: User
    ) -> None:
        listen(old.owner, carol)
        assert self.told_after_a_day(world, old.owner) == [Told("deleted", about(old))]
        assert told(carol) == []

    def test_the_audio_of_one(self, old: Recording, world: World, settings: Any) -> None:
        settings.DELETION_MODE = "audio_only"
        listen(old.owner)
        assert self.told_after_a_day(world, old.owner) == [updated(old, "audio_available")]

    def test_by_the_schedule(self, old: Recording, world: World) -> None:
        listen(old.owner)
        retention.run_nightly(lambda: False)
        world.wait(hours=24, seconds=1)
        retention.run_nightly(lambda: False)
        assert names(old.owner) == ["deleted"]

    def test_made_up_recordings_were_never_uploaded(self, alice: User) -> None:
        """The deliveries that the command makes up are of webhooks of its own, and have ended."""
        listen(alice)
        own = Webhook.objects.get()
        call_command("seed_demo", "--user=alice", "--recordings=3", stdout=io.StringIO())
        assert Recording.objects.count() == 3
        assert not own.deliveries.exists()
        assert not Delivery.objects.filter(status=Delivery.Status.QUEUED).exists()

    def test_no_other_command_changes_recordings(self) -> None:
        commands = {name for name, app in get_commands().items() if app in ROOMS}
        assert commands == {"doctor", "prepare", "purge", "seed_demo", "watch"}


class TestManyAtOnce:
    """What many recordings have in common changes: none of them is told of."""

    def test_a_folder_that_goes_to_a_group_loses_what_strangers_filed_in_it(
        self, api: Api, talk: Recording, group: Group, dana: User
    ) -> None:
        config.enable_folders = True
        folder = make_folder(group=group, name="Of the group")
        Recording.objects.update(folder=folder)
        answer = api(dana).patch(f"/api/v1/folders/{folder.pk}", {"group_id": None})
        assert answer.status_code == 200
        assert Recording.objects.get().folder is None
        assert told(talk.owner) == []

    def test_a_batch_tells_of_each_in_its_order(self, alice: User) -> None:
        rows = [make_recording(owner=alice, title=title) for title in "abc"]
        listen(alice)
        ids = [rows[1].pk, rows[2].pk, rows[0].pk]
        update_recordings(by=alice, ids=ids, changes=BatchChanges({"is_inbox": False}))
        delete_recordings(by=alice, ids=ids)
        assert [each.data["title"] for each in told(alice)] == [*"bca"] * 2

    def test_a_batch_tells_of_nothing_that_was_refused(self, alice: User, carol: User) -> None:
        own, foreign = make_recording(owner=carol), make_recording(owner=alice)
        make_share(recording=foreign, user=carol, can_edit=True)
        listen(alice, carol)
        changes = BatchChanges({"is_inbox": False, "deletion_exempt": True})
        update_recordings(by=carol, ids=[foreign.pk, own.pk], changes=changes)
        assert told(alice) == []
        assert told(carol) == [updated(own, "is_inbox", "deletion_exempt")]

    def test_a_batch_over_recordings_of_two_owners_tells_both(
        self, alice: User, carol: User, settings: Any
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = True
        hers, own = make_recording(owner=alice), make_recording(owner=carol)
        make_share(recording=hers, user=carol, can_edit=True)
        listen(alice, carol)
        tag = make_tag(owner=alice)
        hers.tag_links.create(tag=tag, position=0)
        edited = BatchChanges({"title": "Ours"})
        update_recordings(by=carol, ids=[hers.pk, own.pk], changes=edited)
        for user, row in ((alice, hers), (carol, own)):
            row.refresh_from_db()
            assert told(user) == [updated(row, "title")]

    def test_no_changes_are_no_event(self, alice: User) -> None:
        own = make_recording(owner=alice)
        listen(alice)
        update_recordings(by=alice, ids=[own.pk], changes=BatchChanges())
        assert told(alice) == []

    @pytest.mark.parametrize(
        "act",
        [
            lambda by, ids: update_recordings(
                by=by, ids=ids, changes=BatchChanges({"is_inbox": False})
            ),
            lambda by, ids: delete_recordings(by=by, ids=ids),
        ],
        ids=["update", "delete"],
    )
    def test_telling_costs_the_same_for_two_and_forty(
        self, alice: User, act: Callable[[User, list[int]], Any]
    ) -> None:
        def queries(count: int) -> int:
            ids = [make_recording(owner=alice).pk for _ in range(count)]
            with CaptureQueriesContext(connection) as captured:
                act(alice, ids)
            return len(captured)

        silent = queries(2), queries(40)
        listen(alice)
        # Their titles, what is written; who listens was asked before too.
        assert queries(2) - silent[0] == queries(40) - silent[1] == 2
        assert Delivery.objects.count() == 42


class TestEveryEvent:
    def test_what_was_told_stays_as_it_was(self, alice: User, talk: Recording) -> None:
        edit_recording(recording=talk, by=alice, changes={"title": "First", "notes": "n"})
        before = Delivery.objects.values_list("event_id", "payload").get()
        edit_recording(recording=talk, by=alice, changes={"title": "Second"})
        delete_recording(recording=talk, by=alice)
        assert [each.data["title"] for each in told(alice)] == ["First", "Second", "Second"]
        assert Delivery.objects.order_by("pk").values_list("event_id", "payload")[0] == before

    def test_a_change_that_is_rolled_back_tells_nothing(self, alice: User, talk: Recording) -> None:
        with pytest.raises(RuntimeError), transaction.atomic():
            edit_recording(recording=talk, by=alice, changes={"title": "Never"})
            delete_recording(recording=talk, by=alice)
            raise RuntimeError
        assert told(alice) == []

    def test_news_that_cannot_be_written_undoes_the_change(
        self, alice: User, talk: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_: Any, **__: Any) -> None:
            raise RuntimeError("no more disk")

        monkeypatch.setattr(Delivery.objects, "bulk_create", breaks)
        for change in (
            lambda: edit_recording(recording=talk, by=alice, changes={"title": "Never"}),
            lambda: delete_recording(recording=talk, by=alice),
        ):
            with pytest.raises(RuntimeError):
                change()
        assert Recording.objects.get().title == "Team meeting"

    def test_the_title_is_that_of_now(self, alice: User, talk: Recording) -> None:
        """Not the one that was read before somebody else's change."""
        stale = Recording.objects.get()
        edit_recording(recording=talk, by=alice, changes={"title": "New"})
        edit_recording(recording=stale, by=alice, changes={"notes": "n"})
        stale.title = "Team meeting"
        delete_recording(recording=stale, by=alice)
        assert [each.data["title"] for each in told(alice)] == ["New"] * 3

    def test_of_one_that_is_gone_nothing_is_told(self, alice: User, talk: Recording) -> None:
        stale = Recording.objects.get()
        delete_recording(recording=talk, by=alice)
        edit_recording(recording=stale, by=alice, changes={"title": "Never"})
        assert names(alice) == ["deleted"]

    def test_the_same_value_again_is_told_too(self, alice: User, talk: Recording) -> None:
        """Presence counts (http-contract.md, 8.8)."""
        edit_recording(recording=talk, by=alice, changes={"title": talk.title})
        assert told(alice) == [updated(talk, "title")]

    def test_fields_stand_in_the_contract_s_order(self, client: APIClient, talk: Recording) -> None:
        body = {
            "deletion_exempt": True,
            "is_highlighted": True,
            "meeting_date": "2026-01-01",
            "notes": "n",
            "participants": "Ann",
            "unknown": 1,
        }
        assert client.patch(f"/api/v1/recordings/{talk.pk}", body).status_code == 200
        named = ["participants", "notes", "meeting_date", "is_highlighted", "deletion_exempt"]
        assert told(talk.owner) == [
            Told("updated", {"recording_id": talk.pk, "title": talk.title, "fields_changed": named})
        ]

    def test_unknown_keys_alone_are_no_event(self, client: APIClient, talk: Recording) -> None:
        assert client.patch(f"/api/v1/recordings/{talk.pk}", {"unknown": 1}).status_code == 200
        assert told(talk.owner) == []

    def test_every_field_that_can_be_changed_has_a_place(self) -> None:
        """Or naming it would fail the change."""
        batch = set(BatchChangesSerializer().fields) - {"add_tag_ids", "remove_tag_ids"}
        columns = {*RecordingPatchSerializer().fields, *batch, *RecordingAdmin.changeable}
        assert columns <= set(events.FIELDS)

    def test_who_did_not_ask_for_it_is_not_told(self, alice: User, talk: Recording) -> None:
        Webhook.objects.all().delete()
        listen(alice, events=[EventType.DELETED])
        edit_recording(recording=talk, by=alice, changes={"title": "New"})
        delete_recording(recording=talk, by=alice)
        assert names(alice) == ["deleted"]

    def test_two_webhooks_are_told_of_one_event(self, alice: User, talk: Recording) -> None:
        listen(alice)
        edit_recording(recording=talk, by=alice, changes={"title": "New"})
        assert Delivery.objects.count() == 2
        assert Delivery.objects.values("event_id", "payload").distinct().count() == 1

    @pytest.mark.parametrize("state", [{"enabled": False}, {"enabled": False, "auto_paused": True}])
    def test_one_that_is_switched_off_or_paused_is_not_told(
        self, alice: User, talk: Recording, state: dict[str, bool]
    ) -> None:
        Webhook.objects.update(**state)
        edit_recording(recording=talk, by=alice, changes={"title": "New"})
        assert not Delivery.objects.exists()

    def test_where_webhooks_are_switched_off_nothing_is_written(
        self, client: APIClient, talk: Recording, settings: Any
    ) -> None:
        settings.WEBHOOK_GLOBAL_ENABLED = False
        one = f"/api/v1/recordings/{talk.pk}"
        with CaptureQueriesContext(connection) as captured:
            client.patch(one, {"title": "New"})
            client.delete(one)
        assert not Delivery.objects.exists()
        assert not any("webhook" in query["sql"] for query in captured)

    def test_where_nobody_listens_a_change_costs_one_query_more(
        self, alice: User, django_assert_num_queries: Any
    ) -> None:
        recording = make_recording(owner=alice)
        # A savepoint and its end, the change, who listens.
        with django_assert_num_queries(4):
            edit_recording(recording=recording, by=alice, changes={"title": "New"})

    def test_what_is_not_known_is_left_out(self, talk: Recording) -> None:
        events.transcription_completed(
            talk, language=None, audio_seconds=4.0, transcription_seconds=None
        )
        assert told(talk.owner) == [
            Told("transcription.completed", about(talk, audio_duration_seconds=4.0))
        ]

    def test_an_error_is_never_longer_than_its_column(self, talk: Recording) -> None:
        events.transcription_failed(talk, "x" * 501)
        events.summary_failed(talk, "x" * 501)
        assert [len(each.data["error"]) for each in told(talk.owner)] == [500, 500]

    def test_a_recording_without_a_title_has_none(self, alice: User, talk: Recording) -> None:
        edit_recording(recording=talk, by=alice, changes={"title": None})
        assert told(alice)[0].data["title"] is None
