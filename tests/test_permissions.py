"""The whole policy as one table: route x person -> status.

Alice owns the recordings. One, `{alice}`, she shared by hand: with Erin, who may edit it, and with
Vera, who may read it. Another, `{tagged}`, carries a tag of the group that opens it to all members:
Bob is one, Dana administers them. A third, `{led}`, carries one that opens it to admins alone.
Carol is a stranger, Otto operates the server. Of everything else, `{alice}` is what is Alice's and
`{group}` what is the group's, or the group.

All of these stand for a route's `{pk}`; what a second id is, says `seconds`. What follows a `#`
tells apart bodies that need different rights.
"""

from __future__ import annotations

import re
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
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import ApiToken, Group, User
from accounts.services import issue_token
from hooks.models import Delivery, Webhook
from organizing.models import Folder, NamingTemplate, Tag
from recordings.models import (
    CalendarEvent,
    Job,
    PublicLink,
    Recording,
    RecordingTag,
    Share,
    TokenUsage,
    Transcript,
    TranscriptTemplate,
    ViewerState,
)
from speakers.models import Speaker
from tests.conftest import make_user
from tests.factories import (
    make_delivery,
    make_folder,
    make_public_link,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
    make_webhook,
)
from tests.model_server import ModelServer, model_server
from tests.names import Names, names
from tests.recordings.api.uploading import wav
from tests.routes import Route, api_routes

__all__ = ["model_server", "names"]

pytestmark = pytest.mark.django_db

PEOPLE = ("alice", "erin", "vera", "bob", "dana", "carol", "otto", "nobody")
TABLE = """
                                            alice erin vera bob  dana carol otto nobody
GET    docs                                 200   200  200  200  200  200   200  200
GET    openapi.json                         200   200  200  200  200  200   200  200
GET    users/me                             200   200  200  200  200  200   200  401
PATCH  users/me                             200   200  200  200  200  200   200  401
PUT    settings/auto-summarization          200   200  200  200  200  200   200  401
GET    transcription                        200   200  200  200  200  200   200  401
GET    stats                                200   200  200  200  200  200   200  401
GET    stats?scope=all                      403   403  403  403  403  403   200  401

GET    recordings                           200   200  200  200  200  200   200  401
GET    recordings?scope=shared              200   200  200  200  200  200   200  401
GET    recordings?scope=all                 200   200  200  200  200  200   200  401
POST   recordings/upload                    202   202  202  202  202  202   202  401
PATCH  recordings/batch                     200   200  200  200  200  200   200  401
DELETE recordings/batch                     200   200  200  200  200  200   200  401
POST   recordings/batch/transcribe          200   200  200  200  200  200   200  401

GET    recordings/{alice}                   200   200  200  403  403  403   403  401
PATCH  recordings/{alice}                   200   200  403  403  403  403   403  401
PATCH  recordings/{alice}#personal          200   200  200  403  403  403   403  401
PATCH  recordings/{alice}#mixed             200   200  403  403  403  403   403  401
PATCH  recordings/{alice}#folder            200   403  403  403  403  403   403  401
PATCH  recordings/{alice}#exempt            200   403  403  403  403  403   403  401
DELETE recordings/{alice}                   200   403  403  403  403  403   403  401
GET    recordings/{alice}/status            200   200  200  403  403  403   403  401
GET    recordings/{alice}/transcript        200   200  200  403  403  403   403  401
GET    recordings/{alice}/notes             200   200  200  403  403  403   403  401
PUT    recordings/{alice}/notes             200   200  200  403  403  403   403  401
GET    recordings/{alice}/summary           200   200  200  403  403  403   403  401
PUT    recordings/{alice}/summary           200   200  403  403  403  403   403  401
GET    recordings/{alice}/speakers          200   200  200  403  403  403   403  401
PUT    recordings/{alice}/speakers/assign   200   200  403  403  403  403   403  401
POST   recordings/{alice}/tags              200   200  200  403  403  403   403  401
POST   recordings/{alice}/tags#group        200   200  200  403  403  403   403  401
DELETE recordings/{alice}/tags/{tag_id}     200   404  404  403  403  403   403  401
POST   recordings/{alice}/transcribe        200   200  403  403  403  403   403  401
GET    recordings/{alice}/audio             200   200  200  403  403  403   403  401
POST   recordings/{alice}/summarize         200   200  403  403  403  403   403  401
POST   recordings/{alice}/regenerate_title  200   200  403  403  403  403   403  401
POST   recordings/{alice}/chat              200   200  200  403  403  403   403  401
POST   recordings/{alice}/chat#stream       200   200  200  403  403  403   403  401
POST   recordings/{alice}/speakers/identify 200   200  200  403  403  403   403  401
GET    recordings/{alice}/events            200   200  200  403  403  403   403  401
GET    recordings/{alice}/events/ics        200   200  200  403  403  403   403  401

GET    recordings/{tagged}                  200   403  403  200  200  403   403  401
PATCH  recordings/{tagged}                  200   403  403  403  200  403   403  401
PATCH  recordings/{tagged}#personal         200   403  403  200  200  403   403  401
PATCH  recordings/{tagged}#mixed            200   403  403  403  200  403   403  401
PATCH  recordings/{tagged}#folder           200   403  403  403  403  403   403  401
PATCH  recordings/{tagged}#exempt           200   403  403  403  403  403   403  401
DELETE recordings/{tagged}                  200   403  403  403  403  403   403  401
GET    recordings/{tagged}/status           200   403  403  200  200  403   403  401
GET    recordings/{tagged}/transcript       200   403  403  200  200  403   403  401
GET    recordings/{tagged}/notes            200   403  403  200  200  403   403  401
PUT    recordings/{tagged}/notes            200   403  403  200  200  403   403  401
GET    recordings/{tagged}/summary          200   403  403  200  200  403   403  401
PUT    recordings/{tagged}/summary          200   403  403  403  200  403   403  401
GET    recordings/{tagged}/speakers         200   403  403  200  200  403   403  401
PUT    recordings/{tagged}/speakers/assign  200   403  403  403  200  403   403  401
POST   recordings/{tagged}/tags             200   403  403  200  200  403   403  401
POST   recordings/{tagged}/tags#group       200   403  403  403  403  403   403  401
DELETE recordings/{tagged}/tags/{tag_id}    200   403  403  403  200  403   403  401
POST   recordings/{tagged}/transcribe       200   403  403  403  200  403   403  401
GET    recordings/{tagged}/audio            200   403  403  200  200  403   403  401
POST   recordings/{tagged}/summarize        200   403  403  403  200  403   403  401
POST   recordings/{tagged}/regenerate_title 200   403  403  403  200  403   403  401
POST   recordings/{tagged}/chat             200   403  403  200  200  403   403  401
POST   recordings/{tagged}/chat#stream      200   403  403  200  200  403   403  401
POST   recordings/{tagged}/speakers/identify 200   403  403  200  200  403   403  401
GET    recordings/{tagged}/events           200   403  403  200  200  403   403  401
GET    recordings/{tagged}/events/ics       200   403  403  200  200  403   403  401
GET    recordings/{led}                     200   403  403  403  200  403   403  401
PATCH  recordings/{led}                     200   403  403  403  200  403   403  401
PATCH  recordings/{led}#personal            200   403  403  403  200  403   403  401

GET    recordings/{alice}/shares            200   403  403  403  403  403   403  401
POST   recordings/{alice}/shares            201   403  403  403  403  403   403  401
DELETE recordings/{alice}/shares/{user_id}  204   204  403  403  403  403   403  401
GET    recordings/{tagged}/shares           200   403  403  403  403  403   403  401
POST   recordings/{tagged}/shares           201   403  403  403  403  403   403  401
DELETE recordings/{tagged}/shares/{user_id} 409   403  403  409  403  403   403  401
GET    recordings/{alice}/public-link       200   403  403  403  403  403   403  401
POST   recordings/{alice}/public-link       200   403  403  403  403  403   403  401
DELETE recordings/{alice}/public-link       204   403  403  403  403  403   403  401
GET    recordings/{tagged}/public-link      404   403  403  403  403  403   403  401
POST   recordings/{tagged}/public-link      201   403  403  403  403  403   403  401
DELETE recordings/{tagged}/public-link      204   403  403  403  403  403   403  401

GET    tags                                 200   200  200  200  200  200   200  401
POST   tags                                 201   201  201  201  201  201   201  401
PUT    tags/{alice}                         200   403  403  403  403  403   403  401
PUT    tags/{group}                         403   403  403  403  200  403   403  401
DELETE tags/{alice}                         200   403  403  403  403  403   403  401
DELETE tags/{group}                         403   403  403  403  200  403   403  401

GET    folders                              200   200  200  200  200  200   200  401
POST   folders                              201   201  201  201  201  201   201  401
GET    folders/{alice}                      200   403  403  403  403  403   403  401
GET    folders/{group}                      200   403  403  200  200  403   403  401
PUT    folders/{alice}                      200   403  403  403  403  403   403  401
PUT    folders/{group}                      403   403  403  403  200  403   403  401
PATCH  folders/{alice}                      200   403  403  403  403  403   403  401
PATCH  folders/{group}                      403   403  403  403  200  403   403  401
DELETE folders/{alice}                      200   403  403  403  403  403   403  401
DELETE folders/{group}                      403   403  403  403  200  403   403  401

GET    speakers                             200   200  200  200  200  200   200  401
POST   speakers                             201   201  201  201  201  201   201  401
PUT    speakers/{alice}                     200   403  403  403  403  403   403  401
DELETE speakers/{alice}                     200   403  403  403  403  403   403  401

GET    groups                               200   200  200  200  200  200   200  401
POST   groups                               403   403  403  403  403  403   201  401
GET    groups/{group}                       200   404  404  200  200  404   200  401
PATCH  groups/{group}                       403   404  404  403  403  404   200  401
DELETE groups/{group}                       403   404  404  403  403  404   204  401
POST   groups/{group}/members               403   404  404  403  201  404   201  401
PATCH  groups/{group}/members/{user_id}     403   404  404  403  200  404   200  401
DELETE groups/{group}/members/{user_id}     204   404  404  403  204  404   204  401

GET    transcript-templates                 200   200  200  200  200  200   200  401
POST   transcript-templates                 201   201  201  201  201  201   201  401
GET    transcript-templates/{alice}         200   404  404  404  404  404   404  401
PUT    transcript-templates/{alice}         200   404  404  404  404  404   404  401
PATCH  transcript-templates/{alice}         200   404  404  404  404  404   404  401
DELETE transcript-templates/{alice}         200   404  404  404  404  404   404  401

GET    naming-templates                     200   200  200  200  200  200   200  401
POST   naming-templates                     201   201  201  201  201  201   201  401
POST   naming-templates/preview             200   200  200  200  200  200   200  401
GET    naming-templates/{alice}             200   404  404  404  404  404   404  401
PUT    naming-templates/{alice}             200   404  404  404  404  404   404  401
PATCH  naming-templates/{alice}             200   404  404  404  404  404   404  401
DELETE naming-templates/{alice}             200   404  404  404  404  404   404  401

GET    webhooks                             200   200  200  200  200  200   200  401
POST   webhooks                             201   201  201  201  201  201   201  401
GET    webhooks/{alice}                     200   404  404  404  404  404   404  401
PATCH  webhooks/{alice}                     200   404  404  404  404  404   404  401
DELETE webhooks/{alice}                     204   404  404  404  404  404   404  401
POST   webhooks/{alice}/rotate-secret       200   404  404  404  404  404   404  401
POST   webhooks/{alice}/test                202   404  404  404  404  404   404  401
GET    webhooks/{alice}/deliveries          200   404  404  404  404  404   404  401
GET    webhooks/{alice}/deliveries/{delivery_id} 200   404  404  404  404  404   404  401
POST   webhooks/{alice}/deliveries/{delivery_id}/replay 202   404  404  404  404  404   404  401

GET    tokens                               200   200  200  200  200  200   200  401
POST   tokens                               201   201  201  201  201  201   201  401
PUT    tokens/{alice}                       200   404  404  404  404  404   404  401
PATCH  tokens/{alice}                       200   404  404  404  404  404   404  401
DELETE tokens/{alice}                       200   404  404  404  404  404   404  401
"""
# A batch is always answered with 200; what counts is what became of each recording.
BATCHES = """
                                            alice erin vera bob  dana carol otto
PATCH  recordings/batch            {alice}  done  done done no   no   no    no
PATCH  recordings/batch            {tagged} done  no   no   done done no    no
PATCH  recordings/batch            {led}    done  no   no   no   done no    no
PATCH  recordings/batch#mixed      {alice}  done  done no   no   no   no    no
PATCH  recordings/batch#mixed      {tagged} done  no   no   no   done no    no
PATCH  recordings/batch#mixed      {led}    done  no   no   no   done no    no
PATCH  recordings/batch#folder     {alice}  done  no   no   no   no   no    no
PATCH  recordings/batch#folder     {tagged} done  no   no   no   no   no    no
DELETE recordings/batch            {alice}  done  no   no   no   no   no    no
DELETE recordings/batch            {tagged} done  no   no   no   no   no    no
POST   recordings/batch/transcribe {alice}  done  done no   no   no   no    no
POST   recordings/batch/transcribe {tagged} done  no   no   no   done no    no
POST   recordings/batch/transcribe {led}    done  no   no   no   done no    no
"""
# Bodies that are in order; of `{}` everything is optional.
BODIES: dict[str, dict[str, Any]] = {
    "PUT settings/auto-summarization": {"enabled": False},
    "PATCH recordings/{pk}": {"title": "After"},
    "PATCH recordings/{pk}#personal": {"notes": "After", "is_inbox": False, "is_highlighted": True},
    "PATCH recordings/{pk}#mixed": {"title": "After", "notes": "After", "is_inbox": False},
    "PATCH recordings/{pk}#folder": {"folder_id": None},
    "PATCH recordings/{pk}#exempt": {"deletion_exempt": True},
    "PUT recordings/{pk}/notes": {"notes": "After"},
    "PUT recordings/{pk}/summary": {"summary": "After"},
    "PUT recordings/{pk}/speakers/assign": {"speaker_map": {"SPEAKER_00": "After"}},
    "POST recordings/{pk}/transcribe": {},
    "POST recordings/{pk}/summarize": {},
    "POST recordings/{pk}/chat": {"message": "What was agreed on?"},
    "POST recordings/{pk}/chat#stream": {"message": "What was agreed on?", "stream": True},
    "POST recordings/{pk}/shares": {"user": "nina", "can_edit": True},
    "POST recordings/{pk}/public-link": {},
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
    "POST groups/{pk}/members": {"user": "nina"},
    "PATCH groups/{pk}/members/{user_id}": {"role": "member"},
    "POST transcript-templates": {"name": "After", "template": "{{text}}"},
    "PUT transcript-templates/{pk}": {"name": "After"},
    "PATCH transcript-templates/{pk}": {"name": "After"},
    "POST naming-templates": {"name": "After", "template": "{{ai_title}}"},
    "POST naming-templates/preview": {"template": "{{filename}}", "filename": "After.mp3"},
    "PUT naming-templates/{pk}": {"name": "After"},
    "PATCH naming-templates/{pk}": {"name": "After"},
    "POST webhooks": {
        "name": "After",
        "url": "https://after.example.com",
        "events": ["recording.created"],
    },
    "PATCH webhooks/{pk}": {"name": "After", "url": "https://after.example.com"},
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
    "naming-templates": NamingTemplate,
    "webhooks": Webhook,
    "tokens": ApiToken,
}
# What a refusal leaves as it is.
KEPT = (
    *(*KINDS.values(), Transcript, RecordingTag, Share, ViewerState, PublicLink),
    *(CalendarEvent, Job, TokenUsage, Delivery),
)
# What a group may own, besides a person.
SHELVES = ("tags", "folders")
OPEN_TO_EVERYONE = {"GET docs", "GET openapi.json"}
ROUTES = {str(route): route for route in api_routes()}
# What only some may read, and what of that is nobody's but Alice's.
SECRET, PRIVATE = "Xylophone", "Xylophone of her own"
SENTENCES = {404: " not found", 401: "Authentication required"}
# Who is let in to Alice's recordings by their being shared, and to which of them.
SHARED = {"erin": {"alice"}, "vera": {"alice"}, "bob": {"tagged"}, "dana": {"tagged", "led"}}
TO_ADMINS_ALONE = {"auto_share_on_apply": False, "share_with_group_lead": True}
# What on a recording is its owner's, whoever may edit it.
OWNERS_COLUMNS = ("notes", "is_inbox", "is_highlighted", "folder_id", "deletion_exempt")


@dataclass(frozen=True)
class World:
    """What there is: by kind (the first part of a route) and by what stands for it in a row."""

    people: dict[str, User]
    rows: dict[tuple[str, str], Model]

    def pk(self, kind: str, which: str = "alice") -> int:
        return self.rows[kind, which].pk

    def url(self, row: str, pk: int | None = None) -> str:
        """`pk`: instead of the row's own."""
        route, which = route_of(row), which_of(row)
        if pk is None and which is not None:
            pk = self.pk(kind_of(row), which)
        query = row.partition("?")[2]
        url = route.url(pk or 0, **self.seconds(row))
        return f"{url}?{query}" if query else url

    def seconds(self, row: str) -> dict[str, int]:
        """Ids after the first. {user_id}: of a recording, somebody who may read it; of a group,
        Alice. {tag_id}: Alice's on `{alice}`, the group's on the others. {delivery_id}: Alice's.
        """
        person = {("recordings", "alice"): "erin", ("recordings", "tagged"): "bob"}
        user = self.people[person.get((kind_of(row), which_of(row)), "alice")]
        tag = self.pk("tags", "alice" if which_of(row) == "alice" else "group")
        return {"user_id": user.pk, "tag_id": tag, "delivery_id": self.pk("deliveries")}

    def body(self, row: str, person: str) -> dict[str, Any] | None:
        """One that is in order, so that only the person can be what is wrong."""
        route, marked = route_of(row), row.partition("#")[2]
        if str(route) == "POST recordings/{pk}/tags":
            return {"tag_id": self.pk("tags", "spare" if marked == "group" else person)}
        if route.path.startswith("recordings/batch"):
            updates = {
                "": {"is_inbox": False},
                "mixed": {"is_inbox": False, "add_tag_ids": [self.pk("tags", person)]},
                "folder": {"folder_id": None},
            }[marked]
            ids = [self.pk("recordings", which) for which in ("alice", "tagged", "led")]
            return {"recording_ids": ids, "updates": updates}
        return BODIES.get(f"{route}#{marked}" if marked else str(route))


Send = Callable[..., Response]


def policy(table: str = TABLE, people: tuple[str, ...] = PEOPLE) -> dict[str, dict[str, str]]:
    """Row -> person -> what the table says."""
    header, *rows = table.strip().splitlines()
    assert tuple(header.split()) == people
    found = {}
    for row in filter(None, rows):
        parts = row.split()
        told, key = parts[-len(people) :], " ".join(parts[: -len(people)])
        assert key not in found, key
        found[key] = dict(zip(people, told, strict=True))
    return found


STATUSES = {
    row: {person: int(status) for person, status in told.items()} for row, told in policy().items()
}
ITEMS = policy(BATCHES, PEOPLE[:-1])


def route_of(row: str) -> Route:
    plain = re.match(r"[^?#]+", row)[0]
    return ROUTES[re.sub(r"{(?!\w+_id})\w+}", "{pk}", plain)]


def kind_of(row: str) -> str:
    return route_of(row).path.partition("/")[0]


def which_of(row: str) -> str | None:
    found = re.search(r"{(?!\w+_id})(\w+)}", row)
    return found and found[1]


def rows_about(*which: str) -> list[str]:
    """Rows of recordings, by what stands for them."""
    return [row for row in STATUSES if kind_of(row) == "recordings" and which_of(row) in which]


@pytest.fixture(autouse=True)
def _no_failed_attempts() -> None:
    """Too many wrong tokens from one address are answered with 429."""
    cache.clear()


@pytest.fixture(autouse=True)
def _sharing(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    settings.ENABLE_PUBLIC_SHARING = True


@pytest.fixture
def model(model_server: ModelServer) -> ModelServer:
    """Says again what it was told, so that an answer shows all that went to it."""
    model_server.answers = [lambda _request: model_server.prompts()[-1]]
    return model_server


@pytest.fixture
def world(
    alice: User,
    bob: User,
    dana: User,
    carol: User,
    otto: User,
    group: Group,
    model: ModelServer,
    names: Names,
) -> World:
    """Every text in it that only some may read is SECRET."""
    config.enable_folders = True
    people = {user.username: user for user in (alice, bob, dana, carol, otto)}
    people |= {name: make_user(name) for name in ("erin", "vera", "nina")}
    tags = {name: make_tag(owner=user, name="Own") for name, user in people.items()}
    tags |= {
        "alice": make_tag(owner=alice, name=PRIVATE),
        "group": make_tag(group=group, name=f"{SECRET} group", auto_share_on_apply=True),
        "lead": make_tag(group=group, name=f"{SECRET} lead", **TO_ADMINS_ALONE),
        "spare": make_tag(group=group, name=f"{SECRET} spare"),
    }
    rows = {("tags", which): tag for which, tag in tags.items()}
    recordings = add_recordings(alice, tags)
    rows |= {("recordings", which): made for which, made in recordings.items()}
    make_share(recording=recordings["alice"], user=people["erin"], can_edit=True)
    make_share(recording=recordings["alice"], user=people["vera"])
    make_public_link(recording=recordings["alice"])
    hook = make_webhook(owner=alice, name=SECRET, url=f"https://{SECRET}.example.com")
    return World(
        people,
        {
            **rows,
            ("folders", "alice"): recordings["alice"].folder,
            ("folders", "group"): make_folder(group=group, name=f"{SECRET} of the group"),
            ("speakers", "alice"): Speaker.objects.create(owner=alice, name=SECRET),
            ("groups", "group"): group,
            ("transcript-templates", "alice"): TranscriptTemplate.objects.create(
                owner=alice, name=SECRET, template=SECRET
            ),
            ("naming-templates", "alice"): NamingTemplate.objects.create(
                owner=alice, name=SECRET, template=SECRET
            ),
            ("webhooks", "alice"): hook,
            ("deliveries", "alice"): make_delivery(webhook=hook, data={"title": SECRET}),
            ("tokens", "alice"): issue_token(user=alice, name=SECRET)[0],
        },
    )


def add_recordings(alice: User, tags: dict[str, Tag]) -> dict[str, Recording]:
    """`kept` is a copy of the others that is shared with nobody."""
    # Otherwise nobody is shown any events.
    alice.extract_events = True
    alice.save()
    key = default_storage.save("audio/1/2024/01/policy.wav", ContentFile(wav()))
    folder = make_folder(owner=alice, name=PRIVATE)
    filed = {"alice": "alice", "tagged": "group", "led": "lead", "kept": "alice"}
    made = {}
    for which, tag in filed.items():
        made[which] = make_recording(
            owner=alice,
            title=PRIVATE if which == "kept" else SECRET,
            notes=PRIVATE,
            summary=SECRET,
            folder=folder,
            audio_key=key,
            completed_at=timezone.now(),
        )
        said = f"{SECRET} and more of it."
        segments = [{"speaker": "SPEAKER_00", "start": 0.0, "end": 1.0, "text": said}]
        make_transcript(recording=made[which], segments=segments)
        CalendarEvent.objects.create(
            recording=made[which], title=SECRET, start_datetime=timezone.now()
        )
        RecordingTag.objects.create(recording=made[which], tag=tags[tag], position=0)
    return made


@pytest.fixture
def who(api: Callable[[User | None], APIClient], world: World) -> Callable[[str], APIClient]:
    """A client of one of PEOPLE."""
    return lambda name: api(world.people.get(name))


@pytest.fixture
def send(who: Callable[[str], APIClient], world: World) -> Send:
    """Sends a row's request: `send(person, row)`; `pk` instead of the row's own, `client` instead
    of the person's.
    """

    def sent(
        person: str, row: str, *, pk: int | None = None, client: APIClient | None = None
    ) -> Response:
        client, route, url = client or who(person), route_of(row), world.url(row, pk)
        if route.path == "recordings/upload":
            file = SimpleUploadedFile("meeting.wav", wav())
            return client.post(url, {"file": file}, format="multipart")
        body = world.body(row, person if person in world.people else "alice")
        if body is None:
            return client.generic(route.method, url)
        return getattr(client, route.method.lower())(url, body)

    return sent


def contents(response: Response) -> bytes:
    return b"".join(response) if response.streaming else response.content


def state() -> list[list[dict[str, Any]]]:
    return [list(model.objects.order_by("pk").values()) for model in KEPT]


def test_every_route_has_a_row() -> None:
    assert {str(route_of(row)) for row in STATUSES} == set(ROUTES)


def test_every_body_has_a_row() -> None:
    bodies = {re.sub(r"{(?!\w+_id})\w+}", "{pk}", row) for row in STATUSES}
    assert set(BODIES) <= bodies


def test_what_a_group_may_own_has_a_row_for_that() -> None:
    of_persons = {row.replace("{alice}", "{group}") for row in STATUSES if "{alice}" in row}
    of_groups = {row for row in STATUSES if "{group}" in row and kind_of(row) != "groups"}
    assert of_groups == {row for row in of_persons if kind_of(row) in SHELVES}


def test_what_is_shared_by_hand_has_a_row_for_what_a_group_shares() -> None:
    by_hand = {row.replace("{alice}", "{tagged}") for row in rows_about("alice")}
    assert set(rows_about("tagged")) == by_hand
    assert {row.replace("{led}", "{tagged}") for row in rows_about("led")} <= by_hand


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("row", STATUSES)
def test_the_table_holds(send: Send, model: ModelServer, row: str, person: str) -> None:
    before = state()
    response = send(person, row)
    expected = STATUSES[row][person]
    answer = contents(response)
    assert response.status_code == expected, answer
    if person != "alice":
        assert PRIVATE.encode() not in answer
        assert PRIVATE not in "".join(model.prompts())
    if expected < 400:
        return
    assert state() == before
    assert not model.requests
    assert set(response.json()) == {"error"}, "nothing but the sentence"
    # What stands in the way (409) is named to those who may know of it.
    assert expected == 409 or SECRET.encode() not in answer
    if expected == 401:
        assert response["WWW-Authenticate"] == "Bearer"
        assert response.json()["error"] == "Authentication required"


@pytest.mark.parametrize("person", ["carol", "otto"])
@pytest.mark.parametrize("row", [row for row in STATUSES if STATUSES[row]["carol"] < 400])
def test_a_stranger_never_reads_or_changes_what_is_not_theirs(
    send: Send, row: str, person: str
) -> None:
    """Where the answer is no refusal. An operator is a stranger here too."""
    before = state()
    answer = contents(send(person, row))
    assert SECRET.encode() not in answer
    for rows, now in zip(before, state(), strict=True):
        assert now[: len(rows)] == rows


READERS = [
    (row, person)
    for row in rows_about("alice", "tagged", "led")
    for person in SHARED
    if STATUSES[row][person] < 400
]


@pytest.mark.parametrize(("row", "person"), READERS)
def test_who_is_let_in_leaves_alone_what_is_the_owner_s(send: Send, row: str, person: str) -> None:
    before = Recording.objects.order_by("pk").values(*OWNERS_COLUMNS)
    before, everything = list(before), list(Recording.objects.order_by("pk").values())
    contents(send(person, row))
    rows = Recording.objects.order_by("pk")
    assert list(rows.values(*OWNERS_COLUMNS)) == before
    if person in ("vera", "bob"):
        assert list(rows.values()) == everything, "they may only read"


@pytest.mark.parametrize("person", PEOPLE[:-1])
@pytest.mark.parametrize("row", ITEMS)
def test_a_batch_touches_what_each_may_touch(
    send: Send, world: World, row: str, person: str
) -> None:
    one = Recording.objects.filter(pk=world.pk("recordings", which_of(row)))
    before = one.values().get()
    answer = send(person, row.partition(" {")[0]).json()
    (result,) = [item for item in answer["results"] if item["id"] == before["id"]]
    assert result["success"] == (ITEMS[row][person] == "done"), result
    if not result["success"]:
        assert result["error"].startswith("Permission denied")
        assert one.values().get() == before
    elif person != "alice":
        kept = one.values(*OWNERS_COLUMNS).get()
        assert kept == {name: before[name] for name in OWNERS_COLUMNS}
    elif row.startswith("DELETE"):
        assert not one.exists()


@pytest.mark.parametrize("person", PEOPLE[:-1])
@pytest.mark.parametrize("scope", ["own", "shared", "all"])
def test_a_list_shows_what_its_scope_says(
    who: Callable[[str], APIClient], world: World, settings: Any, scope: str, person: str
) -> None:
    own = {"alice", "tagged", "led", "kept"} if person == "alice" else set()
    shared = SHARED.get(person, set())
    for is_on in (True, False):
        settings.ENABLE_INTERNAL_SHARING = is_on
        if not is_on:
            shared = set()
        shown = {"own": own, "shared": shared, "all": own | shared}[scope]
        answer = who(person).get("/api/v1/recordings", {"scope": scope}).json()
        ids = {item["id"] for item in answer["recordings"]}
        assert ids == {world.pk("recordings", which) for which in shown}
        assert answer["pagination"]["total"] == len(shown)


@pytest.mark.parametrize("person", SHARED)
def test_while_sharing_is_off_nobody_but_the_owner_has_any_access(
    send: Send, settings: Any, person: str
) -> None:
    settings.ENABLE_INTERNAL_SHARING = False
    before = state()
    answers = {row: send(person, row) for row in rows_about("alice", "tagged", "led")}
    assert {row: answer.status_code for row, answer in answers.items()} == dict.fromkeys(
        answers, 403
    )
    assert not [row for row, answer in answers.items() if SECRET.encode() in answer.content]
    assert state() == before


@pytest.mark.parametrize("row", rows_about("alice"))
def test_while_sharing_is_off_an_owner_loses_nothing_but_that(
    send: Send, settings: Any, row: str
) -> None:
    settings.ENABLE_INTERNAL_SHARING = False
    is_sharing = row == "POST recordings/{alice}/shares"
    response = send("alice", row)
    contents(response)
    assert response.status_code == (403 if is_sharing else STATUSES[row]["alice"])


@pytest.mark.parametrize("row", [row for row in rows_about("alice") if "public-link" in row])
@pytest.mark.parametrize("switch", ["the operator's", "the person's"])
def test_while_public_sharing_is_off_a_link_can_only_be_closed(
    send: Send, alice: User, settings: Any, switch: str, row: str
) -> None:
    settings.ENABLE_PUBLIC_SHARING = switch != "the operator's"
    alice.can_share_publicly = switch != "the person's"
    alice.save()
    assert send("alice", row).status_code == (204 if row.startswith("DELETE") else 403)


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


@pytest.mark.parametrize("row", sorted(set(STATUSES) - OPEN_TO_EVERYONE))
def test_a_wrong_token_is_refused_everywhere(send: Send, row: str) -> None:
    response = send("nobody", row, client=APIClient(headers={"X-API-Token": "x" * 43}))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("row", [row for row in STATUSES if which_of(row) in ("alice", "group")])
def test_what_does_not_exist_is_not_found(send: Send, row: str) -> None:
    response = send("alice", row, pk=10**6)
    assert response.status_code == 404
    assert response.json()["error"].endswith(" not found")


def test_a_token_of_somebody_who_left_opens_nothing(alice: User) -> None:
    _, secret = issue_token(user=alice, name="phone")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/v1/users/me").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/api/v1/users/me").status_code == 401
