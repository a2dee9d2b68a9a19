"""Titles: what the pipeline calls a recording that nobody named, and what it is called when
somebody asks for another title (http-contract.md, 8.10 and 17.1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from constance import config
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import User
from recordings.llm import client as llm
from recordings.llm import extractive, waiting
from recordings.models import Job, Recording, TokenUsage
from recordings.pipeline.text_options import TextOptions
from recordings.tasks import work
from tests.conftest import Api
from tests.factories import (
    make_folder,
    make_job,
    make_naming_template,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
)
from tests.model_server import (
    BreaksOff,
    Floods,
    Hangs,
    ModelServer,
    Refuses,
    Sends,
    completion,
    model_server,
)

__all__ = ["model_server"]

pytestmark = pytest.mark.django_db

PLACEHOLDER = "Recording - Acme_kick-off.mp3"
SAID = (
    "We agreed to ship the new cargo bicycle in March.",
    "Mina will ask the bank about the loan for the cargo bicycle by Friday.",
)
PATTERN = r"^(?P<client>[A-Za-z]+)_"


@pytest.fixture(autouse=True)
def _forgets() -> Iterator[None]:
    yield
    llm._refused.clear()


@pytest.fixture
def talk(alice: User) -> Recording:
    return make_talk(alice)


def make_talk(owner: User, *texts: str, **columns: Any) -> Recording:
    """Transcribed late on the second of March, UTC; nobody named it."""
    values = {
        "title": PLACEHOLDER,
        "original_filename": "Acme_kick-off.mp3",
        "meeting_date": datetime(2026, 3, 2, 23, 30, tzinfo=UTC),
    }
    recording = make_recording(owner=owner, **{**values, **columns})
    segments = [
        {"speaker": "SPEAKER_00", "start": index * 5.0, "end": index * 5.0 + 4, "text": text}
        for index, text in enumerate(texts or SAID)
    ]
    make_transcript(recording=recording, segments=segments)
    return Recording.objects.get(pk=recording.pk)


def after_the_pipeline(recording: Recording) -> Recording:
    """As it is after text work that had only the title to make."""
    options = TextOptions(title=True, summary=False, events=False, prompt=None, is_request=False)
    make_job(recording=recording, lane=Job.Lane.TEXT, options=options.as_document())
    for _ in range(9):
        Job.objects.update(available_at=datetime(2020, 1, 1, tzinfo=UTC))
        work(Job.Lane.TEXT)
    assert not Job.objects.active().exists()
    return Recording.objects.get(pk=recording.pk)


def url(recording: Recording) -> str:
    return f"/api/v1/recordings/{recording.pk}/regenerate_title"


class TestThePipeline:
    def test_the_model_names_what_nobody_named(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        model_server.answers = ['"Cargo bicycle in March"']
        assert after_the_pipeline(talk).title == "Cargo bicycle in March"
        assert SAID[0] in model_server.prompts()[0]
        assert PLACEHOLDER not in model_server.prompts()[0]
        assert TokenUsage.objects.get().operation == "title_generation"

    @pytest.mark.parametrize("prefix", ["Recording - ", "Auto-processed - "])
    def test_a_name_that_a_program_gave_is_nobody_s_choice(
        self, alice: User, model_server: ModelServer, prefix: str
    ) -> None:
        filename = "kick-off.mp3".rjust(300, "x")
        talk = make_talk(alice, title=f"{prefix}{filename}"[:200], original_filename=filename)
        model_server.answers = ["Cargo bicycle"]
        assert after_the_pipeline(talk).title == "Cargo bicycle"

    def test_the_same_of_another_file_is(self, alice: User, model_server: ModelServer) -> None:
        talk = make_talk(alice, title="Auto-processed - other.mp3")
        assert after_the_pipeline(talk).title == "Auto-processed - other.mp3"
        assert model_server.requests == []

    def test_a_context_too_small_for_the_question_costs_a_warning(
        self, alice: User, model_server: ModelServer, settings: Any
    ) -> None:
        settings.TEXT_MODEL_CONTEXT_TOKENS = 2048
        done = after_the_pipeline(make_talk(alice, participants="人" * 500))
        assert (done.title, done.status) == (PLACEHOLDER, Recording.Status.COMPLETED)
        assert done.text_warnings == [
            "No title: What is asked takes more than half of the language model's context."
        ]
        assert model_server.requests == []

    def test_what_somebody_chose_stays(self, alice: User, model_server: ModelServer) -> None:
        talk = make_talk(alice, title="Kick-off")
        assert after_the_pipeline(talk).title == "Kick-off"
        assert model_server.requests == []

    def test_without_a_model_it_is_called_by_its_key_phrases(self, talk: Recording) -> None:
        assert "cargo bicycle" in after_the_pipeline(talk).title.casefold()

    def test_where_hardly_anything_was_said_the_title_stays(self, alice: User) -> None:
        assert after_the_pipeline(make_talk(alice, "Yes.")).title == PLACEHOLDER

    def test_a_template_that_needs_no_model_asks_none(
        self, talk: Recording, alice: User, model_server: ModelServer
    ) -> None:
        User.objects.filter(pk=alice.pk).update(monthly_tokens=1)
        TokenUsage.objects.add(
            user_id=alice.pk,
            operation="chat",
            prompt=5,
            completion=5,
            moment=datetime.now(tz=UTC),
        )
        make_naming_template(
            owner=alice, template="{{client}} {{filename}}", pattern=PATTERN, is_default=True
        )
        done = after_the_pipeline(talk)
        assert (done.title, done.text_warnings) == ("Acme Acme_kick-off", [])
        assert model_server.requests == []

    def test_a_template_s_dates_are_in_the_owner_s_zone(self, talk: Recording, alice: User) -> None:
        User.objects.filter(pk=alice.pk).update(timezone="Europe/Berlin")
        make_naming_template(owner=alice, template="{{datetime}}", is_default=True)
        assert after_the_pipeline(talk).title == "2026-03-03 00:30"

    @pytest.mark.parametrize(
        "day", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    )
    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
    def test_no_date_is_too_early_or_too_late(self, alice: User, day: datetime, zone: str) -> None:
        User.objects.filter(pk=alice.pk).update(timezone=zone)
        talk = make_talk(alice, meeting_date=day)
        make_naming_template(owner=alice, template="{{year}}", is_default=True)
        assert after_the_pipeline(talk).title == f"{day.year:04}"

    def test_the_model_s_title_stands_in_the_template(
        self, talk: Recording, alice: User, model_server: ModelServer
    ) -> None:
        model_server.answers = ["Cargo bicycle"]
        make_naming_template(owner=alice, template="{{date}} {{ai_title}}", is_default=True)
        assert after_the_pipeline(talk).title == "2026-03-02 Cargo bicycle"

    def test_the_file_s_name_stands_in_the_template_where_nothing_was_said(
        self, alice: User
    ) -> None:
        make_naming_template(owner=alice, template="{{date}} {{ai_title}}", is_default=True)
        done = after_the_pipeline(make_talk(alice, "Yes."))
        assert done.title == "2026-03-02 Acme_kick-off"

    def test_first_the_tags_in_their_order_then_the_folder_then_the_owner_s_default(
        self, talk: Recording, alice: User, carol: User
    ) -> None:
        config.enable_folders = True
        made = {
            name: make_naming_template(owner=alice, name=name, template=name)
            for name in ("tag 2", "tag 3", "folder", "default")
        }
        made["default"].is_default = True
        made["default"].save()
        make_naming_template(owner=carol, template="of Carol", is_default=True)
        for position, name in enumerate(("tag 1", "tag 2", "tag 3")):
            tag = make_tag(owner=alice, name=name, naming_template=made.get(name))
            talk.tag_links.create(tag=tag, position=position)
        talk.folder = make_folder(owner=alice, naming_template=made["folder"])
        talk.save()

        def title() -> str | None:
            Recording.objects.update(title=PLACEHOLDER)
            return after_the_pipeline(Recording.objects.get(pk=talk.pk)).title

        assert title() == "tag 2"
        talk.tag_links.all().delete()
        assert title() == "folder"
        config.enable_folders = False
        assert title() == "default"
        config.enable_folders = True
        Recording.objects.update(folder=None)
        assert title() == "default"
        made["default"].delete()
        assert "cargo bicycle" in str(title()).casefold()

    def test_a_used_up_budget_costs_a_warning_and_no_call(
        self, talk: Recording, alice: User, model_server: ModelServer
    ) -> None:
        User.objects.filter(pk=alice.pk).update(monthly_tokens=1)
        TokenUsage.objects.add(
            user_id=alice.pk,
            operation="chat",
            prompt=5,
            completion=5,
            moment=datetime.now(tz=UTC),
        )
        done = after_the_pipeline(talk)
        assert (done.title, done.status) == (PLACEHOLDER, Recording.Status.COMPLETED)
        (warning,) = done.text_warnings
        assert warning.startswith("No title: Monthly token budget exceeded")
        assert model_server.requests == []

    def test_a_model_in_trouble_costs_a_warning(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        model_server.answers = [Refuses(500)]
        done = after_the_pipeline(talk)
        assert (done.title, done.status) == (PLACEHOLDER, Recording.Status.COMPLETED)
        assert len(done.text_warnings) == 1


FAULTS = [
    Refuses(500),
    Refuses(401),
    Refuses(404),
    Hangs(),
    BreaksOff(),
    Floods(),
    Sends(b"{broken"),
    Sends(b"<html>no</html>", "text/html"),
    completion(""),
    completion("<think>never said"),
    completion('""'),
]


class TestRegenerating:
    def test_another_title_replaces_even_one_that_somebody_chose(
        self, client: APIClient, alice: User, model_server: ModelServer
    ) -> None:
        talk = make_talk(alice, title="Kick-off")
        model_server.answers = ["Cargo bicycle"]
        response = client.post(url(talk))
        assert response.status_code == 200
        detail = client.get(f"/api/v1/recordings/{talk.pk}").json()
        assert detail["title"] == "Cargo bicycle"
        assert response.json() == {
            "success": True,
            "title": "Cargo bicycle",
            "recording": detail,
        }
        assert "Kick-off" not in model_server.prompts()[0]

    def test_without_a_model_it_is_made_of_key_phrases_soon(
        self, client: APIClient, talk: Recording
    ) -> None:
        response = client.post(url(talk))
        assert response.status_code == 200
        assert "cargo bicycle" in response.json()["title"].casefold()

    def test_by_the_template_no_model_is_asked_for_what_it_does_not_name(
        self, client: APIClient, talk: Recording, alice: User, model_server: ModelServer
    ) -> None:
        make_naming_template(owner=alice, template="{{date}} {{filename}}", is_default=True)
        assert client.post(url(talk)).json()["title"] == "2026-03-02 Acme_kick-off"
        assert model_server.requests == []

    def test_the_owner_s_template_counts_and_the_caller_s_budget_pays(
        self, api: Api, alice: User, bob: User, settings: Any, model_server: ModelServer
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = True
        make_naming_template(owner=alice, template="A {{ai_title}}", is_default=True)
        make_naming_template(owner=bob, template="B {{ai_title}}", is_default=True)
        talk = make_talk(alice)
        make_share(recording=talk, user=bob, can_edit=True)
        model_server.answers = ["Bicycle"]
        assert api(bob).post(url(talk)).json()["title"] == "A Bicycle"
        assert TokenUsage.objects.get().user == bob
        User.objects.filter(pk=bob.pk).update(monthly_tokens=1)
        response = api(User.objects.get(pk=bob.pk)).post(url(talk))
        assert response.status_code == 403
        assert response.json()["error"].startswith("Monthly token budget exceeded")
        assert len(model_server.requests) == 1
        assert api(alice).post(url(talk)).status_code == 200

    @pytest.mark.parametrize(
        "texts", [None, ("Yes.",), ("a b c d e",), ()], ids=["none", "short", "nine", "empty"]
    )
    def test_without_words_there_is_nothing_to_make_it_of(
        self, client: APIClient, alice: User, texts: tuple[str, ...] | None
    ) -> None:
        if texts is None:
            talk = make_recording(owner=alice)
        else:
            talk = make_recording(owner=alice)
            said = [{"speaker": None, "start": 0.0, "end": 1.0, "text": text} for text in texts]
            make_transcript(recording=talk, segments=said)
        make_naming_template(owner=alice, template="{{date}}", is_default=True)
        response = client.post(url(talk))
        assert response.status_code == 400
        sentence = "No valid transcription available for title generation"
        assert response.json() == {"error": sentence}
        talk.refresh_from_db()
        assert talk.title == "Team meeting"

    def test_what_has_no_words_has_no_key_phrases(self, client: APIClient, alice: User) -> None:
        talk = make_talk(alice, "?!?!?!?!?!?!?!?!")
        assert client.post(url(talk)).status_code == 400

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
    def test_a_model_in_trouble_is_a_503_that_leaves_the_title(
        self,
        client: APIClient,
        talk: Recording,
        model_server: ModelServer,
        monkeypatch: pytest.MonkeyPatch,
        fault: Any,
    ) -> None:
        monkeypatch.setattr(waiting, "WAIT_SECONDS", 1)
        model_server.answers = [fault]
        begun = time.monotonic()
        response = client.post(url(talk))
        assert time.monotonic() - begun < 10
        assert response.status_code == 503
        assert "language model" in response.json()["error"]
        assert list(response.json()) == ["error"]
        assert int(response["Retry-After"]) >= 1
        talk.refresh_from_db()
        assert talk.title == PLACEHOLDER

    def test_it_says_how_long_the_model_s_server_wants_to_be_left_alone(
        self, client: APIClient, talk: Recording, model_server: ModelServer
    ) -> None:
        model_server.answers = [Refuses(429, headers={"Retry-After": "77"})]
        response = client.post(url(talk))
        assert (response.status_code, response["Retry-After"]) == (503, "77")

    def test_a_context_too_small_for_the_question_is_the_operator_s_to_mend(
        self, client: APIClient, alice: User, model_server: ModelServer, settings: Any
    ) -> None:
        settings.TEXT_MODEL_CONTEXT_TOKENS = 256
        response = client.post(url(make_talk(alice, participants="Mina, " * 80)))
        assert response.status_code == 503
        assert "TEXT_MODEL_CONTEXT_TOKENS" in response.json()["error"]
        assert model_server.requests == []

    def test_it_waits_only_where_there_is_a_place(
        self, client: APIClient, talk: Recording, alice: User, model_server: ModelServer,
        settings: Any,
    ) -> None:  # fmt: skip
        places = []
        try:
            while waiting._places.acquire(blocking=False):
                places.append(waiting._places)
            assert len(places) == 4
            response = client.post(url(talk))
            assert response.status_code == 503
            assert int(response["Retry-After"]) >= 1
            assert model_server.requests == []
            # Picking phrases takes a while too.
            settings.TEXT_MODEL_NAME = ""
            assert client.post(url(talk)).status_code == 503
            # What needs neither needs no place.
            make_naming_template(owner=alice, template="{{date}}", is_default=True)
            assert client.post(url(talk)).status_code == 200
        finally:
            for place in places:
                place.release()

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("has_model", [True, False])
    def test_no_connection_to_the_database_is_held_meanwhile(
        self, client: APIClient, talk: Recording, model_server: ModelServer, settings: Any,
        monkeypatch: pytest.MonkeyPatch, has_model: bool,
    ) -> None:  # fmt: skip
        open_then: list[bool] = []
        held = connections.all()

        def notes(*_arguments: Any, **_options: Any) -> str:
            open_then.append(any(connection.connection for connection in held))
            return "Cargo bicycle"

        if has_model:
            model_server.answers = [notes]
        else:
            settings.TEXT_MODEL_NAME = ""
            monkeypatch.setattr(extractive, "extractive_title", notes)
        assert client.post(url(talk)).json()["title"] == "Cargo bicycle"
        assert open_then == [False]

    def test_its_place_is_free_again_whatever_came_of_it(
        self, client: APIClient, talk: Recording, model_server: ModelServer, settings: Any
    ) -> None:
        settings.RATE_LIMITS = {}
        model_server.answers = [*[Refuses(500)] * 6, "Bicycle"]
        statuses = [client.post(url(talk)).status_code for _ in range(7)]
        assert statuses == [503] * 6 + [200]

    def test_who_loses_the_right_while_waiting_changes_nothing(
        self, api: Api, alice: User, bob: User, settings: Any, model_server: ModelServer
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = True
        talk = make_talk(alice)
        share = make_share(recording=talk, user=bob, can_edit=True)

        model_server.answers = ["Bicycle"]
        original = llm.complete

        def complete(*arguments: Any) -> llm.Reply:
            reply = original(*arguments)
            type(share).objects.filter(pk=share.pk).update(can_edit=False)
            return reply

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("recordings.llm.tasks.complete", complete)
            assert api(bob).post(url(talk)).status_code == 403
        talk.refresh_from_db()
        assert talk.title == PLACEHOLDER

    def test_only_who_may_edit_gets_another_title(
        self, api: Callable[..., APIClient], alice: User, bob: User, carol: User, settings: Any
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = True
        talk = make_talk(alice)
        make_share(recording=talk, user=bob)
        for user in (bob, carol):
            response = api(user).post(url(talk))
            assert response.status_code == 403
            refusal = "You do not have permission to edit this recording"
            assert response.json() == {"error": refusal}
        assert api(alice).post("/api/v1/recordings/999999/regenerate_title").status_code == 404
        talk.refresh_from_db()
        assert talk.title == PLACEHOLDER

    def test_it_is_limited_as_other_work_is(
        self, client: APIClient, talk: Recording, alice: User, settings: Any
    ) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, "processing": "2/m"}
        make_naming_template(owner=alice, template="{{date}}", is_default=True)
        statuses = [client.post(url(talk)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
