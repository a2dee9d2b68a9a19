"""GET, POST /speakers and PUT, DELETE /speakers/{id} (http-contract.md, 13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from speakers.models import Speaker
from tests.concurrency import at_once
from tests.recordings.api.test_junk import VALUES, Sweep, send

pytestmark = pytest.mark.django_db

URL = "/api/v1/speakers"
AT_ONCE = 50
NAME_REQUIRED = "Speaker name is required"
TAKEN = "Speaker with this name already exists"


@pytest.fixture
def john(alice: User) -> Speaker:
    return Speaker.objects.create(
        owner=alice,
        name="John Doe",
        use_count=45,
        last_used_at=datetime(2024, 1, 15, 14, 30, 0, 999, UTC),
    )


def names(owner: User) -> list[str]:
    return list(Speaker.objects.filter(owner=owner).order_by("id").values_list("name", flat=True))


class TestList:
    def test_each_has_the_six_keys(self, client: APIClient, john: Speaker) -> None:
        assert client.get(URL).json() == {
            "speakers": [
                {
                    "id": john.pk,
                    "name": "John Doe",
                    "use_count": 45,
                    "last_used": "2024-01-15T14:30:00Z",
                    "confidence_score": None,
                    "has_voice_profile": False,
                }
            ]
        }

    def test_the_most_used_comes_first_then_the_latest_then_the_oldest_row(
        self, client: APIClient, alice: User
    ) -> None:
        uses = [("never", 0, None), ("often", 9, 1), ("early", 2, 1), ("late", 2, 20)]
        uses += [("undated", 2, None), ("never too", 0, None)]
        for name, count, day in uses:
            last = day and datetime(2024, 1, day, tzinfo=UTC)
            Speaker.objects.create(owner=alice, name=name, use_count=count, last_used_at=last)
        listed = [speaker["name"] for speaker in client.get(URL).json()["speakers"]]
        assert listed == ["often", "late", "early", "undated", "never", "never too"]

    def test_nobody_sees_anybody_else_s(
        self, api: Callable[[User], APIClient], john: Speaker, bob: User, otto: User
    ) -> None:
        for other in (bob, otto):
            assert api(other).get(URL).json() == {"speakers": []}


class TestCreate:
    def test_a_new_speaker_was_never_used(self, client: APIClient, alice: User) -> None:
        response = client.post(URL, {"name": "  Zoë\tQuinn \n"})
        assert response.status_code == 201
        speaker = Speaker.objects.get()
        assert speaker.owner == alice
        assert response.json() == {
            "id": speaker.pk,
            "name": "Zoë\tQuinn",
            "use_count": 0,
            "last_used": None,
            "confidence_score": None,
            "has_voice_profile": False,
            "created_at": speaker.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    @pytest.mark.parametrize("body", [{}, None, {"name": None}, {"name": ""}, {"name": " \t\n"}])
    def test_a_name_is_required(self, client: APIClient, body: Any) -> None:
        response = client.post(URL, body)
        assert response.status_code == 400
        assert response.json()["error"] == NAME_REQUIRED
        assert not Speaker.objects.exists()

    @pytest.mark.parametrize(
        "name", [5, 1.5, True, ["John"], {"name": "John"}, "a\0b", "a\nb", "\ud800", "x" * 101]
    )
    def test_what_is_no_name_is_refused(self, client: APIClient, name: Any) -> None:
        # In ASCII, which a lone surrogate survives.
        text = json.dumps({"name": name})
        response = client.post(URL, text, content_type="application/json")
        assert response.status_code == 400
        assert "name" in response.json()["error"]
        assert not Speaker.objects.exists()

    @pytest.mark.parametrize("body", [b"[]", b'"John"', b"5", b"null", b"{"])
    def test_a_body_is_an_object(self, client: APIClient, body: bytes) -> None:
        response = client.generic("POST", URL, body, "application/json")
        assert response.status_code == 400
        assert set(response.json()) == {"error"}

    def test_a_hundred_characters_fit_without_the_spaces_around_them(
        self, client: APIClient, alice: User
    ) -> None:
        assert client.post(URL, {"name": " " + "語" * 100 + " "}).status_code == 201
        assert names(alice) == ["語" * 100]

    def test_a_name_is_given_once(self, client: APIClient, alice: User, john: Speaker) -> None:
        response = client.post(URL, {"name": " John Doe "})
        assert response.status_code == 400
        assert response.json() == {"error": TAKEN}
        assert names(alice) == ["John Doe"]

    def test_other_letters_and_other_people_make_another_speaker(
        self, api: Callable[[User], APIClient], client: APIClient, carol: User, john: Speaker
    ) -> None:
        assert client.post(URL, {"name": "john doe"}).status_code == 201
        assert api(carol).post(URL, {"name": "John Doe"}).status_code == 201
        assert names(carol) == ["John Doe"]


@pytest.mark.django_db(transaction=True)
def test_of_fifty_who_come_at_once_one_is_first(
    api: Callable[[User], APIClient], alice: User
) -> None:
    answers = at_once(*[lambda: api(alice).post(URL, {"name": "John Doe"})] * AT_ONCE)
    told = [(answer.status_code, answer.json().get("error")) for answer in answers]
    assert sorted(told, key=str) == [(201, None), *[(400, TAKEN)] * (AT_ONCE - 1)]
    assert names(alice) == ["John Doe"]


class TestRename:
    def put(self, client: APIClient, speaker: Speaker, body: Any) -> Any:
        return client.put(f"{URL}/{speaker.pk}", body)

    def test_a_new_name_is_trimmed_and_answered(self, client: APIClient, john: Speaker) -> None:
        response = self.put(client, john, {"name": " Jane Doe ", "use_count": 7, "owner": 9})
        assert response.status_code == 200
        shape = {"id": john.pk, "name": "Jane Doe", "use_count": 45}
        assert response.json() == {"success": True, "speaker": shape}
        assert client.get(URL).json()["speakers"][0]["name"] == "Jane Doe"

    def test_the_same_name_again_is_in_order(self, client: APIClient, john: Speaker) -> None:
        assert self.put(client, john, {"name": "John Doe"}).status_code == 200

    @pytest.mark.parametrize("body", [{}, None])
    def test_nothing_to_change_is_refused(
        self, client: APIClient, john: Speaker, body: Any
    ) -> None:
        response = self.put(client, john, body)
        assert response.status_code == 400
        assert response.json() == {"error": "No data provided"}

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({"title": "x"}, NAME_REQUIRED),
            ({"name": None}, NAME_REQUIRED),
            ({"name": "  "}, NAME_REQUIRED),
            ({"name": 5}, None),
            ({"name": ["x"]}, None),
            ({"name": "x" * 101}, None),
            ({"name": "a\0"}, None),
        ],
    )
    def test_what_is_no_name_changes_nothing(
        self, client: APIClient, john: Speaker, alice: User, body: Any, error: str | None
    ) -> None:
        response = self.put(client, john, body)
        assert response.status_code == 400
        assert error is None or response.json()["error"] == error
        assert names(alice) == ["John Doe"]

    def test_another_of_my_speakers_keeps_its_name_to_itself(
        self, client: APIClient, john: Speaker, alice: User, carol: User
    ) -> None:
        Speaker.objects.create(owner=alice, name="Jane")
        Speaker.objects.create(owner=carol, name="Max")
        response = self.put(client, john, {"name": " Jane"})
        assert response.status_code == 400
        assert response.json() == {"error": TAKEN}
        assert names(alice) == ["John Doe", "Jane"]
        assert self.put(client, john, {"name": "Max"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_no_name_breaks_anything(client: APIClient, john: Speaker, method: str) -> None:
    url = URL if method == "POST" else f"{URL}/{john.pk}"
    with Sweep() as sweep:
        for value in VALUES:
            sent = f'{{"name":{value}}}'.encode()
            sweep.expect_answer(send(client, method, url, sent), value)
            sweep.expect_answer(client.get(URL), "read after", value)


class TestDelete:
    def test_who_is_deleted_is_gone(self, client: APIClient, john: Speaker, alice: User) -> None:
        other = Speaker.objects.create(owner=alice, name="Jane")
        response = client.delete(f"{URL}/{john.pk}")
        assert response.status_code == 200
        assert response.json() == {"success": True, "message": "Speaker deleted"}
        assert list(Speaker.objects.all()) == [other]
        again = client.delete(f"{URL}/{john.pk}")
        assert again.status_code == 404
        assert again.json() == {"error": "Speaker not found"}


@pytest.mark.parametrize("method", ["put", "delete"])
def test_somebody_else_s_speaker_is_refused_before_the_body_is_looked_at(
    api: Callable[[User], APIClient], john: Speaker, bob: User, otto: User, method: str
) -> None:
    for other in (bob, otto):
        response = getattr(api(other), method)(f"{URL}/{john.pk}", {"name": ""})
        assert response.status_code == 403
        assert response.json() == {"error": "Permission denied"}
    john.refresh_from_db()
    assert john.name == "John Doe"


@pytest.mark.parametrize("method", ["put", "delete"])
@pytest.mark.parametrize("pk", ["0", "999999", "9" * 30])
def test_an_unknown_speaker_is_not_found(client: APIClient, method: str, pk: str) -> None:
    response = getattr(client, method)(f"{URL}/{pk}", {"name": "x"})
    assert response.status_code == 404
    assert response.json() == {"error": "Speaker not found"}
