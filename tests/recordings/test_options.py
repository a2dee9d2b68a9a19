"""Whose word counts: request, tags in order, folder, person, operator, environment.

incumbent-behaviour.md, 5.3; http-contract.md, 0.1.34.
"""

from __future__ import annotations

from typing import Any

import pytest
from constance import config
from pytest_django import DjangoAssertNumQueries

from accounts.models import Group, User
from organizing.models import Folder, Tag
from recordings.models import Job, Recording
from recordings.pipeline.options import Hints, TranscriptionOptions, resolve, shelves_of
from recordings.services.processing import queue_transcription, retry_job
from speakr_site.core import system
from tests.factories import make_folder, make_recording, make_tag

# Column of a tag or folder, option, hint.
TEXTS = [
    ("default_language", "language", "language"),
    ("default_hotwords", "hotwords", "hotwords"),
    ("default_initial_prompt", "initial_prompt", "initial_prompt"),
    ("default_transcription_model", "model", "transcription_model"),
]
WORDS = {"language": ["de", "en", "fr", "it", "es", "pt"]}
MODELS = '["one", "two", "three", "four"]'


def policy(**changes: Any) -> system.SystemSettings:
    values = {name: getattr(system.defaults(), name) for name in system.CONFIG}
    return system.SystemSettings(**{**values, **changes})


def resolved(
    hints: Hints,
    *shelves: Tag | Folder,
    owner: User | None = None,
    **settings: Any,
) -> TranscriptionOptions:
    chosen = {"transcription_models_visible_json": MODELS, **settings}
    return resolve(hints, owner=owner or User(), system=policy(**chosen), shelves=shelves)


@pytest.mark.parametrize(("column", "option", "hint"), TEXTS)
def test_a_text_comes_from_the_first_that_has_one(column: str, option: str, hint: str) -> None:
    asked, first, second, folder = WORDS.get(option, ["one", "two", "three", "four"])[:4]
    shelves = [Tag(), Tag(**{column: first}), Tag(**{column: second}), Folder(**{column: folder})]
    assert getattr(resolved(Hints(**{hint: asked}), *shelves), option) == asked
    assert getattr(resolved(Hints(), *shelves), option) == first
    assert getattr(resolved(Hints(), *shelves[2:]), option) == second
    assert getattr(resolved(Hints(), Tag(**{column: " "}), shelves[3]), option) == folder
    assert getattr(resolved(Hints(), Tag(), Folder()), option) is None


def test_after_the_folder_come_person_and_operator() -> None:
    person = User(
        transcription_language="pt",
        transcription_hotwords="person",
        transcription_initial_prompt="person",
    )
    server = {
        "admin_default_hotwords": "server",
        "admin_default_initial_prompt": "server",
        "transcription_default_model": "four",
    }
    full = Folder(
        default_language="es",
        default_hotwords="folder",
        default_initial_prompt="folder",
        default_transcription_model="three",
    )

    def words(*shelves: Folder, owner: User | None = None) -> tuple[str | None, ...]:
        options = resolved(Hints(), *shelves, owner=owner, **server)
        return options.language, options.hotwords, options.initial_prompt, options.model

    assert words(full, owner=person) == ("es", "folder", "folder", "three")
    assert words(Folder(), owner=person) == ("pt", "person", "person", "four")
    assert words() == (None, "server", "server", "four")


def test_an_empty_language_asks_for_detection_whatever_the_defaults() -> None:
    tag, person = Tag(default_language="de"), User(transcription_language="fr")
    assert resolved(Hints(language=""), tag, owner=person).language is None


def test_a_default_that_nobody_can_use_is_passed_over() -> None:
    tags = [
        Tag(default_language="klingon", default_transcription_model="unlisted"),
        Tag(default_language="en-GB", default_transcription_model=" two "),
    ]
    options = resolved(Hints(transcription_model="unlisted"), *tags)
    assert (options.language, options.model) == ("en", "two")


@pytest.mark.parametrize(
    ("asked", "tags", "folder", "server", "expected"),
    [
        ((None, None), [], (None, None), (2, 6), (2, 6)),
        ((None, None), [], (3, 5), (2, 6), (3, 5)),
        ((None, None), [(None, None), (4, None), (1, 8)], (3, 5), (2, 6), (4, 8)),
        ((1, 2), [(4, 9)], (3, 5), (2, 6), (1, 2)),
        ((1, None), [(4, 9)], (3, 5), (2, 6), (1, 9)),
        # What contradicts a stronger word is passed over.
        ((5, None), [(2, 3)], (3, 8), (2, 6), (5, 8)),
        ((None, 1), [(2, 3)], (None, None), (None, None), (None, 1)),
        ((None, None), [(7, None)], (None, None), (2, 6), (7, None)),
    ],
)
def test_each_bound_of_the_speakers_comes_from_the_first_that_has_it(
    settings: Any,
    asked: tuple,
    tags: list[tuple],
    folder: tuple,
    server: tuple,
    expected: tuple,
) -> None:
    settings.ASR_MIN_SPEAKERS, settings.ASR_MAX_SPEAKERS = server
    shelves = [
        *(Tag(default_min_speakers=least, default_max_speakers=most) for least, most in tags),
        Folder(default_min_speakers=folder[0], default_max_speakers=folder[1]),
    ]
    options = resolved(Hints(min_speakers=asked[0], max_speakers=asked[1]), *shelves)
    assert (options.min_speakers, options.max_speakers) == expected


@pytest.mark.django_db
class TestOfARecording:
    @pytest.fixture
    def recording(self, alice: User) -> Recording:
        config.enable_folders = True
        folder = make_folder(owner=alice, default_initial_prompt="A call.")
        recording = make_recording(owner=alice, folder=folder)
        for position, name in enumerate(["z", "a", "m"]):
            tag = make_tag(owner=alice, name=name, default_hotwords=name)
            recording.tag_links.create(tag=tag, position=5 - position)
        return recording

    def names(self, recording: Recording) -> list[str]:
        return [shelf.name for shelf in shelves_of(recording, system=system.current())]

    def test_tags_come_in_their_order_and_the_folder_last(self, recording: Recording) -> None:
        assert self.names(recording) == ["m", "a", "z", "Clients"]

    def test_a_folder_says_nothing_while_folders_are_disabled(self, recording: Recording) -> None:
        config.enable_folders = False
        assert self.names(recording) == ["m", "a", "z"]

    def test_what_is_not_the_owners_says_nothing(
        self, recording: Recording, bob: User, group: Group
    ) -> None:
        recording.tag_links.create(tag=make_tag(owner=bob, name="note"), position=0)
        recording.tag_links.create(tag=make_tag(group=group, name="team"), position=1)
        assert self.names(recording) == ["team", "m", "a", "z", "Clients"]
        recording.owner.memberships.all().delete()
        assert self.names(recording) == ["m", "a", "z", "Clients"]

    def test_the_number_of_tags_costs_no_query(
        self, recording: Recording, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        policy = system.current()
        with django_assert_num_queries(2):
            shelves_of(recording, system=policy)

    def test_transcribing_again_and_a_retry_use_the_defaults_of_now(
        self, recording: Recording, alice: User
    ) -> None:
        job = queue_transcription(recording=recording, by=alice, hints=Hints(language="de"))
        assert (job.options["hotwords"], job.options["initial_prompt"]) == ("m", "A call.")
        Job.objects.update(status=Job.Status.FAILED)
        Tag.objects.filter(name="m").update(default_hotwords=None)
        again = retry_job(Job.objects.get())
        assert again.pk != job.pk
        assert (again.options["hotwords"], again.options["language"]) == ("a", "de")
