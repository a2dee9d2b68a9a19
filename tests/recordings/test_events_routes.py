"""What Alice's webhooks are told of each request that may change something: the people, recordings
and bodies of tests/test_permissions.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from hooks.models import Delivery, Webhook
from recordings.models import Recording
from tests.model_server import model_server
from tests.names import names
from tests.recordings.told import Told, listen, told
from tests.routes import api_routes
from tests.test_permissions import (
    BODIES,
    STATUSES,
    Send,
    World,
    _no_failed_attempts,
    _sharing,
    contents,
    model,
    route_of,
    send,
    who,
    world,
)

# Fixtures.
__all__ = [
    "_no_failed_attempts",
    "_sharing",
    "model",
    "model_server",
    "names",
    "send",
    "who",
    "world",
]

pytestmark = pytest.mark.django_db

# Erin may edit `{alice}`, Vera may read it; Dana may edit `{tagged}` and `{led}`.
PEOPLE = ("alice", "erin", "vera", "dana", "otto")
EVERY = ("alice", "tagged", "led")
# Queue something for one webhook; tests/hooks has them.
OF_WEBHOOKS = "webhooks"

Event = tuple[str, str, dict[str, Any]]


def updated(*fields: str, of: str = "alice") -> Event:
    return of, "updated", {"fields_changed": list(fields)}


def deleted(of: str = "alice") -> Event:
    return of, "deleted", {}


FLAGS = ("notes", "is_inbox", "is_highlighted")
# Row of the policy -> who does it -> what Alice's webhooks are told; nothing for whom it does not
# name. Work that is queued is told of when it begins and ends (test_events_pipeline.py).
TABLE: dict[str, dict[str, list[Event]]] = {
    "POST recordings/upload": {
        "alice": [("new", "created", {"file_size": 3244, "original_filename": "meeting.wav"})]
    },
    "PATCH recordings/batch": {"alice": [updated("is_inbox", of=which) for which in EVERY]},
    # Her own tag is on the first already; what others note for themselves is theirs.
    "PATCH recordings/batch#mixed": {
        "alice": [
            updated("is_inbox"),
            updated("is_inbox", "tags", of="tagged"),
            updated("is_inbox", "tags", of="led"),
        ]
    },
    "PATCH recordings/batch#folder": {"alice": [updated("folder_id", of=which) for which in EVERY]},
    "DELETE recordings/batch": {"alice": [deleted(which) for which in EVERY]},
    "POST recordings/batch/transcribe": {},
    "PATCH recordings/{alice}": {"alice": [updated("title")], "erin": [updated("title")]},
    "PATCH recordings/{alice}#personal": {"alice": [updated(*FLAGS)]},
    "PATCH recordings/{alice}#mixed": {
        "alice": [updated("title", "notes", "is_inbox")],
        "erin": [updated("title")],
    },
    "PATCH recordings/{alice}#folder": {"alice": [updated("folder_id")]},
    "PATCH recordings/{alice}#exempt": {"alice": [updated("deletion_exempt")]},
    "PATCH recordings/{tagged}": {
        "alice": [updated("title", of="tagged")],
        "dana": [updated("title", of="tagged")],
    },
    "PATCH recordings/{tagged}#personal": {"alice": [updated(*FLAGS, of="tagged")]},
    "DELETE recordings/{alice}": {"alice": [deleted()]},
    "PUT recordings/{alice}/notes": {"alice": [updated("notes")]},
    "PUT recordings/{alice}/summary": {"alice": [updated("summary")], "erin": [updated("summary")]},
    "PUT recordings/{alice}/speakers/assign": {
        "alice": [updated("participants", "speakers")],
        "erin": [updated("participants", "speakers")],
    },
    # Alice's is on it already; Erin's and Vera's are for their own eyes.
    "POST recordings/{alice}/tags": {},
    "POST recordings/{tagged}/tags": {"alice": [updated("tags", of="tagged")]},
    "POST recordings/{alice}/tags#group": {"alice": [updated("tags")]},
    "DELETE recordings/{alice}/tags/{tag_id}": {"alice": [updated("tags")]},
    "DELETE recordings/{tagged}/tags/{tag_id}": {
        "alice": [updated("tags", of="tagged")],
        "dana": [updated("tags", of="tagged")],
    },
    "POST recordings/{alice}/regenerate_title": {
        "alice": [updated("title")],
        "erin": [updated("title")],
    },
    "POST recordings/{alice}/transcribe": {},
    "POST recordings/{alice}/summarize": {},
    "POST recordings/{alice}/chat": {},
    "POST recordings/{alice}/speakers/identify": {},
    # Who may see a recording is not the recording.
    "POST recordings/{alice}/shares": {},
    "DELETE recordings/{alice}/shares/{user_id}": {},
    "POST recordings/{alice}/public-link": {},
    "DELETE recordings/{alice}/public-link": {},
    # What many recordings have in common.
    "POST tags": {},
    "PUT tags/{alice}": {},
    "DELETE tags/{alice}": {},
    "DELETE tags/{group}": {},
    "POST folders": {},
    "PUT folders/{alice}": {},
    "PATCH folders/{alice}": {},
    "DELETE folders/{alice}": {},
    "POST speakers": {},
    "PUT speakers/{alice}": {},
    "DELETE speakers/{alice}": {},
    "POST groups": {},
    "PATCH groups/{group}": {},
    "DELETE groups/{group}": {},
    "POST groups/{group}/members": {},
    "PATCH groups/{group}/members/{user_id}": {},
    "DELETE groups/{group}/members/{user_id}": {},
    # Of a person.
    "PATCH users/me": {},
    "PUT settings/auto-summarization": {},
    "POST transcript-templates": {},
    "PUT transcript-templates/{alice}": {},
    "PATCH transcript-templates/{alice}": {},
    "DELETE transcript-templates/{alice}": {},
    "POST naming-templates": {},
    "POST naming-templates/preview": {},
    "PUT naming-templates/{alice}": {},
    "PATCH naming-templates/{alice}": {},
    "DELETE naming-templates/{alice}": {},
    "POST tokens": {},
    "PUT tokens/{alice}": {},
    "PATCH tokens/{alice}": {},
    "DELETE tokens/{alice}": {},
}


def test_every_route_that_may_change_something_has_a_row() -> None:
    unsafe = {str(route) for route in api_routes() if route.method != "GET"}
    of_webhooks = {row for row in unsafe if row.split()[1].startswith(OF_WEBHOOKS)}
    assert {str(route_of(row)) for row in TABLE} == unsafe - of_webhooks


def test_every_body_about_a_recording_has_a_row() -> None:
    bodies = {row.replace("{pk}", "{alice}") for row in BODIES if "#" in row and "chat" not in row}
    assert bodies <= set(TABLE)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("row", TABLE)
def test_the_table_holds(send: Send, world: World, row: str, person: str) -> None:
    Webhook.objects.all().delete()
    listen(*world.people.values())
    titles = dict(Recording.objects.values_list("pk", "title"))
    response = send(person, row)
    contents(response)
    policy = STATUSES.get(row) or STATUSES[row.partition("#")[0]]
    assert response.status_code == policy[person]
    titles |= dict(Recording.objects.values_list("pk", "title"))
    uploads = row == "POST recordings/upload"
    expected = TABLE[row].get("alice" if uploads else person, [])
    owner = world.people[person if uploads else "alice"]
    assert told(owner) == [
        Told(event, {"recording_id": pk, "title": titles[pk], **more})
        for which, event, more in expected
        for pk in [response.json()["id"] if uploads else world.pk("recordings", which)]
    ]
    assert not Delivery.objects.exclude(webhook__owner=owner).exists()
