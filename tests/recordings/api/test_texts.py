"""GET and PUT of notes and summary (http-contract.md, 8.6)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("name", ["notes", "summary"])]


@pytest.fixture
def recording(alice: User) -> Recording:
    return make_recording(owner=alice, notes="before", summary="before")


def get(client: APIClient, recording: Recording, name: str) -> dict[str, Any]:
    response = client.get(f"/api/v1/recordings/{recording.pk}/{name}")
    assert response.status_code == 200, response.content
    return response.json()


def put(client: APIClient, recording: Recording, name: str, body: Any) -> Response:
    return client.put(f"/api/v1/recordings/{recording.pk}/{name}", body)


@pytest.mark.parametrize(
    "text",
    ["after", "", None, "  # Plan\n\n- one\r\n- two\t\n", "會議 🎙", "<script>", "x" * 100_000],
)
def test_a_text_is_stored_as_given(
    client: APIClient, recording: Recording, name: str, text: str | None
) -> None:
    response = put(client, recording, name, {name: text})
    assert response.status_code == 200
    assert response.json() == {"success": True, name: text}
    found = get(client, recording, name)
    assert (found[name], found[f"has_{name}"]) == (text, bool(text))


@pytest.mark.parametrize("wrong", [5, 1.5, True, ["a"], {"a": "b"}, "a\0b"])
def test_anything_but_a_text_is_refused(
    client: APIClient, recording: Recording, name: str, wrong: Any
) -> None:
    response = put(client, recording, name, {name: wrong})
    assert response.status_code == 400
    assert name in response.json()["error"]
    assert get(client, recording, name)[name] == "before"


def test_the_field_must_be_there(client: APIClient, recording: Recording, name: str) -> None:
    for body in ({}, {"other": "x"}, {name.upper(): "x"}):
        response = put(client, recording, name, body)
        assert response.status_code == 400
        assert response.json()["error"] == f"{name} field required"


def test_unknown_keys_are_ignored(client: APIClient, recording: Recording, name: str) -> None:
    response = put(client, recording, name, {name: "after", "title": "other", "id": 7})
    assert response.json() == {"success": True, name: "after"}
    recording.refresh_from_db()
    assert recording.title == "Team meeting"


def test_one_text_leaves_the_other_alone(
    client: APIClient, recording: Recording, name: str
) -> None:
    other = {"notes": "summary", "summary": "notes"}[name]
    put(client, recording, name, {name: "after"})
    assert get(client, recording, other)[other] == "before"
