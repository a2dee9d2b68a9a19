"""What an answer costs in queries does not depend on how many rows there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from constance import config
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from accounts.services import issue_token
from hooks.models import Delivery, Webhook
from organizing.models import Folder, NamingTemplate, Tag
from recordings.models import (
    CalendarEvent,
    Job,
    Recording,
    RecordingSpeaker,
    RecordingTag,
    Share,
    Transcript,
    TranscriptTemplate,
    ViewerState,
)
from speakers.models import Speaker
from tests.factories import (
    SEGMENTS,
    make_folder,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
)
from tests.routes import api_routes

pytestmark = pytest.mark.django_db

ROWS = 100
NOW = datetime(2026, 1, 15, 10, tzinfo=UTC)
RECORDINGS_BUDGET = 6
# Besides: who owns them, what the caller keeps on them, which they may change, and which of their
# folders the caller may know of.
SHARED_BUDGET = 9
# Of one recording.
PARTS = ("", "/status", "/transcript", "/notes", "/summary", "/speakers", "/events")
LISTS = [route for route in api_routes() if route.action == "list"]


def add_recordings(owner: User, count: int) -> None:
    """Recordings with all that belongs to one, as rows of few inserts."""
    recordings = Recording.objects.bulk_create(
        Recording(
            owner=owner,
            title=f"Meeting {number}",
            notes="notes",
            summary="summary",
            audio_key=f"audio/1/2024/01/{number}.wav",
            sha256="0" * 64,
        )
        for number in range(count)
    )
    transcripts = Transcript.objects.bulk_create(
        Transcript(recording=recording, number=1, segments=SEGMENTS) for recording in recordings
    )
    RecordingSpeaker.objects.bulk_create(
        RecordingSpeaker(transcript=transcript, label="SPEAKER_00", name="Alice")
        for transcript in transcripts
    )
    Job.objects.bulk_create(Job(recording=recording, owner=owner) for recording in recordings)
    for recording, transcript in zip(recordings, transcripts, strict=True):
        recording.current_transcript = transcript
    Recording.objects.bulk_update(recordings, ["current_transcript"])
    file_recordings(owner, recordings)


def file_recordings(owner: User, recordings: list[Recording]) -> None:
    """Each in a folder of its own, under two tags of its own."""
    first = Recording.objects.filter(owner=owner).count()
    names = [f"{number}" for number in range(first, first + len(recordings))]
    folders = Folder.objects.bulk_create(Folder(owner=owner, name=name) for name in names)
    for recording, folder in zip(recordings, folders, strict=True):
        recording.folder = folder
    Recording.objects.bulk_update(recordings, ["folder"])
    for position in range(2):
        tags = Tag.objects.bulk_create(
            Tag(owner=owner, name=f"{name} {position}") for name in names
        )
        RecordingTag.objects.bulk_create(
            RecordingTag(recording=recording, tag=tag, position=position)
            for recording, tag in zip(recordings, tags, strict=True)
        )


def add_shelves(model: type[Tag] | type[Folder], owner: User, count: int) -> None:
    """Half of them the person's own, the others of groups, each of a group of its own; each with a
    naming template of its own.
    """
    first = model.objects.count()
    numbers = range(first, first + count)
    namings = add_namings(owner, count)
    groups = Group.objects.bulk_create(Group(name=f"{model} {n}") for n in numbers if n % 2)
    Membership.objects.bulk_create(Membership(group=group, user=owner) for group in groups)
    shelves = [model(owner=owner, name=str(n)) for n in numbers if not n % 2]
    shelves += [model(group=group, name="Of a group") for group in groups]
    for shelf, naming in zip(shelves, namings, strict=True):
        shelf.naming_template = naming
    shelves = model.objects.bulk_create(shelves)
    if model is Folder:
        Recording.objects.bulk_create(Recording(owner=owner, folder=shelf) for shelf in shelves)


def add_speakers(owner: User, count: int) -> None:
    first = Speaker.objects.count()
    numbers = range(first, first + count)
    Speaker.objects.bulk_create(Speaker(owner=owner, name=str(number)) for number in numbers)


def add_groups(owner: User, count: int) -> None:
    first = Group.objects.count()
    groups = Group.objects.bulk_create(Group(name=str(n)) for n in range(first, first + count))
    Membership.objects.bulk_create(Membership(group=group, user=owner) for group in groups)


def add_templates(owner: User, count: int) -> None:
    TranscriptTemplate.objects.bulk_create(
        TranscriptTemplate(owner=owner, name="Plain", template="{{text}}") for _ in range(count)
    )


def add_namings(owner: User, count: int) -> list[NamingTemplate]:
    return NamingTemplate.objects.bulk_create(
        NamingTemplate(owner=owner, name="Plain", template="{{filename}}") for _ in range(count)
    )


def add_events(recording: Recording, count: int) -> None:
    CalendarEvent.objects.bulk_create(
        CalendarEvent(
            recording=recording,
            title="Review",
            location="Room 9",
            start_datetime=NOW,
            attendees=["Ann", "Ben"],
        )
        for _ in range(count)
    )


def add_tokens(owner: User, count: int) -> None:
    for _ in range(count):
        issue_token(user=owner, name="phone")


def add_webhooks(owner: User, count: int) -> None:
    Webhook.objects.bulk_create(
        Webhook(owner=owner, events=["recording.created"]) for _ in range(count)
    )


def add_deliveries(owner: User, count: int) -> int:
    """All of one webhook, whose id this gives."""
    webhook, _ = Webhook.objects.get_or_create(owner=owner)
    Delivery.objects.bulk_create(
        Delivery(webhook=webhook, event_id=uuid4(), event_type="recording.created")
        for _ in range(count)
    )
    return webhook.pk


def add_shares(owner: User, count: int) -> int:
    """Half of them by hand, the others by tags of groups, each of a group of its own. Gives the id
    of the recording.
    """
    recording, is_new = Recording.objects.get_or_create(owner=owner, defaults={"completed_at": NOW})
    first = 0 if is_new else ROWS
    people = add_people(range(first, first + count))
    Share.objects.bulk_create(Share(recording=recording, user=user) for user in people[::2])
    groups = Group.objects.bulk_create(Group(name=user.username) for user in people[1::2])
    Membership.objects.bulk_create(
        Membership(group=group, user=user) for group, user in zip(groups, people[1::2], strict=True)
    )
    tags = Tag.objects.bulk_create(
        Tag(group=group, name="Ours", auto_share_on_apply=True) for group in groups
    )
    RecordingTag.objects.bulk_create(
        RecordingTag(recording=recording, tag=tag, position=first + number)
        for number, tag in enumerate(tags)
    )
    return recording.pk


def add_people(numbers: Iterable[int]) -> list[User]:
    return User.objects.bulk_create(
        User(username=f"person{number}", email=f"person{number}@example.com") for number in numbers
    )


def add_shared(viewer: User, count: int) -> None:
    """Recordings that others share with `viewer`, each in every way: another owner, a share, a tag
    and a folder of a group of its own, a tag of the viewer's and what they keep on it.
    """
    first = Recording.objects.exclude(owner=viewer).count()
    for owner in add_people(range(first, first + count)):
        group = Group.objects.create(name=owner.username)
        Membership.objects.create(group=group, user=viewer)
        opening = {"group": group, "auto_share_on_apply": True}
        recording = make_recording(
            owner=owner, completed_at=NOW, folder=make_folder(**opening), notes="Theirs"
        )
        make_share(recording=recording, user=viewer, can_edit=bool(owner.pk % 2))
        ViewerState.objects.create(recording=recording, user=viewer, is_highlighted=True)
        tags = (make_tag(**opening), make_tag(owner=viewer, name=owner.username))
        for position, tag in enumerate(tags):
            RecordingTag.objects.create(recording=recording, tag=tag, position=position)


FACTORIES: dict[str, Callable[[User, int], Any]] = {
    "recordings": add_recordings,
    "recordings/{pk}/shares": add_shares,
    "tags": partial(add_shelves, Tag),
    "folders": partial(add_shelves, Folder),
    "speakers": add_speakers,
    "groups": add_groups,
    "webhooks": add_webhooks,
    "webhooks/{pk}/deliveries": add_deliveries,
    "transcript-templates": add_templates,
    "naming-templates": add_namings,
    "tokens": add_tokens,
}


@pytest.fixture(autouse=True)
def _folders_and_sharing(db: None, settings: Any) -> None:
    config.enable_folders = True
    settings.ENABLE_INTERNAL_SHARING = True


def queries(client: APIClient, url: str, **query: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url, query)
    assert response.status_code == 200, response.content
    return [entry["sql"] for entry in captured]


@pytest.mark.parametrize("route", LISTS, ids=str)
def test_a_list_costs_the_same_for_two_rows_and_for_a_hundred(
    api: Callable[[User], APIClient], alice: User, route: Any
) -> None:
    assert route.path in FACTORIES, f"say in FACTORIES how rows of {route} are made"
    add, client = FACTORIES[route.path], api(alice)
    # One of each kind that a list may mix.
    made = add(alice, 2)
    url = route.url(made if "{pk}" in route.path else 1)
    size = {"per_page": ROWS, "limit": ROWS}
    few = queries(client, url, **size)
    add(alice, ROWS - 2)
    many = queries(client, url, **size)
    assert len(rows_of(client.get(url, size).json())) == ROWS
    assert len(many) == len(few), "\n".join(many)


def rows_of(answer: Any) -> list[Any]:
    """The one list of rows in an answer, which may be the answer itself."""
    if isinstance(answer, list):
        return answer
    lists = [part for part in answer.values() if isinstance(part, list)]
    (rows,) = [part for part in lists if isinstance(part[0], dict)]
    return rows


@pytest.mark.parametrize("query", [{}, {"q": "Meeting"}, {"folder_id": "none"}, {"tag_id": 1}])
def test_a_list_of_recordings_stays_within_its_budget(
    api: Callable[[User], APIClient], alice: User, query: dict[str, Any]
) -> None:
    add_recordings(alice, 3)
    asked = queries(api(alice), "/api/v1/recordings", **query)
    assert len(asked) <= RECORDINGS_BUDGET, "\n".join(asked)


@pytest.mark.parametrize("scope", ["shared", "all"])
def test_a_list_of_what_others_share_costs_the_same_for_one_and_for_ten(
    api: Callable[[User], APIClient], alice: User, scope: str
) -> None:
    client = api(alice)
    add_recordings(alice, 1)
    asked = []
    for more in (1, 1, 8):
        add_shared(alice, more)
        asked.append(queries(client, "/api/v1/recordings", scope=scope))
    shown = client.get("/api/v1/recordings", {"scope": scope}).json()["recordings"]
    assert len([item for item in shown if "shared_by" in item]) == 10
    assert {len(each) for each in asked} == {len(asked[0])}, "\n".join(asked[-1])
    assert len(asked[0]) <= SHARED_BUDGET, "\n".join(asked[0])


@pytest.mark.parametrize("part", PARTS)
def test_what_others_share_costs_the_same_among_ten(
    api: Callable[[User], APIClient], alice: User, part: str
) -> None:
    client = api(alice)
    add_shared(alice, 1)
    recording = Recording.objects.get()
    make_transcript(recording=recording)
    url = f"/api/v1/recordings/{recording.pk}{part}"
    alone = queries(client, url)
    add_shared(alice, 9)
    assert len(queries(client, url)) == len(alone)


@pytest.mark.parametrize("part", ["", "/events", "/events/ics"])
def test_events_cost_the_same_for_two_and_for_a_hundred(
    api: Callable[[User], APIClient], alice: User, part: str
) -> None:
    User.objects.filter(pk=alice.pk).update(extract_events=True)
    recording = make_recording(owner=alice)
    url = f"/api/v1/recordings/{recording.pk}{part}"
    add_events(recording, 2)
    few = queries(api(alice), url)
    add_events(recording, ROWS - 2)
    assert len(queries(api(alice), url)) == len(few)
    assert api(alice).get(url).content.count(b"Room 9") == ROWS


def test_a_list_of_recordings_reads_no_transcript_and_no_text(
    api: Callable[[User], APIClient], alice: User
) -> None:
    add_recordings(alice, 3)
    sql = " ".join(queries(api(alice), "/api/v1/recordings"))
    for column in ('"segments"', '"words"', '"custom_prompt"', '"recordings_recording"."notes"'):
        assert column not in sql


@pytest.mark.parametrize("part", PARTS)
def test_one_recording_costs_the_same_among_a_hundred(
    api: Callable[[User], APIClient], alice: User, bob: User, part: str
) -> None:
    client = api(alice)
    add_recordings(alice, 1)
    url = f"/api/v1/recordings/{Recording.objects.get().pk}{part}"
    alone = queries(client, url)
    add_recordings(alice, ROWS - 1)
    add_recordings(bob, ROWS)
    assert len(queries(client, url)) == len(alone)


def test_a_page_past_the_end_asks_only_how_many_there_are(
    api: Callable[[User], APIClient], alice: User
) -> None:
    make_recording(owner=alice)
    beyond = queries(api(alice), "/api/v1/recordings", page=9)
    assert [sql.count("COUNT(") for sql in beyond if "recordings_recording" in sql] == [1]
