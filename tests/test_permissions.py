"""The whole policy as one table: route x person -> status.

Alice owns the recording, Bob is in her group, Carol is a stranger, Otto operates the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token
from recordings.models import Recording
from tests.factories import make_recording, make_transcript
from tests.recordings.api.uploading import wav
from tests.routes import Route, v1_routes

pytestmark = pytest.mark.django_db

PEOPLE = ("alice", "bob", "carol", "otto")
TABLE = """
                                   alice  bob  carol  otto
GET    docs                        200    200  200    200
GET    openapi.json                200    200  200    200
GET    users/me                    200    200  200    200
GET    transcription               200    200  200    200
GET    recordings                  200    200  200    200
POST   recordings/upload           202    202  202    202
GET    recordings/{pk}             200    403  403    403
PATCH  recordings/{pk}             200    403  403    403
DELETE recordings/{pk}             200    403  403    403
GET    recordings/{pk}/status      200    403  403    403
GET    recordings/{pk}/transcript  200    403  403    403
GET    recordings/{pk}/notes       200    403  403    403
PUT    recordings/{pk}/notes       200    403  403    403
GET    recordings/{pk}/summary     200    403  403    403
PUT    recordings/{pk}/summary     200    403  403    403
POST   recordings/{pk}/transcribe  200    403  403    403
GET    recordings/{pk}/audio       200    403  403    403
"""
BODIES = {
    "PATCH recordings/{pk}": {"title": "After"},
    "PUT recordings/{pk}/notes": {"notes": "After"},
    "PUT recordings/{pk}/summary": {"summary": "After"},
}
OPEN_TO_EVERYONE = {"GET docs", "GET openapi.json"}
ROUTES = {str(route): route for route in v1_routes()}


def policy() -> dict[str, dict[str, int]]:
    header, *rows = TABLE.strip().splitlines()
    assert tuple(header.split()) == PEOPLE
    table = {}
    for row in rows:
        method, path, *statuses = row.split()
        table[f"{method} {path}"] = dict(zip(PEOPLE, map(int, statuses), strict=True))
    return table


@pytest.fixture
def recording(alice: User) -> Recording:
    key = default_storage.save("audio/1/2024/01/policy.wav", ContentFile(wav()))
    made = make_recording(owner=alice, audio_key=key, notes="Secret", summary="Secret")
    make_transcript(recording=made)
    return made


def send(client: APIClient, route: Route, pk: int) -> Response:
    """A request that is in order, so that only the person can be what is wrong."""
    if route.path == "recordings/upload":
        file = SimpleUploadedFile("meeting.wav", wav())
        return client.post(route.url(), {"file": file}, format="multipart")
    body: Any = BODIES.get(str(route))
    return (
        client.generic(route.method, route.url(pk))
        if body is None
        else getattr(client, route.method.lower())(route.url(pk), body)
    )


def test_every_route_has_a_row() -> None:
    assert set(policy()) == set(ROUTES)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("route", policy())
def test_the_table_holds(
    api: Callable[[User], APIClient],
    recording: Recording,
    request: pytest.FixtureRequest,
    route: str,
    person: str,
) -> None:
    response = send(api(request.getfixturevalue(person)), ROUTES[route], recording.pk)
    assert response.status_code == policy()[route][person]
    if response.status_code == 403:
        assert b"Secret" not in response.content
        assert response.json()["error"].startswith("Permission denied")
        recording.refresh_from_db()
        assert (recording.title, recording.notes) == ("Team meeting", "Secret")


@pytest.mark.parametrize("route", policy())
def test_nobody_gets_in_without_a_token(
    api: Callable[[None], APIClient], recording: Recording, route: str
) -> None:
    response = send(api(None), ROUTES[route], recording.pk)
    if route in OPEN_TO_EVERYONE:
        assert response.status_code == 200
        return
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json() == {"error": "Authentication required"}
    assert Recording.objects.get() == recording


@pytest.mark.parametrize("route", sorted(set(policy()) - OPEN_TO_EVERYONE))
def test_a_wrong_token_is_refused_everywhere(recording: Recording, route: str) -> None:
    client = APIClient(headers={"X-API-Token": "x" * 43})
    response = send(client, ROUTES[route], recording.pk)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("route", [route for route in policy() if "{pk}" in route])
def test_what_does_not_exist_is_not_found(
    api: Callable[[User], APIClient], alice: User, route: str
) -> None:
    response = send(api(alice), ROUTES[route], 10**6)
    assert response.status_code == 404
    assert response.json() == {"error": "Recording not found"}


def test_a_token_of_somebody_who_left_opens_nothing(alice: User) -> None:
    _, secret = issue_token(user=alice, name="phone")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/api/v1/users/me").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/api/v1/users/me").status_code == 401
