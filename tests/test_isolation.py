"""Two tenants and all that each has: nothing of the one is read, changed or shown by any request of
the other, whatever ids it carries, in its path, its query or its body.

Vic and Mallory each have a group of their own and one of everything. Carl is in both groups and
has a share from both, and sharing is on. Every text of Vic's is SECRET. Every route of the API is
tried by Mallory with ids of Vic's; the same requests with ids of her own go through, so that only
whose ids they are can be what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from constance import config
from django.apps import apps
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models, transaction
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from accounts.services import issue_token
from organizing.models import Folder, NamingTemplate
from recordings.models import (
    CalendarEvent,
    DeletionMark,
    Job,
    Recording,
    RecordingSpeaker,
    RecordingTag,
    TokenUsage,
    TranscriptionUsage,
    TranscriptTemplate,
    ViewerState,
    WindowResult,
)
from recordings.tasks import work
from speakers.models import Speaker
from tests.conftest import make_user
from tests.factories import (
    make_delivery,
    make_folder,
    make_job,
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

SECRET = "Xylophone"
ROOMS = ("accounts", "organizing", "speakers", "hooks", "recordings")
ROUTES = api_routes()
# Stands for an id in a query or a body.
MARKER = re.compile(r"{(own )?([a-z -]+)}")
HINTS = (
    *("custom_prompt", "default_hotwords", "default_initial_prompt"),
    "default_transcription_model",
)
# Rows that belong to no tenant: the server's own.
OF_NOBODY = {"accounts.ResetRequest", "recordings.RetentionState"}
# Columns of text that are no text of a person's, or that cannot say what we like.
NO_TEXT = {
    "accounts.User": {"username", "password", "email", "sso_provider", "timezone"}
    | {"ui_language", "transcription_language"},
    "accounts.Membership": {"role"},
    "accounts.ApiToken": {"digest"},
    "organizing.Tag": {"default_language", "color"},
    "organizing.Folder": {"default_language", "color"},
    "hooks.Webhook": {"events", "sealed_secret", "sealed_previous_secret"},
    "hooks.Delivery": {"status", "event_type"},
    "recordings.Recording": {"audio_key", "mime_type", "sha256", "status", "error_code"},
    "recordings.Job": {"status", "lane", "stage", "error_code"},
    "recordings.Transcript": {"language", "engine", "model"},
    "recordings.RecordingSpeaker": {"label", "embedding"},
    "recordings.PublicLink": {"token", "password"},
    "recordings.DeletionMark": {"removes"},
    "recordings.TokenUsage": {"operation"},
    "recordings.TranscriptionUsage": {"connector"},
}
OPERATORS_ALONE = {"POST groups", "PATCH groups/{pk}", "DELETE groups/{pk}"}
SHELF_IDS: list[dict[str, Any]] = [
    {"group_id": "{groups}"},
    {"naming_template_id": "{naming-templates}"},
]
# {kind} in a body or a query stands for an id; {people} for a user name. Every route that takes a
# body has at least one here.
BODIES: dict[str, list[dict[str, Any]]] = {
    "PATCH users/me": [{"name": "Taken"}],
    "PUT settings/auto-summarization": [{"enabled": False}],
    "POST recordings/upload": [
        {"tag_ids[0]": "{tags}", "folder_id": "{folders}"},
        {"tag_ids[0]": "{group tags}", "tag_id": "{tags}", "folder_id": "{group folders}"},
    ],
    "PATCH recordings/{pk}": [
        {"title": "Taken", "notes": "Taken", "is_inbox": False},
        {"is_highlighted": True},
        {"folder_id": "{folders}"},
        {"folder_id": "{group folders}"},
        {"folder_id": None, "deletion_exempt": True},
    ],
    "PUT recordings/{pk}/notes": [{"notes": "Taken"}],
    "PUT recordings/{pk}/summary": [{"summary": "Taken"}],
    "PUT recordings/{pk}/speakers/assign": [{"speaker_map": {"SPEAKER_00": "Taken"}}],
    "POST recordings/{pk}/tags": [
        {"tag_ids": ["{tags}", "{group tags}"]},
        {"tag_id": "{tags}"},
    ],
    "POST recordings/{pk}/transcribe": [{}],
    "POST recordings/{pk}/summarize": [{}, {"custom_prompt": "{{ text }}"}],
    "POST recordings/{pk}/regenerate_title": [None],
    "POST recordings/{pk}/speakers/identify": [None],
    "POST recordings/{pk}/chat": [
        {"message": "What was agreed on?"},
        {"message": "What was agreed on?", "stream": True},
        {"message": "And?", "conversation_history": [{"role": "user", "content": "Hello"}]},
    ],
    "POST recordings/{pk}/shares": [{"user": "carl", "can_edit": True}, {"user": "vic"}],
    "POST recordings/{pk}/public-link": [{"share_notes": True}],
    "PATCH recordings/batch": [
        {"recording_ids": ["{recordings}"], "updates": {"is_inbox": False, "title": "Taken"}},
        {"recording_ids": ["{recordings}"], "updates": {"is_highlighted": True}},
        {"recording_ids": ["{recordings}"], "updates": {"add_tag_ids": ["{tags}"]}},
        {"recording_ids": ["{recordings}"], "updates": {"remove_tag_ids": ["{tags}"]}},
        {"recording_ids": ["{recordings}"], "updates": {"folder_id": "{folders}"}},
        {"recording_ids": ["{own recordings}"], "updates": {"add_tag_ids": ["{tags}"]}},
        {"recording_ids": ["{own recordings}"], "updates": {"folder_id": "{group folders}"}},
    ],
    "DELETE recordings/batch": [{"recording_ids": ["{recordings}"]}],
    "POST recordings/batch/transcribe": [{"recording_ids": ["{recordings}"]}],
    "POST tags": [{"name": "Taken", **more} for more in SHELF_IDS],
    "PUT tags/{pk}": [{"name": "Taken"}, *SHELF_IDS],
    "POST folders": [{"name": "Taken", **more} for more in SHELF_IDS],
    "PUT folders/{pk}": [{"name": "Taken"}, *SHELF_IDS],
    "PATCH folders/{pk}": [{"name": "Taken"}, *SHELF_IDS, {"group_id": None}],
    "POST speakers": [{"name": "Taken"}],
    "PUT speakers/{pk}": [{"name": "Taken"}],
    "POST groups": [{"name": "Taken"}],
    "PATCH groups/{pk}": [{"name": "Taken"}],
    "POST groups/{pk}/members": [{"user": "nina", "role": "admin"}, {"user": "vic"}],
    "PATCH groups/{pk}/members/{user_id}": [{"role": "admin"}],
    "POST transcript-templates": [{"name": "Taken", "template": "{{text}}"}],
    "PUT transcript-templates/{pk}": [{"name": "Taken", "is_default": True}],
    "PATCH transcript-templates/{pk}": [{"template": "Taken"}],
    "POST naming-templates": [{"name": "Taken", "template": "{{ai_title}}", "is_default": True}],
    "POST naming-templates/preview": [{"template": "{{filename}}", "filename": "Taken.mp3"}],
    "PUT naming-templates/{pk}": [{"name": "Taken", "is_default": True}],
    "PATCH naming-templates/{pk}": [{"template": "Taken"}],
    "POST webhooks": [
        {"name": "Taken", "url": "https://taken.example.com", "events": ["webhook.test"]}
    ],
    "PATCH webhooks/{pk}": [
        {"name": "Taken", "events": ["webhook.test"]},
        {"url": "https://taken.example.com"},
        {"enabled": False},
    ],
    "POST webhooks/{pk}/rotate-secret": [None, {"overlap_seconds": 60}],
    "POST webhooks/{pk}/test": [None],
    "POST webhooks/{pk}/deliveries/{delivery_id}/replay": [None],
    "POST tokens": [{"name": "Taken"}],
    "PUT tokens/{pk}": [{"name": "Taken"}],
    "PATCH tokens/{pk}": [{"name": "Taken"}],
}
# What lists and other reads are asked with.
QUERIES = {
    "GET recordings": [
        *("", "scope=shared", "scope=all", f"q={SECRET}", f"scope=all&q={SECRET}", "q=%"),
        *("tag_id={tags}", "scope=all&tag_id={tags}", "scope=all&tag_id={group tags}"),
        *("folder_id={folders}", "scope=all&folder_id={group folders}", "scope=all&folder_id=none"),
        *("scope=all&inbox=true", "scope=all&starred=true", "scope=all&page=2&per_page=1"),
    ],
    "GET recordings/{pk}": ["", "include=notes,summary,transcription", "format=minimal"],
    "GET recordings/{pk}/transcript": ["", "format=text", "format=srt", "format=vtt"],
    "GET stats": ["", "scope=user"],
    "GET webhooks/{pk}/deliveries": ["", "limit=200"],
}


# The second id of a path, by its name and the kind of the first.
SECONDS = {
    ("recordings", "tag_id"): "tags",
    ("recordings", "user_id"): "friends",
    ("groups", "user_id"): "friends",
    ("webhooks", "delivery_id"): "deliveries",
}
# Whom somebody takes into a group or shares with they know by name; the rows are not the other's.
BELONGS_BY = {"accounts.Membership": ["group"], "recordings.Share": ["recording"]}


@dataclass(frozen=True)
class Tenant:
    """A person and what is theirs. `ids`: by kind; those of "people" are user names."""

    user: User
    ids: dict[str, Any]

    def filled(self, part: Any, by: Tenant) -> Any:
        """`part` of a body with ids of this tenant's in the place of markers; `own`: of `by`'s."""
        if isinstance(part, dict):
            return {name: self.filled(value, by) for name, value in part.items()}
        if isinstance(part, list):
            return [self.filled(value, by) for value in part]
        found = isinstance(part, str) and MARKER.fullmatch(part)
        return (by if found[1] else self).ids[found[2]] if found else part


@dataclass(frozen=True)
class Attempt:
    """One request. `is_foreign`: its path has an id of the other tenant's."""

    route: Route
    url: str
    body: Any
    is_foreign: bool

    def __str__(self) -> str:
        return f"{self.route.method} {self.url} {self.body}"

    def send(self, client: APIClient) -> Response:
        if self.route.path == "recordings/upload":
            file = SimpleUploadedFile("meeting.wav", wav())
            return client.post(self.url, {"file": file, **self.body}, format="multipart")
        if self.body is None:
            return client.generic(self.route.method, self.url)
        return getattr(client, self.route.method.lower())(self.url, self.body)


def attempts(route: Route, *, by: Tenant, victim: Tenant) -> Iterator[Attempt]:
    """Every request of `by`'s with ids of `victim`'s: in the path, alone or beside one of `by`'s,
    and with all of the path `by`'s in the query or the body.
    """
    bodies, queries = BODIES.get(str(route), [None]), QUERIES.get(str(route), [""])
    for url, is_foreign in paths(route, by=by, victim=victim):
        for query, body in product(queries, bodies):
            asked = MARKER.sub(lambda found: str(victim.ids[found[2]]), query)
            filled = victim.filled(body, by)
            yield Attempt(route, f"{url}?{asked}" if asked else url, filled, is_foreign)


def paths(route: Route, *, by: Tenant, victim: Tenant) -> Iterator[tuple[str, bool]]:
    """The route with all that its ids may be, and whether one of them is `victim`'s."""
    kind, seconds = route.path.partition("/")[0], re.findall(r"{(\w+_id)}", route.path)
    if "{pk}" not in route.path:
        yield route.url(), False
        return
    firsts = [kind, f"group {kind}"] if kind in ("tags", "folders") else [kind]
    for first, owners in product(firsts, product([by, victim], repeat=1 + len(seconds))):
        kinds = [first, *(SECONDS[kind, name] for name in seconds)]
        pk, *others = [owner.ids[kind_] for owner, kind_ in zip(owners, kinds, strict=True)]
        yield route.url(pk, **dict(zip(seconds, others, strict=True))), victim in owners


def tenant(name: str, text: str, carl: User) -> Tenant:
    """One of everything, each with this text in it."""
    user, friend = make_user(name), make_user(f"{name}-friend")
    both = User.objects.filter(pk__in=[user.pk, friend.pk])
    both.update(extract_events=True, **dict.fromkeys(texts_of(User), text))
    group = Group.objects.create(name=text)
    members = {user: Membership.Role.ADMIN, friend: Membership.Role.ADMIN, carl: "member"}
    for member, role in members.items():
        Membership.objects.create(group=group, user=member, role=role)
    naming = NamingTemplate.objects.create(
        owner=user, **dict.fromkeys(texts_of(NamingTemplate), text)
    )
    hints = dict.fromkeys(("name", *HINTS), text)
    of_group = {**hints, "name": f"{text} of the group", "auto_share_on_apply": False}
    shelves = {
        "tags": make_tag(owner=user, naming_template=naming, **hints),
        "group tags": make_tag(group=group, **of_group),
        "folders": make_folder(owner=user, **hints),
        "group folders": make_folder(group=group, **of_group),
    }
    recording = recorded(user, text, shelves["folders"])
    for position, tag in enumerate((shelves["tags"], shelves["group tags"])):
        RecordingTag.objects.create(recording=recording, tag=tag, position=position, added_by=user)
    for person in (friend, carl):
        make_share(recording=recording, user=person)
        ViewerState.objects.create(recording=recording, user=person, notes=text)
    template = TranscriptTemplate.objects.create(
        owner=user, **dict.fromkeys(("name", "template", "description"), text)
    )
    hook = make_webhook(
        owner=user, **dict.fromkeys(("name", "url", "target", "pause_reason"), text)
    )
    told = dict.fromkeys(("response_body_preview", "error_message"), text)
    delivery = make_delivery(webhook=hook, data={"title": text}, status="done", **told)
    month = timezone.now().date().replace(day=1)
    TokenUsage.objects.create(user=user, month=month, operation="chat")
    TranscriptionUsage.objects.create(user=user, month=month, connector="fake")
    return Tenant(
        user,
        {
            **{kind: shelf.pk for kind, shelf in shelves.items()},
            "people": name,
            "friends": friend.pk,
            "groups": group.pk,
            "recordings": recording.pk,
            "speakers": user.speakers.get().pk,
            "transcript-templates": template.pk,
            "naming-templates": naming.pk,
            "webhooks": hook.pk,
            "deliveries": delivery.pk,
            "tokens": issue_token(user=user, name=text)[0].pk,
        },
    )


def recorded(user: User, text: str, folder: Folder) -> Recording:
    """The same bytes whoever's it is."""
    recording = make_recording(
        owner=user,
        folder=folder,
        audio_key=default_storage.save("audio/1/2024/01/isolation.wav", ContentFile(wav())),
        completed_at=timezone.now(),
        prompt_variables={"text": text},
        warnings=[text],
        text_warnings=[text],
        summary_meta={"text": text},
        **dict.fromkeys(("title", "participants", "notes", "summary"), text),
        **dict.fromkeys(("original_filename", "error_message"), text),
    )
    segments = [{"speaker": "SPEAKER_00", "start": 0.0, "end": 1.0, "text": text}]
    transcript = make_transcript(recording=recording, segments=segments, SPEAKER_00=text)
    transcript.words = [{"text": text}]
    transcript.save()
    speaker = Speaker.objects.create(owner=user, name=text)
    transcript.speakers.update(speaker=speaker, embedding=[1.0] * 256)
    asked = {"hotwords": text}
    job = make_job(
        recording=recording, requested=asked, options=asked, error_message=text, status="done"
    )
    WindowResult.objects.create(job=job, index=0, start=0, end=1, result={"text": text})
    CalendarEvent.objects.create(
        recording=recording,
        start_datetime=timezone.now(),
        attendees=[text],
        **dict.fromkeys(("title", "description", "location"), text),
    )
    make_public_link(recording=recording)
    now = timezone.now()
    DeletionMark.objects.create(
        recording=recording, marked_at=now, goes_at=now, reason=text, served_seconds=0
    )
    return recording


def models_of_rooms() -> list[type[models.Model]]:
    found = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    return [model for model in found if model._meta.label not in OF_NOBODY]


def texts_of(model: type[models.Model]) -> list[str]:
    """Columns that people fill with text, or with JSON that has some."""
    kinds = (models.CharField, models.TextField, models.JSONField)
    apart = NO_TEXT.get(model._meta.label, set())
    columns = model._meta.concrete_fields
    return [
        column.name for column in columns if isinstance(column, kinds) and column.name not in apart
    ]


def belonging(start: dict[type[models.Model], set[int]]) -> dict[type[models.Model], models.Q]:
    """By model: the rows that are a tenant's, by way of whatever they point at; such as come to
    point there, too. `start`: the ids of people and groups.
    """
    known: dict[Any, set[int]] = {model: set(start.get(model, ())) for model in models_of_rooms()}
    while True:
        filters = {model: belongs(model, known) for model in known}
        found = {
            model: ids
            | set(model._base_manager.filter(filters[model]).values_list("pk", flat=True))
            for model, ids in known.items()
        }
        if found == known:
            return filters
        known = found


def belongs(model: type[models.Model], known: dict[Any, set[int]]) -> models.Q:
    wanted = models.Q(pk__in=known[model])
    for column in model._meta.concrete_fields:
        only = BELONGS_BY.get(model._meta.label, [column.name])
        if column.related_model in known and column.name in only:
            wanted |= models.Q(**{f"{column.name}__in": known[column.related_model]})
    return wanted


@dataclass(frozen=True)
class World:
    vic: Tenant
    mallory: Tenant
    vics: dict[type[models.Model], models.Q]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """All that is Vic's."""
        return {
            model._meta.label: list(model._base_manager.filter(wanted).order_by("pk").values())
            for model, wanted in self.vics.items()
        }


@pytest.fixture
def model(model_server: ModelServer) -> ModelServer:
    """Says again what it was told, so that an answer shows all that went to it."""
    model_server.answers = [lambda _request: model_server.prompts()[-1]]
    return model_server


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Any, names: Names) -> World:
    cache.clear()
    settings.ENABLE_INTERNAL_SHARING = True
    settings.MEDIA_ROOT = tmp_path
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    config.enable_folders = True
    carl, _nina = make_user("carl"), make_user("nina")
    vic, mallory = tenant("vic", SECRET, carl), tenant("mallory", "Of Mallory", carl)
    people = {vic.user.pk, vic.ids["friends"]}
    return World(vic, mallory, belonging({User: people, Group: {vic.ids["groups"]}}))


@pytest.fixture
def client(api: Callable[[User | None], APIClient], world: World) -> APIClient:
    """Mallory's."""
    return api(world.mallory.user)


def contents(response: Response) -> bytes:
    body = b"".join(response) if response.streaming else response.content
    return body + repr(response.headers).encode()


def test_all_that_takes_a_body_has_one_here() -> None:
    with_body = {
        str(route)
        for route in ROUTES
        if route.method in ("POST", "PUT", "PATCH") or route.path == "recordings/batch"
    }
    assert set(BODIES) == with_body
    assert set(QUERIES) <= {str(route) for route in ROUTES}


def test_every_text_of_the_other_tenant_is_the_secret(world: World) -> None:
    rows = world.rows()
    assert [name for name, found in rows.items() if not found] == []
    for model in world.vics:
        for row, column in product(rows[model._meta.label], texts_of(model)):
            assert SECRET in str(row[column]), f"{model._meta.label}.{column}"


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_nothing_of_another_tenant_is_read_changed_or_shown(
    client: APIClient, world: World, model: ModelServer, route: Route
) -> None:
    before = world.rows()
    for attempt in attempts(route, by=world.mallory, victim=world.vic):
        with transaction.atomic():
            response = attempt.send(client)
            told = f"{attempt}: {response.status_code}"
            assert response.status_code < 500, told
            if attempt.is_foreign:
                assert response.status_code in (403, 404), told
            assert SECRET.encode() not in contents(response), told
            assert SECRET not in str(model.requests), told
            assert world.rows() == before, told
            transaction.set_rollback(True)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_the_same_goes_through_with_one_s_own(
    client: APIClient, world: World, model: ModelServer, route: Route
) -> None:
    """Or the attempts above would be refused for what is wrong with them."""
    for attempt in attempts(route, by=world.mallory, victim=world.mallory):
        with transaction.atomic():
            response = attempt.send(client)
            refused = 403 if str(route) in OPERATORS_ALONE else None
            told = f"{attempt}: {response.status_code} {contents(response)[:300]!r}"
            assert (response.status_code == refused) or response.status_code < 400, told
            if "recording_ids" in (attempt.body or {}):
                assert response.json()["failed"] == 0, told
            transaction.set_rollback(True)


@pytest.mark.parametrize("route", [route for route in ROUTES if "batch" in route.path], ids=str)
def test_a_batch_says_no_to_each_that_is_another_s(
    client: APIClient, world: World, route: Route
) -> None:
    foreign = world.vic.ids["recordings"]
    for attempt in attempts(route, by=world.mallory, victim=world.vic):
        if attempt.body["recording_ids"] == [foreign]:
            answer = attempt.send(client)
            if answer.status_code == 200:
                refusal = {"id": foreign, "success": False, "error": "Permission denied"}
                assert answer.json()["results"] == [refusal]


@pytest.mark.parametrize("part", ["chat", "speakers/identify"])
def test_who_knows_two_tenants_asks_a_model_about_each_alone(
    api: Callable[[User | None], APIClient], world: World, model: ModelServer, part: str
) -> None:
    client = api(User.objects.get(username="carl"))
    told = {}
    for tenant_ in (world.vic, world.mallory):
        RecordingSpeaker.objects.update(name=None, speaker=None)
        model.requests.clear()
        url = f"/api/v1/recordings/{tenant_.ids['recordings']}/{part}"
        answer = client.post(url, {"message": "What was agreed on?"})
        assert answer.status_code == 200, answer.content
        told[tenant_.user.username] = str(model.requests)
    assert SECRET in told["vic"] and "Of Mallory" not in told["vic"]
    assert "Of Mallory" in told["mallory"] and SECRET not in told["mallory"]


def test_what_is_made_of_a_recording_is_made_of_what_is_its_owner_s(
    client: APIClient, world: World, model: ModelServer
) -> None:
    url = f"/api/v1/recordings/{world.mallory.ids['recordings']}/summarize"
    assert client.post(url, {}).status_code == 200
    work(Job.Lane.TEXT)
    summary = Recording.objects.get(pk=world.mallory.ids["recordings"]).summary
    assert "Of Mallory" in summary
    assert SECRET not in summary + str(model.requests)
