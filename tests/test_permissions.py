"""The whole policy as one table: route x person -> status.

Alice owns the recording, a tag, a folder and a speaker; she and Bob are in the group, Dana
administers it, Carol is a stranger, Otto operates the server. In a row, `{alice}` is what is
Alice's, `{group}` what is the group's, or the group; both stand for the route's `{pk}`. The
`{user_id}` of a member is Alice's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from constance import config
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import ApiToken, Group, User
from accounts.services import issue_token
from organizing.models import Folder, Tag
from recordings.models import Recording, RecordingTag, TranscriptTemplate
from speakers.models import Speaker
from tests.conftest import make_user
from tests.factories import make_folder, make_recording, make_tag, make_transcript
from tests.recordings.api.uploading import wav
from tests.routes import Route, api_routes

pytestmark = pytest.mark.django_db

PEOPLE = ("alice", "bob", "dana", "carol", "otto", "nobody")
TABLE = """
                                            alice  bob  dana  carol  otto  nobody
GET    docs                                 200    200  200   200    200   200
GET    openapi.json                         200    200  200   200    200   200
GET    users/me                             200    200  200   200    200   401
PATCH  users/me                             200    200  200   200    200   401
PUT    settings/auto-summarization          200    200  200   200    200   401
GET    transcription                        200    200  200   200    200   401
GET    stats                                200    200  200   200    200   401
GET    stats?scope=all                      403    403  403   403    200   401

GET    recordings                           200    200  200   200    200   401
POST   recordings/upload                    202    202  202   202    202   401
GET    recordings/{alice}                   200    403  403   403    403   401
PATCH  recordings/{alice}                   200    403  403   403    403   401
DELETE recordings/{alice}                   200    403  403   403    403   401
GET    recordings/{alice}/status            200    403  403   403    403   401
GET    recordings/{alice}/transcript        200    403  403   403    403   401
GET    recordings/{alice}/notes             200    403  403   403    403   401
PUT    recordings/{alice}/notes             200    403  403   403    403   401
GET    recordings/{alice}/summary           200    403  403   403    403   401
PUT    recordings/{alice}/summary           200    403  403   403    403   401
GET    recordings/{alice}/speakers          200    403  403   403    403   401
PUT    recordings/{alice}/speakers/assign   200    403  403   403    403   401
POST   recordings/{alice}/tags              200    403  403   403    403   401
DELETE recordings/{alice}/tags/{tag_id}     200    403  403   403    403   401
POST   recordings/{alice}/transcribe        200    403  403   403    403   401
GET    recordings/{alice}/audio             200    403  403   403    403   401
PATCH  recordings/batch                     200    200  200   200    200   401
DELETE recordings/batch                     200    200  200   200    200   401
POST   recordings/batch/transcribe          200    200  200   200    200   401

GET    tags                                 200    200  200   200    200   401
POST   tags                                 201    201  201   201    201   401
PUT    tags/{alice}                         200    403  403   403    403   401
PUT    tags/{group}                         403    403  200   403    403   401
DELETE tags/{alice}                         200    403  403   403    403   401
DELETE tags/{group}                         403    403  200   403    403   401

GET    folders                              200    200  200   200    200   401
POST   folders                              201    201  201   201    201   401
GET    folders/{alice}                      200    403  403   403    403   401
GET    folders/{group}                      200    200  200   403    403   401
PUT    folders/{alice}                      200    403  403   403    403   401
PUT    folders/{group}                      403    403  200   403    403   401
PATCH  folders/{alice}                      200    403  403   403    403   401
PATCH  folders/{group}                      403    403  200   403    403   401
DELETE folders/{alice}                      200    403  403   403    403   401
DELETE folders/{group}                      403    403  200   403    403   401

GET    speakers                             200    200  200   200    200   401
POST   speakers                             201    201  201   201    201   401
PUT    speakers/{alice}                     200    403  403   403    403   401
DELETE speakers/{alice}                     200    403  403   403    403   401

GET    groups                               200    200  200   200    200   401
POST   groups                               403    403  403   403    201   401
GET    groups/{group}                       200    200  200   404    200   401
PATCH  groups/{group}                       403    403  403   404    200   401
DELETE groups/{group}                       403    403  403   404    204   401
POST   groups/{group}/members               403    403  201   404    201   401
PATCH  groups/{group}/members/{user_id}     403    403  200   404    200   401
DELETE groups/{group}/members/{user_id}     204    403  204   404    204   401

GET    transcript-templates                 200    200  200   200    200   401
POST   transcript-templates                 201    201  201   201    201   401
GET    transcript-templates/{alice}         200    404  404   404    404   401
PUT    transcript-templates/{alice}         200    404  404   404    404   401
PATCH  transcript-templates/{alice}         200    404  404   404    404   401
DELETE transcript-templates/{alice}         200    404  404   404    404   401

GET    tokens                               200    200  200   200    200   401
POST   tokens                               201    201  201   201    201   401
PUT    tokens/{alice}                       200    404  404   404    404   401
PATCH  tokens/{alice}                       200    404  404   404    404   401
DELETE tokens/{alice}                       200    404  404   404    404   401
"""
# Bodies that are in order; of `{}` everything is optional.
BODIES: dict[str, dict[str, Any]] = {
    "PUT settings/auto-summarization": {"enabled": False},
    "PATCH recordings/{pk}": {"title": "After"},
    "PUT recordings/{pk}/notes": {"notes": "After"},
    "PUT recordings/{pk}/summary": {"summary": "After"},
    "PUT recordings/{pk}/speakers/assign": {"speaker_map": {"SPEAKER_00": "After"}},
    "POST recordings/{pk}/transcribe": {},
    "POST tags": {"name": "After"},
    "PUT tags/{pk}": {"name": "After"},
    "POST folders": {"name": "After"},
    "PUT folders/{pk}": {"name": "After"},
    "PATCH folders/{pk}": {"name": "After"},
    "POST speakers": {"name": "After"},
    "PUT speakers/{pk}": {"name": "After"},
    "PATCH users/me": {"name": "After"},
    "POST groups": {"name": "After"},
    "PATCH groups/{pk}": {"name": "After"},
    "POST groups/{pk}/members": {"user": "erin"},
    "PATCH groups/{pk}/members/{user_id}": {"role": "member"},
    "POST transcript-templates": {"name": "After", "template": "{{text}}"},
    "PUT transcript-templates/{pk}": {"name": "After"},
    "PATCH transcript-templates/{pk}": {"name": "After"},
    "POST tokens": {"name": "After"},
    "PUT tokens/{pk}": {"name": "After"},
    "PATCH tokens/{pk}": {"name": "After"},
}
KINDS: dict[str, type[Model]] = {
    "recordings": Recording,
    "tags": Tag,
    "folders": Folder,
    "speakers": Speaker,
    "groups": Group,
    "transcript-templates": TranscriptTemplate,
    "tokens": ApiToken,
}
# What a group may own, besides a person.
SHELVES = ("tags", "folders")
OPEN_TO_EVERYONE = {"GET docs", "GET openapi.json"}
ROUTES = {str(route): route for route in api_routes()}
SECRET = "Secret"


@dataclass(frozen=True)
class World:
    """What there is: by kind (the first part of a route) and by whose it is."""

    rows: dict[tuple[str, str], Model]
    member: User

    def pk(self, kind: str, whose: str = "alice") -> int:
        return self.rows[kind, whose].pk


def policy() -> dict[str, dict[str, int]]:
    header, *rows = TABLE.strip().splitlines()
    assert tuple(header.split()) == PEOPLE
    table = {}
    for row in filter(None, rows):
        method, path, *statuses = row.split()
        table[f"{method} {path}"] = dict(zip(PEOPLE, map(int, statuses), strict=True))
    return table


def route_of(row: str) -> Route:
    plain = row.partition("?")[0]
    return ROUTES[plain.replace("{alice}", "{pk}").replace("{group}", "{pk}")]


def kind_of(row: str) -> str:
    return route_of(row).path.partition("/")[0]


@pytest.fixture(autouse=True)
def _no_failed_attempts() -> None:
    """Too many wrong tokens from one address are answered with 429."""
    cache.clear()


@pytest.fixture
def world(alice: User, group: Group) -> World:
    """Every text in it that only some may read is SECRET."""
    config.enable_folders = True
    key = default_storage.save("audio/1/2024/01/policy.wav", ContentFile(wav()))
    folder = make_folder(owner=alice, name=SECRET)
    tag = make_tag(owner=alice, name=SECRET)
    recording = make_recording(
        owner=alice, title=SECRET, audio_key=key, notes=SECRET, summary=SECRET, folder=folder
    )
    make_user("erin")
    segments = [{"speaker": "SPEAKER_00", "start": 0.0, "end": 1.0, "text": SECRET}]
    make_transcript(recording=recording, segments=segments)
    RecordingTag.objects.create(recording=recording, tag=tag, position=0)
    return World(
        {
            ("recordings", "alice"): recording,
            ("tags", "alice"): tag,
            ("tags", "group"): make_tag(group=group, name=f"{SECRET} of the group"),
            ("folders", "alice"): folder,
            ("folders", "group"): make_folder(group=group, name=f"{SECRET} of the group"),
            ("speakers", "alice"): Speaker.objects.create(owner=alice, name=SECRET),
            ("groups", "group"): group,
            ("transcript-templates", "alice"): TranscriptTemplate.objects.create(
                owner=alice, name=SECRET, template=SECRET
            ),
            ("tokens", "alice"): issue_token(user=alice, name=SECRET)[0],
        },
        member=alice,
    )


@pytest.fixture
def who(
    api: Callable[[User | None], APIClient], request: pytest.FixtureRequest
) -> Callable[[str], APIClient]:
    """A client of one of PEOPLE."""
    return lambda name: api(None if name == "nobody" else request.getfixturevalue(name))


def send(client: APIClient, row: str, world: World, pk: int | None = None) -> Response:
    """A request that is in order, so that only the person can be what is wrong. `pk`: instead of
    the row's own.
    """
    route = route_of(row)
    if route.path == "recordings/upload":
        file = SimpleUploadedFile("meeting.wav", wav())
        return client.post(route.url(), {"file": file}, format="multipart")
    if pk is None and "{pk}" in route.path:
        pk = world.pk(kind_of(row), "group" if "{group}" in row else "alice")
    url = route.url(pk or 0, tag_id=world.pk("tags"), user_id=world.member.pk)
    query = row.partition("?")[2]
    body = BODIES.get(str(route))
    if str(route) == "POST recordings/{pk}/tags":
        body = {"tag_id": world.pk("tags")}
    if route.path.startswith("recordings/batch"):
        body = {"recording_ids": [world.pk("recordings")], "updates": {"is_inbox": False}}
    if body is None:
        return client.generic(route.method, f"{url}?{query}" if query else url)
    return getattr(client, route.method.lower())(url, body)


def contents(response: Response) -> bytes:
    return b"".join(response) if response.streaming else response.content


def state(kind: str) -> list[dict[str, Any]]:
    return list(KINDS[kind].objects.order_by("pk").values())


def test_every_route_has_a_row() -> None:
    assert {str(route_of(row)) for row in policy()} == set(ROUTES)


def test_what_a_group_may_own_has_a_row_for_that() -> None:
    of_persons = {row.replace("{alice}", "{group}") for row in policy() if "{alice}" in row}
    of_groups = {row for row in policy() if "{group}" in row and kind_of(row) != "groups"}
    assert of_groups == {row for row in of_persons if kind_of(row) in SHELVES}


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("row", policy())
def test_the_table_holds(
    who: Callable[[str], APIClient], world: World, row: str, person: str
) -> None:
    client = who(person)
    before = {kind: state(kind) for kind in KINDS}
    response = send(client, row, world)
    expected = policy()[row][person]
    assert response.status_code == expected, contents(response)
    if expected < 400:
        return
    assert SECRET.encode() not in contents(response)
    assert {kind: state(kind) for kind in KINDS} == before
    assert set(response.json()) == {"error"}, "nothing but the sentence"
    if expected == 401:
        assert response["WWW-Authenticate"] == "Bearer"
        assert response.json()["error"] == "Authentication required"


@pytest.mark.parametrize("person", ["carol", "otto"])
@pytest.mark.parametrize("row", [row for row in policy() if policy()[row]["carol"] < 400])
def test_a_stranger_never_reads_or_changes_what_is_not_theirs(
    who: Callable[[str], APIClient], world: World, row: str, person: str
) -> None:
    """Where the answer is no refusal. An operator is a stranger here too."""
    client = who(person)
    before = {kind: state(kind) for kind in KINDS}
    answer = contents(send(client, row, world))
    assert SECRET.encode() not in answer
    for kind, rows in before.items():
        assert state(kind)[: len(rows)] == rows


BATCHES = ("PATCH recordings/batch", "DELETE recordings/batch", "POST recordings/batch/transcribe")


@pytest.mark.parametrize("person", ["bob", "dana", "carol", "otto"])
@pytest.mark.parametrize("row", BATCHES)
def test_a_batch_refuses_what_is_not_one_s_own_item_by_item(
    who: Callable[[str], APIClient], world: World, row: str, person: str
) -> None:
    answer = send(who(person), row, world).json()
    assert answer["failed"] == 1
    assert answer["results"] == [
        {"id": world.pk("recordings"), "success": False, "error": "Permission denied"}
    ]
    recording = Recording.objects.get()
    assert (recording.is_inbox, recording.jobs.count()) == (True, 0)


@pytest.fixture
def carols(carol: User, world: World) -> Recording:
    """A recording of Carol's, who may use nothing of Alice's and nothing of the group's."""
    return make_recording(owner=carol, title="Hers")


@pytest.mark.parametrize("whose", ["alice", "group"])
def test_nobody_files_a_recording_under_what_they_may_not_use(
    who: Callable[[str], APIClient], world: World, carols: Recording, whose: str
) -> None:
    client, one = who("carol"), f"/api/v1/recordings/{carols.pk}"
    tag, folder = world.pk("tags", whose), world.pk("folders", whose)
    answers = [
        client.post(f"{one}/tags", {"tag_ids": [tag]}),
        client.patch(one, {"folder_id": folder}),
        client.patch(
            "/api/v1/recordings/batch",
            {"recording_ids": [carols.pk], "updates": {"add_tag_ids": [tag]}},
        ),
        client.patch(
            "/api/v1/recordings/batch",
            {"recording_ids": [carols.pk], "updates": {"folder_id": folder}},
        ),
        client.post(
            "/api/v1/recordings/upload",
            {
                "file": SimpleUploadedFile("meeting.wav", wav()),
                "tag_ids[0]": tag,
                "folder_id": folder,
            },
            format="multipart",
        ),
        client.get(f"/api/v1/recordings?tag_id={tag}"),
        client.get(f"/api/v1/recordings?folder_id={folder}"),
        client.delete(f"{one}/tags/{tag}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 200, 403, 202, 200, 200, 404]
    for answer in answers:
        assert SECRET.encode() not in answer.content
    assert not RecordingTag.objects.filter(recording__owner=carols.owner).exists()
    assert set(Recording.objects.filter(owner=carols.owner).values_list("folder", flat=True)) == {
        None
    }


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "otto"])
@pytest.mark.parametrize("path", SHELVES)
def test_only_admins_make_something_the_group_s(
    who: Callable[[str], APIClient], world: World, group: Group, path: str, person: str
) -> None:
    refused = who(person).post(f"/api/v1/{path}", {"name": "New", "group_id": group.pk})
    assert refused.status_code == 403
    assert not KINDS[path].objects.filter(name="New").exists()


def test_a_folder_is_not_moved_into_a_group_by_a_member(
    who: Callable[[str], APIClient], world: World, group: Group
) -> None:
    moved = who("alice").patch(f"/api/v1/folders/{world.pk('folders')}", {"group_id": group.pk})
    assert moved.status_code == 403
    assert Folder.objects.get(pk=world.pk("folders")).group is None


def test_a_name_that_somebody_else_has_known_is_not_theirs(
    who: Callable[[str], APIClient], world: World, carols: Recording
) -> None:
    """Speakers are private: of two with the same name, everybody sees their own."""
    make_transcript(recording=carols, SPEAKER_00=SECRET)
    voices = who("carol").get(f"/api/v1/recordings/{carols.pk}/speakers").json()["speakers"]
    assert voices[0]["identified_name"] == SECRET
    assert voices[0]["speaker_id"] is None


@pytest.mark.parametrize("row", sorted(set(policy()) - OPEN_TO_EVERYONE))
def test_a_wrong_token_is_refused_everywhere(world: World, row: str) -> None:
    client = APIClient(headers={"X-API-Token": "x" * 43})
    response = send(client, row, world)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("row", [row for row in policy() if "{" in row])
def test_what_does_not_exist_is_not_found(
    who: Callable[[str], APIClient], world: World, row: str
) -> None:
    response = send(who("alice"), row, world, pk=10**6)
    assert response.status_code == 404
    assert response.json()["error"].endswith(" not found")


def test_a_token_of_somebody_who_left_opens_nothing(alice: User) -> None:
    _, secret = issue_token(user=alice, name="phone")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/v1/users/me").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/api/v1/users/me").status_code == 401
