"""/recordings/{id}/public-link (http-contract.md, 18)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import PublicLink, Recording
from speakr_site.core.api.fields import utc_text
from speakr_site.core.models import AuditEntry
from tests.concurrency import at_once
from tests.conftest import Api
from tests.factories import make_public_link, make_share

pytestmark = pytest.mark.django_db

TOMORROW = timezone.now() + timedelta(days=1)
ADDRESS = re.compile(r"http://testserver/s/[A-Za-z0-9_-]{22,}")


@pytest.fixture
def path(recording: Recording) -> str:
    return f"/api/v1/recordings/{recording.pk}/public-link"


def test_a_first_link_shows_the_summary_without_the_notes_to_everybody_for_ever(
    client: APIClient, path: str
) -> None:
    response = client.post(path)
    assert response.status_code == 201
    link = PublicLink.objects.get()
    assert ADDRESS.fullmatch(response.json()["url"])
    assert response.json() == {
        "url": f"http://testserver/s/{link.token}",
        "share_summary": True,
        "share_notes": False,
        "expires_at": None,
        "has_password": False,
        "created_at": utc_text(link.created_at),
    }


def test_a_link_is_read_as_it_was_answered(client: APIClient, path: str) -> None:
    assert client.get(path).status_code == 404
    made = client.post(path, {"share_notes": True, "expires_at": utc_text(TOMORROW)})
    assert client.get(path).json() == made.json()


def test_the_address_answers(client: APIClient, path: str) -> None:
    url = client.post(path).json()["url"]
    assert Client().get(url.removeprefix("http://testserver")).status_code == 200


def test_what_is_not_given_stays_as_it_was_and_so_does_the_address(
    client: APIClient, path: str
) -> None:
    everything = {
        "share_summary": False,
        "share_notes": True,
        "expires_at": utc_text(TOMORROW),
        "password": "sesame",
    }
    first = client.post(path, everything)
    again = client.post(path, {})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    changed = client.post(path, {"share_notes": False, "expires_at": None})
    assert changed.json() == {**first.json(), "share_notes": False, "expires_at": None}
    assert changed.json()["has_password"] is True


def test_the_address_begins_with_what_the_operator_says(
    client: APIClient, path: str, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://speakr.example/app"
    link = PublicLink.objects.get_or_create(recording=Recording.objects.get())[0]
    for url in (client.post(path).json()["url"], client.get(path).json()["url"]):
        assert url == f"https://speakr.example/app/s/{link.token}"


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_password_is_kept_as_a_hash_and_can_be_taken_away(
    client: APIClient, path: str, nothing: str | None
) -> None:
    assert client.post(path, {"password": " sesame "}).json()["has_password"] is True
    kept = PublicLink.objects.get().password
    assert "sesame" not in kept
    assert check_password(" sesame ", kept)
    assert client.post(path, {"password": nothing}).json()["has_password"] is False


def test_a_day_is_included(client: APIClient, path: str) -> None:
    answer = client.post(path, {"expires_at": "2199-12-31"})
    assert answer.json()["expires_at"] == "2199-12-31T23:59:59Z"


@pytest.mark.parametrize(
    "body",
    [
        {"share_summary": "yes"},
        {"share_notes": None},
        {"share_notes": 1},
        {"expires_at": ""},
        {"expires_at": "soon"},
        {"expires_at": 5},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "0001-01-01T00:00:00+23:59"},
        {"expires_at": "9999-12-31T23:59:59-23:59"},
        {"expires_at": "9999-12-31"},
        {"expires_at": "2201-01-01T00:00:00Z"},
        {"expires_at": "2020-01-01"},
        {"password": 5},
        {"password": "a\x00b"},
        {"password": "a" * 129},
        {"password": ["sesame"]},
        [],
        "text",
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    client: APIClient, path: str, body: Any
) -> None:
    response = client.post(path, body, format="json")
    assert response.status_code == 400
    assert response.json()["error"]
    assert not PublicLink.objects.exists()
    assert not AuditEntry.objects.exists()


def test_half_a_character_is_no_password(client: APIClient, path: str) -> None:
    body = r'{"password": "\ud800"}'
    response = client.generic("POST", path, body, content_type="application/json")
    assert response.status_code == 400
    assert not PublicLink.objects.exists()


def test_the_last_day_of_all_can_be_stored(client: APIClient, path: str) -> None:
    answer = client.post(path, {"expires_at": "2200-12-31"})
    assert answer.json()["expires_at"] == "2200-12-31T23:59:59Z"


def test_a_link_that_has_ended_can_be_given_more_time(
    client: APIClient, path: str, recording: Recording
) -> None:
    past = datetime(2024, 1, 15, 10, tzinfo=UTC)
    link = make_public_link(recording=recording, expires_at=past)
    assert client.get(path).json()["expires_at"] == "2024-01-15T10:00:00Z"
    assert client.post(path, {"expires_at": None}).status_code == 200
    assert Client().get(f"/s/{link.token}").status_code == 200


def test_a_closed_link_is_dead_and_the_next_has_another_address(
    client: APIClient, path: str
) -> None:
    url = client.post(path).json()["url"]
    assert client.delete(path).status_code == 204
    assert Client().get(url.removeprefix("http://testserver")).status_code == 404
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 204
    again = client.post(path)
    assert again.status_code == 201
    assert again.json()["url"] != url


class TestRights:
    """The owner's alone, who must be permitted to share publicly."""

    @pytest.mark.parametrize("can_edit", [False, True])
    def test_who_has_a_share_neither_makes_nor_sees_nor_closes_a_link(
        self,
        api: Api,
        recording: Recording,
        carol: User,
        path: str,
        settings: Any,
        *,
        can_edit: bool,
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = True
        make_share(recording=recording, user=carol, can_edit=can_edit)
        theirs = api(carol)
        assert theirs.get(f"/api/v1/recordings/{recording.pk}").status_code == 200
        for is_open in (False, True):
            if is_open:
                make_public_link(recording=recording, password="hash")
            for act in (theirs.get, theirs.post, theirs.delete):
                response = act(path)
                assert response.status_code == 403
                assert "/s/" not in response.content.decode()
        assert PublicLink.objects.get().password == "hash"

    @pytest.mark.parametrize("name", ["carol", "otto"])
    def test_a_stranger_and_an_operator_are_refused(
        self, api: Api, request: pytest.FixtureRequest, path: str, name: str
    ) -> None:
        stranger = api(request.getfixturevalue(name))
        for act in (stranger.get, stranger.post, stranger.delete):
            assert act(path).status_code == 403
        assert not PublicLink.objects.exists()

    def test_nobody_is_asked_to_log_in(self, api: Api, path: str) -> None:
        assert {act(path).status_code for act in (api().get, api().post, api().delete)} == {401}

    def test_a_recording_that_is_none_is_not_found(self, client: APIClient) -> None:
        path = "/api/v1/recordings/999999/public-link"
        assert {act(path).status_code for act in (client.get, client.post, client.delete)} == {404}

    def test_an_owner_who_may_not_share_publicly_may_only_close(
        self, client: APIClient, alice: User, recording: Recording, path: str
    ) -> None:
        make_public_link(recording=recording)
        alice.can_share_publicly = False
        alice.save()
        for act in (client.get, client.post):
            assert act(path).status_code == 403
            assert act(path).json() == {"error": "You are not permitted to share publicly"}
        assert client.delete(path).status_code == 204
        assert not PublicLink.objects.exists()

    def test_while_it_is_switched_off_the_owner_may_only_close(
        self, client: APIClient, recording: Recording, path: str, settings: Any
    ) -> None:
        make_public_link(recording=recording)
        settings.ENABLE_PUBLIC_SHARING = False
        for act in (client.get, client.post):
            assert act(path).status_code == 403
            assert act(path).json() == {"error": "Public sharing is switched off on this server"}
        assert client.delete(path).status_code == 204
        assert not PublicLink.objects.exists()


def test_the_link_goes_with_its_recording(
    client: APIClient, path: str, recording: Recording
) -> None:
    token = client.post(path).json()["url"].rpartition("/")[2]
    assert client.delete(f"/api/v1/recordings/{recording.pk}").status_code == 200
    assert Client().get(f"/s/{token}").status_code == 404


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_who_open_a_link_get_the_same_one(self, client: APIClient, path: str) -> None:
        answers = at_once(*[lambda: client.post(path)] * 8)
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert len({answer.json()["url"] for answer in answers}) == 1

    def test_a_change_while_it_is_closed_is_no_server_error(
        self, client: APIClient, path: str
    ) -> None:
        client.post(path)
        changes = [lambda: client.post(path, {"share_notes": True})] * 4
        answers = at_once(*changes, *[lambda: client.delete(path)] * 4)
        assert {answer.status_code for answer in answers} <= {200, 201, 204}

    def test_opening_while_the_recording_is_deleted_is_no_server_error(
        self, client: APIClient, path: str, recording: Recording
    ) -> None:
        whole = f"/api/v1/recordings/{recording.pk}"
        opening = [lambda: client.post(path)] * 4
        answers = at_once(*opening, lambda: client.delete(whole))
        assert {answer.status_code for answer in answers} <= {200, 201, 404}
        assert not PublicLink.objects.exists()
