"""What a body may say of a tag or of a folder: the same rules for both, when made and when
changed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from organizing.models import Folder, Tag
from tests.organizing.conftest import KINDS

ORDER = "default_min_speakers must not be greater than default_max_speakers"
COLOR = "color must be #RRGGBB, such as #3B82F6"
LANGUAGE = "default_language must be an ISO 639-1 code such as en"
RETENTION = "retention_days must be from 1 to 36500, or -1 to keep for ever"


def create(client: APIClient, kind: str, **body: Any) -> Response:
    return client.post(f"/api/v1/{kind}", {"name": "Work", **body})


def change(client: APIClient, kind: str, pk: int, **body: Any) -> Response:
    return client.put(f"/api/v1/{kind}/{pk}", body)


def answered(response: Response) -> dict[str, Any]:
    body = response.json()
    return body.get("tag", body)


def brief(value: Any) -> str:
    """The name of a case, whatever the length of its texts."""
    return str(value)[:60]


ACCEPTED = [
    ({"name": "  Work \t"}, {"name": "Work"}),
    ({"name": "é" * 50}, {"name": "é" * 50}),
    ({"color": "#a1B2c3"}, {"color": "#a1B2c3"}),
    ({"custom_prompt": " Decisions first. "}, {"custom_prompt": "Decisions first."}),
    ({"custom_prompt": "x" * 10_000}, {"custom_prompt": "x" * 10_000}),
    ({"custom_prompt": " "}, {"custom_prompt": None}),
    ({"default_language": "DE"}, {"default_language": "de"}),
    ({"default_language": "pt-BR"}, {"default_language": "pt"}),
    ({"default_language": ""}, {"default_language": None}),
    (
        {"default_min_speakers": 1, "default_max_speakers": 100},
        {"default_min_speakers": 1, "default_max_speakers": 100},
    ),
    (
        {"default_min_speakers": 3, "default_max_speakers": 3},
        {"default_min_speakers": 3, "default_max_speakers": 3},
    ),
    ({"default_max_speakers": None}, {"default_max_speakers": None}),
    ({"default_hotwords": "Speakr, ASR"}, {"default_hotwords": "Speakr, ASR"}),
    ({"default_hotwords": ""}, {"default_hotwords": None}),
    ({"default_initial_prompt": ""}, {"default_initial_prompt": None}),
    ({"default_transcription_model": "m" * 120}, {"default_transcription_model": "m" * 120}),
    ({"default_transcription_model": " "}, {"default_transcription_model": None}),
    ({"retention_days": -1}, {"retention_days": -1}),
    ({"retention_days": 1}, {"retention_days": 1}),
    ({"retention_days": 36_500}, {"retention_days": 36_500}),
    ({"retention_days": None}, {"retention_days": None}),
]
REFUSED = [
    *[({"name": value}, None) for value in (5, True, ["a"], {}, "x" * 51, "a\0b")],
    *[({"color": value}, COLOR) for value in ("red", "#FFF", "#GGGGGG", "3B82F6", "#3B82F60")],
    *[({"color": value}, None) for value in ("", 5, ["#3B82F6"])],
    ({"custom_prompt": "x" * 10_001}, None),
    *[({"custom_prompt": value}, None) for value in (5, False, [], {}, "a\0b")],
    *[({"default_language": value}, LANGUAGE) for value in ("xx", "english", "e", "x" * 5000)],
    *[({"default_language": value}, None) for value in (5, ["en"])],
    *[
        ({name: value}, None)
        for name in ("default_min_speakers", "default_max_speakers")
        for value in (0, 101, -1, "2", 2.0, True, 2**70)
    ],
    ({"default_min_speakers": 5, "default_max_speakers": 2}, ORDER),
    ({"default_hotwords": "x" * 10_001}, None),
    ({"default_initial_prompt": "x" * 10_001}, None),
    ({"default_hotwords": ["Speakr"]}, None),
    ({"default_initial_prompt": 5}, None),
    ({"default_transcription_model": "m" * 121}, None),
    ({"default_transcription_model": 5}, None),
    *[({"retention_days": value}, RETENTION) for value in (0, -2, -7, 36_501, 2**31, 2**62)],
    *[({"retention_days": value}, None) for value in ("30", 1.5, True, [])],
    *[
        ({name: value}, None)
        for name in ("auto_share_on_apply", "share_with_group_lead")
        for value in ("false", 0, 1, None)
    ],
]


@pytest.mark.parametrize(("body", "expected"), ACCEPTED, ids=brief)
def test_a_value_is_taken_when_made_and_when_changed(
    client: APIClient, alice: User, kind: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = create(client, kind, **body)
    assert made.status_code == 201, made.content
    assert answered(made).items() >= expected.items()
    _, make = KINDS[kind]
    row = make(owner=alice, name="Other", retention_days=7, default_max_speakers=9)
    Tag.objects.exclude(pk=row.pk).delete()
    Folder.objects.exclude(pk=row.pk).delete()
    changed = change(client, kind, row.pk, **body)
    assert changed.status_code == 200, changed.content
    assert answered(changed).items() >= expected.items()


@pytest.mark.parametrize(("body", "sentence"), REFUSED, ids=brief)
def test_a_value_is_refused_when_made_and_when_changed(
    client: APIClient, alice: User, kind: str, body: dict[str, Any], sentence: str | None
) -> None:
    model, make = KINDS[kind]
    made = create(client, kind, **body)
    assert not model.objects.exists()
    row = make(owner=alice, name="Before", color="#123456")
    changed = change(client, kind, row.pk, **body)
    stored = model.objects.values().get()
    assert (stored["name"], stored["color"]) == ("Before", "#123456")
    for response in (made, changed):
        assert response.status_code == 400
        assert response.json()["error"] == sentence or sentence is None
        assert next(iter(body)) in response.json()["error"]


@pytest.mark.parametrize("name", [None, "", " \t\n "])
def test_a_name_is_required(client: APIClient, alice: User, kind: str, name: str | None) -> None:
    _, make = KINDS[kind]
    sentence = f"{kind[:-1].capitalize()} name is required"
    row = make(owner=alice)
    for response in (create(client, kind, name=name), change(client, kind, row.pk, name=name)):
        assert (response.status_code, response.json()["error"]) == (400, sentence)


@pytest.mark.parametrize("body", [None, "{}", '{"color": "#000000"}'])
def test_nothing_is_made_without_a_name(client: APIClient, kind: str, body: str | None) -> None:
    response = client.generic("POST", f"/api/v1/{kind}", body or "", "application/json")
    assert response.status_code == 400
    assert response.json()["error"] == f"{kind[:-1].capitalize()} name is required"


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "5", "{", ""])
def test_a_body_is_a_json_object(client: APIClient, alice: User, kind: str, body: str) -> None:
    _, make = KINDS[kind]
    url = f"/api/v1/{kind}/{make(owner=alice).pk}"
    expected = 200 if (kind, body) == ("folders", "") else 400
    assert client.generic("PUT", url, body, "application/json").status_code == expected
    assert client.generic("POST", f"/api/v1/{kind}", body, "application/json").status_code == 400


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"default_min_speakers": 3}, {"default_max_speakers": 2}),
        ({"default_max_speakers": 2}, {"default_min_speakers": 3}),
    ],
)
def test_a_bound_is_held_against_the_one_that_is_stored(
    client: APIClient, kind: str, first: dict[str, int], then: dict[str, int]
) -> None:
    pk = create(client, kind, **first).json()["id"]
    response = change(client, kind, pk, **then)
    assert (response.status_code, response.json()["error"]) == (400, ORDER)
    # With the other bound taken away in the same breath it is in order.
    assert change(client, kind, pk, **then, **dict.fromkeys(first)).status_code == 200


def test_null_means_the_usual_color(client: APIClient, alice: User, kind: str) -> None:
    model, make = KINDS[kind]
    usual = {"tags": "#3B82F6", "folders": "#10B981"}[kind]
    assert create(client, kind).json()["color"] == usual
    model.objects.all().delete()
    assert create(client, kind, color=None).json()["color"] == usual
    row = make(owner=alice, name="Red", color="#FF0000")
    assert answered(change(client, kind, row.pk, color=None))["color"] == usual


def test_a_change_leaves_alone_what_it_does_not_name(client: APIClient, kind: str) -> None:
    full = {
        "color": "#FF0000",
        "custom_prompt": "Decisions.",
        "default_language": "en",
        "default_min_speakers": 2,
        "default_max_speakers": 5,
        "default_hotwords": "Speakr",
        "default_initial_prompt": "Sales.",
        "default_transcription_model": "small",
        "retention_days": 30,
    }
    made = create(client, kind, **full).json()
    changed = answered(change(client, kind, made["id"], name="Renamed"))
    assert changed == {**made, "name": "Renamed"}
    nothing = dict.fromkeys(full.keys() - {"color"})
    assert answered(change(client, kind, made["id"], **nothing)) == {**changed, **nothing}


def test_unknown_keys_are_ignored(client: APIClient, alice: User, kind: str) -> None:
    model, make = KINDS[kind]
    row = make(owner=alice)
    body = {"owner": 99, "owner_id": 99, "id": 99, "created_at": "x", "nonsense": [1]}
    assert change(client, kind, row.pk, **body).status_code == 200
    assert (model.objects.get().pk, model.objects.get().owner) == (row.pk, alice)


class TestNames:
    """Once per person and once per group; letters in another case make another name."""

    def test_a_person_has_a_name_once(self, client: APIClient, kind: str) -> None:
        assert create(client, kind).status_code == 201
        assert create(client, kind, name="work").status_code == 201
        response = create(client, kind, name=" Work ")
        assert response.status_code == 400
        assert response.json() == {
            "error": f"{kind[:-1].capitalize()} with this name already exists"
        }

    def test_others_and_groups_may_have_it_too(
        self, api: Any, kind: str, dana: User, carol: User, group: Any
    ) -> None:
        assert create(api(carol), kind).status_code == 201
        assert create(api(dana), kind).status_code == 201
        assert create(api(dana), kind, group_id=group.pk).status_code == 201
        response = create(api(dana), kind, group_id=group.pk)
        assert response.status_code == 400
        article = {"tags": "Tag", "folders": "A folder"}[kind]
        assert response.json() == {
            "error": f"{article} with this name already exists for this group"
        }

    def test_a_change_cannot_take_one(
        self, api: Any, kind: str, alice: User, dana: User, group: Any
    ) -> None:
        _, make = KINDS[kind]
        sentences = {
            "tags": [
                "Tag with this name already exists",
                "Tag with this name already exists for this group",
            ],
            "folders": ["Another folder with this name already exists"] * 2,
        }[kind]
        for person, whose, sentence in zip(
            (alice, dana), ({"owner": alice}, {"group": group}), sentences, strict=True
        ):
            make(name="Taken", **whose)
            row = make(name="Mine", **whose)
            response = change(api(person), kind, row.pk, name="Taken", color="#000000")
            assert (response.status_code, response.json()) == (400, {"error": sentence})
            row.refresh_from_db()
            assert row.color != "#000000"
            # Its own name is not taken by itself.
            assert change(api(person), kind, row.pk, name="Mine").status_code == 200


@pytest.mark.parametrize("field", ["name", "custom_prompt", "default_language", "color"])
def test_what_no_database_holds_is_refused(client: APIClient, kind: str, field: str) -> None:
    for text in ("\\ud800", "a\\u0000"):
        body = f'{{"name": "Work", "{field}": "{text}"}}'
        response = client.generic("POST", f"/api/v1/{kind}", body, "application/json")
        assert response.status_code == 400
        assert field in response.json()["error"]


def test_the_wrong_media_type_is_refused(client: APIClient, kind: str) -> None:
    body = json.dumps({"name": "Work"})
    assert client.generic("POST", f"/api/v1/{kind}", body, "text/plain").status_code == 415
