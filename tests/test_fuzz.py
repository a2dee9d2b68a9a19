"""Thousands of requests that the OpenAPI document allows, and as many that it does not: never a
5xx, never a status, a header or a shape that is not described.

Each request meets the same rows, is answered by the whole application, and is undone. FUZZ_SEED
and FUZZ_CASES (how many at least) come from the environment; `make fuzz` sets both.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from constance import config
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Response
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from accounts.models import Group, Membership, User
from accounts.services import issue_token
from organizing.models import NamingTemplate
from recordings.models import CalendarEvent, Recording, RecordingTag, TranscriptTemplate
from speakers.models import Speaker
from speakr_site.core.api.openapi import operations
from speakr_site.core.api.schema import document
from speakr_site.wsgi import application
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
from tests.names import names
from tests.recordings.api.uploading import wav

__all__ = ["model_server", "names"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("names")]

SEED = int(os.environ.get("FUZZ_SEED", "1"))
CASES = int(os.environ.get("FUZZ_CASES", "400"))
OPERATIONS = [f"{method.upper()} {path}" for path, method, _ in operations(document())]
# What the document promises to refuse is refused by tests of their own: a lenient page number and
# a bad hint at upload are taken on purpose.
EXCLUDED = [negative_data_rejection, positive_data_acceptance]
# Ids in bodies and query strings, by key: the kind of row that they name.
IDS = {
    "tag_id": "tags",
    "tag_ids": "tags",
    "add_tag_ids": "tags",
    "remove_tag_ids": "tags",
    "folder_id": "folders",
    "group_id": "groups",
    "naming_template_id": "naming-templates",
    "user_id": "people",
    "recording_ids": "recordings",
    "delivery_id": "deliveries",
}
# One of a stream, which OpenAPI 3.0 can only call a text.
EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "event": {"type": "string", "enum": ["message"]},
        "data": {
            "type": "string",
            "pattern": r'^\{"(delta|sources|end_of_stream|error)": .*\}$',
        },
    },
    "additionalProperties": False,
}
# What bodies name by a text: people, and where webhooks lead to.
TEXTS = {
    "user": ("bob", "carol", "dana", "erin@example.com"),
    "url": ("https://hooks.example.com/speakr", "http://hooks.example.com", "https://10.0.0.1"),
}

# Half of the files can be decoded.
schemathesis.openapi.format("binary", st.one_of(st.just(wav()), st.binary(max_size=200)))


def served(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The application, with answers read and closed to the end as a server does it."""
    answer = application(environ, start_response)
    with closing(answer):
        return list(answer)


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    """What the document does not name, no answer has; a stream of events is held against EVENT."""
    for name, component in raw_schema["components"]["schemas"].items():
        if not name.endswith("Request"):
            close(component)
    for _, _, operation in operations(raw_schema):
        for answer in operation["responses"].values():
            if "text/event-stream" in answer.get("content", {}):
                answer["content"]["text/event-stream"]["schema"] = EVENT


def close(schema: Any) -> None:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            close(part)


schema = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json",
    served,
    config=schemathesis.Config.from_dict(
        {
            "seed": SEED,
            # A wrong token is one of the checks; a wrong one beside ours proves nothing.
            "generation": {"with-security-parameters": False},
        }
    ),
)

QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
Rows = dict[str, list[int]]
answered: defaultdict[str, Counter[int]] = defaultdict(Counter)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """As Django's own test client does it: a request must not close what the test began."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(alice: User) -> str:
    """Alice's, who operates the server too, so that nothing is closed to her."""
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return issue_token(user=alice, name="fuzz")[1]


@pytest.fixture
def rows(alice: User, bob: User, carol: User, dana: User, group: Group) -> Rows:
    """Ids by kind: most are Alice's, one is somebody else's. Of the recordings one is shared with
    Bob and Carol, one is opened by the group's tag, and Carol's is shared with Alice.
    """
    make_user("erin")
    Membership.objects.filter(user=alice).update(role=Membership.Role.ADMIN)
    recordings = []
    for owner in (alice, alice, carol):
        key = default_storage.save("audio/1/2024/01/fuzz.wav", ContentFile(wav()))
        recordings.append(make_recording(owner=owner, audio_key=key))
        make_transcript(recording=recordings[-1])
        CalendarEvent.objects.create(
            recording=recordings[-1], title="Review", start_datetime=timezone.now()
        )
    recordings.append(make_recording(owner=alice, audio_key="", status="FAILED"))
    owners = ({"owner": alice}, {"group": group}, {"owner": carol})
    tags = [make_tag(**owner, auto_share_on_apply=True) for owner in owners]
    folders = [make_folder(**owner) for owner in owners]
    names = ((alice, "John Doe"), (alice, "Jane Smith"), (carol, "Jane Smith"))
    speakers = [Speaker.objects.create(owner=owner, name=name) for owner, name in names]
    templates = [
        TranscriptTemplate.objects.create(owner=owner, name="Plain", template="{{text}}")
        for owner in (alice, alice, carol)
    ]
    namings = [
        NamingTemplate.objects.create(owner=owner, name="Plain", template="{{ai_title}}")
        for owner in (alice, alice, carol)
    ]
    hooks = [make_webhook(owner=owner) for owner in (alice, alice, carol)]
    recordings[0].folder = folders[0]
    recordings[0].save()
    for recording in recordings[:2]:
        RecordingTag.objects.create(recording=recording, tag=tags[0], position=0)
    RecordingTag.objects.create(recording=recordings[1], tag=tags[1], position=1)
    Recording.objects.update(completed_at=timezone.now())
    for recording, user in zip(recordings[:3], (bob, carol, alice), strict=True):
        make_share(recording=recording, user=user, can_edit=True)
    make_public_link(recording=recordings[0])
    made = {
        "recordings": recordings,
        "tags": tags,
        "folders": folders,
        "speakers": speakers,
        "groups": [group],
        "people": [alice, bob, carol],
        "transcript-templates": templates,
        "naming-templates": namings,
        "webhooks": hooks,
        "deliveries": [make_delivery(webhook=hook) for hook in hooks],
        "tokens": [issue_token(user=owner, name="phone")[0] for owner in (alice, alice, carol)],
    }
    return {kind: [row.pk for row in found] for kind, found in made.items()}


@pytest.fixture(autouse=True)
def _a_model_answers(model_server: ModelServer) -> None:
    """Or all that asks one would be refused. JSON, which identify reads."""
    model_server.answers = ["{}"]


@pytest.fixture
def sharing() -> Iterator[None]:
    with override_settings(ENABLE_INTERNAL_SHARING=True):
        yield


def address_of(case: schemathesis.Case) -> str:
    """Of the server that the document names for the operation."""
    own = case.operation.definition.raw.get("servers", document()["servers"])
    return f"http://localhost{own[0]['url']}"


def aimed(value: Any, kind: str | None, rows: Rows) -> Any:
    """The value with most of its ids and names of people replaced by those of rows, and its URLs by
    such that can be read, so that requests get far.
    """
    if isinstance(value, dict):
        return {
            name: told(TEXTS[name], part)
            if name in TEXTS and isinstance(part, str)
            else aimed(part, IDS.get(name, kind), rows)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [aimed(part, kind, rows) for part in value]
    if kind is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdecimal():
        return str(aimed(len(value), kind, rows))
    if not isinstance(value, int) or value % 5 == 0:
        return value
    return rows[kind][value % len(rows[kind])]


def told(texts: tuple[str, ...], value: str) -> str:
    """One of them by the value's length, now and then the value itself."""
    which = len(value) % (len(texts) + 1)
    return texts[which - 1] if which else value


@schema.parametrize()
@settings(QUIET, max_examples=-(-CASES // len(OPERATIONS)))
def test_every_answer_is_described(
    case: schemathesis.Case,
    token: str,
    rows: Rows,
    model_server: ModelServer,
    one_connection: None,
) -> None:
    kind = case.path.split("/")[1]
    case.path_parameters = aimed(case.path_parameters, kind, rows)
    case.query = aimed(case.query, None, rows)
    case.body = aimed(case.body, None, rows)
    # In one of four requests folders are switched off, and in other ones sharing.
    sent = repr((case.path_parameters, case.query, case.body))
    number = crc32(sent.encode("utf-8", "replace"))
    config.enable_folders = number % 4 != 0
    switches = {"ENABLE_INTERNAL_SHARING": number % 8 > 1, "ENABLE_PUBLIC_SHARING": number % 8 > 1}
    # Addresses that failed to authenticate too often are held back.
    cache.clear()
    with transaction.atomic(), override_settings(**switches):
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call_and_validate(
            base_url=address_of(case), headers=headers, excluded_checks=EXCLUDED
        )
        transaction.set_rollback(True)
    answered[case.operation.label][response.status_code] += 1


def is_about_something_else(response: Response, case: schemathesis.Case) -> bool:
    """Whether a 404 misses what the body names, or a part, and not the row of the path: the check
    cannot tell "User not found" from "Group not found".
    """
    kind = case.path.split("/")[1].removesuffix("s").replace("-", " ").capitalize()
    return response.status_code == 404 and response.json()["error"] != f"{kind} not found"


def test_what_was_made_is_there_and_what_was_deleted_is_gone(
    token: str, rows: Rows, model_server: ModelServer, one_connection: None, sharing: None
) -> None:
    """Chains of requests: ids from one answer go into the next request."""
    headers = {"Authorization": f"Bearer {token}"}
    config.enable_folders = True

    class Chain(schema.as_state_machine()):
        def setup(self) -> None:
            self.start = transaction.savepoint()

        def teardown(self) -> None:
            transaction.savepoint_rollback(self.start)

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"base_url": address_of(case), "headers": headers}

        def validate_response(self, response: Response, case: schemathesis.Case, **_: Any) -> None:
            # Whether a token is asked for was seen above.
            excluded = [*EXCLUDED, ignored_auth]
            if is_about_something_else(response, case):
                excluded.append(ensure_resource_availability)
            case.validate_response(
                response,
                excluded_checks=excluded,
                transport_kwargs={"headers": headers},
                recorder=self.recorder,
            )

    Chain.run(settings=settings(QUIET, max_examples=-(-CASES // 20), stateful_step_count=6))


def test_as_many_were_sent_as_were_asked_for() -> None:
    assert sum(map(Counter.total, answered.values())) >= CASES


@pytest.mark.parametrize("operation", OPERATIONS)
def test_requests_got_as_far_as_a_success(operation: str) -> None:
    statuses = answered[operation]
    assert any(status < 300 for status in statuses), statuses
