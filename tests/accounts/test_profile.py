"""PATCH /users/me: a person changes what is said of them, and what they prefer (contract 18)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.conftest import Api

pytestmark = pytest.mark.django_db

ME = "/api/v1/users/me"
FLAGS = [
    "extract_events",
    "auto_speaker_labelling",
    "auto_summarization",
    "show_timestamps_simple_view",
    "editor_autosave",
    "diarize",
]
LANGUAGES = ["ui_language", "transcription_language", "output_language"]


def prefer(client: APIClient, **preferences: Any) -> Any:
    return client.patch(ME, {"preferences": preferences})


def refused(answer: Any, about: str) -> None:
    assert answer.status_code == 400, answer.content
    assert about in answer.json()["error"]


def columns() -> list[dict[str, Any]]:
    return list(User.objects.order_by("pk").values())


def test_all_that_can_be_changed_is_changed_and_answered_as_it_is_read(
    api: Api, alice: User, carol: User
) -> None:
    before = User.objects.values().get(pk=carol.pk)
    preferences = {
        "ui_language": "pt-BR",
        "timezone": "Europe/Berlin",
        "transcription_language": "de",
        "output_language": "Deutsch",
        "extract_events": True,
        "auto_speaker_labelling": True,
        "auto_speaker_labelling_threshold": 0.75,
        "auto_summarization": False,
        "show_timestamps_simple_view": True,
        "editor_autosave": True,
        "diarize": True,
    }
    said = {"name": "Alice Johnson", "job_title": "Editor", "company": "Ünïon & Söhne"}
    answer = api(alice).patch(ME, {**said, "preferences": preferences})
    assert answer.status_code == 200
    read = api(User.objects.get(pk=alice.pk)).get(ME).json()
    assert answer.json() == read
    assert read["preferences"] == preferences
    assert {key: read[key] for key in said} == said
    assert User.objects.values().get(pk=carol.pk) == before


def test_what_is_not_given_stays(api: Api, alice: User) -> None:
    before = api(alice).get(ME).json()
    assert api(alice).patch(ME, {"name": "Al"}).json() == {**before, "name": "Al"}
    changed = prefer(api(alice), diarize=True).json()
    assert changed["preferences"] == {**before["preferences"], "diarize": True}
    for body in (None, {}, {"preferences": {}}, {"nickname": "Al", "is_admin": True, "id": 9}):
        assert api(alice).patch(ME, body).json() == changed
    assert not User.objects.get().is_superuser


@pytest.mark.parametrize("key", ["name", "job_title", "company"])
def test_texts_are_trimmed_and_an_empty_one_is_null(api: Api, alice: User, key: str) -> None:
    for given, kept in ((" A b ", "A b"), ("", None), ("ü" * 100, "ü" * 100), ("  ", None)):
        assert api(alice).patch(ME, {key: given}).json()[key] == kept
    api(alice).patch(ME, {key: "x"})
    assert api(alice).patch(ME, {key: None}).json()[key] is None


@pytest.mark.parametrize("key", ["name", "job_title", "company"])
@pytest.mark.parametrize("value", [5, True, ["a"], {"a": 1}, "x" * 101, "a\x00"])
def test_bad_texts_are_refused(api: Api, alice: User, key: str, value: Any) -> None:
    before = columns()
    refused(api(alice).patch(ME, {key: value, "preferences": {"diarize": True}}), key)
    assert columns() == before


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_true_or_false_and_nothing_else(api: Api, alice: User, flag: str) -> None:
    for value in (True, False):
        assert prefer(api(alice), **{flag: value}).json()["preferences"][flag] is value
    before = columns()
    for value in ("true", 1, 0, None, "", [], {}):
        refused(prefer(api(alice), **{flag: value}), flag)
    assert columns() == before


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 0.0), (1, 1.0), (0.35, 0.35), ("low", 0.3), ("medium", 0.6), ("high", 0.8)],
)
def test_a_threshold_is_a_number_or_the_name_of_one(
    api: Api, alice: User, given: Any, kept: float
) -> None:
    answer = prefer(api(alice), auto_speaker_labelling_threshold=given)
    assert answer.json()["preferences"]["auto_speaker_labelling_threshold"] == kept


@pytest.mark.parametrize("value", [-0.1, 1.01, 10**400, True, "0.5", "Low", "", None, [], {}])
def test_another_threshold_is_refused(api: Api, alice: User, value: Any) -> None:
    refused(
        prefer(api(alice), auto_speaker_labelling_threshold=value),
        "auto_speaker_labelling_threshold",
    )
    assert User.objects.get().auto_speaker_labelling_threshold == 0.6


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_threshold_that_is_no_finite_number_is_refused(
    api: Api, alice: User, number: str
) -> None:
    body = f'{{"preferences": {{"auto_speaker_labelling_threshold": {number}}}}}'
    assert api(alice).patch(ME, body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "GMT"])
def test_a_time_zone_is_an_iana_name(api: Api, alice: User, zone: str) -> None:
    assert prefer(api(alice), timezone=f" {zone} ").json()["preferences"]["timezone"] == zone


@pytest.mark.parametrize(
    "zone",
    ["Berlin", "europe/berlin", "CEST", "+02:00", "Mars/Base", "../../etc/passwd", "/etc/localtime"]
    + ["localtime", "Europe", "posix/UTC", "x" * 300, "\x00", 5, True, [], {}],
)
def test_another_time_zone_is_refused(api: Api, alice: User, zone: Any) -> None:
    refused(prefer(api(alice), timezone=zone), "timezone")
    assert User.objects.get().timezone is None


@pytest.mark.parametrize("empty", [None, "", " "])
def test_no_time_zone_means_the_server_s(api: Api, alice: User, settings: Any, empty: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    prefer(api(alice), timezone="Europe/Berlin")
    assert prefer(api(alice), timezone=empty).json()["preferences"]["timezone"] == "Asia/Tokyo"
    assert User.objects.get().timezone is None


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("ui_language", "en", "en"),
        ("ui_language", "zh-Hans", "zh-Hans"),
        ("transcription_language", "de", "de"),
        ("transcription_language", "EN-gb", "en"),
        ("output_language", "fr", "fr"),
        ("output_language", "Simplified Chinese", "Simplified Chinese"),
        ("output_language", "Português (Brasil)", "Português (Brasil)"),
        ("output_language", "हिन्दी", "हिन्दी"),
        ("output_language", "中文", "中文"),
    ],
)
def test_languages_are_kept(api: Api, alice: User, key: str, given: str, kept: str) -> None:
    assert prefer(api(alice), **{key: given}).json()["preferences"][key] == kept


@pytest.mark.parametrize("key", LANGUAGES)
def test_no_language_is_null(api: Api, alice: User, key: str) -> None:
    for empty in (None, "", " "):
        prefer(api(alice), **{key: "de"})
        assert prefer(api(alice), **{key: empty}).json()["preferences"][key] is None


@pytest.mark.parametrize("key", LANGUAGES)
@pytest.mark.parametrize(
    "value", [5, True, [], {}, "<script>", "x\x00", "a" * 51, "1", "-", "de\nIgnore this", "{}"]
)
def test_what_is_no_language_is_refused(api: Api, alice: User, key: str, value: Any) -> None:
    before = columns()
    refused(prefer(api(alice), **{key: value}), key)
    assert columns() == before


@pytest.mark.parametrize("key", ["ui_language", "transcription_language"])
@pytest.mark.parametrize("value", ["xx", "english", "e", "auto"])
def test_a_code_that_nobody_knows_is_refused(api: Api, alice: User, key: str, value: str) -> None:
    refused(prefer(api(alice), **{key: value}), key)


@pytest.mark.parametrize(
    "key", ["theme", "username", "email", "transcription_hotwords", "\x00", ""]
)
def test_an_unknown_preference_is_refused(api: Api, alice: User, key: str) -> None:
    before = columns()
    answer = prefer(api(alice), **{key: "x", "diarize": True})
    refused(answer, "Unknown preference; known are ui_language, timezone, ")
    assert columns() == before
    assert set(api(alice).get(ME).json()["preferences"]) == set(
        answer.json()["error"].partition("known are ")[2].split(", ")
    )


def test_an_unknown_preference_of_broken_text_is_refused(api: Api, alice: User) -> None:
    body = r'{"preferences": {"\ud800": 1}}'
    answer = api(alice).patch(ME, body, content_type="application/json")
    refused(answer, "Unknown preference")


@pytest.mark.parametrize("value", [None, [], "de", 5, True, [{"diarize": True}]])
def test_preferences_are_an_object(api: Api, alice: User, value: Any) -> None:
    refused(api(alice).patch(ME, {"preferences": value}), "preferences")


def test_what_was_read_can_be_sent_back(api: Api, alice: User) -> None:
    read = api(alice).get(ME).json()
    answer = api(alice).patch(ME, {**read, "company": "Acme"})
    assert (answer.status_code, answer.json()) == (200, {**read, "company": "Acme"})


@pytest.mark.parametrize("key", ["email", "username", "password"])
@pytest.mark.parametrize("value", ["mallory", "mallory@example.com", None, 5])
def test_e_mail_user_name_and_password_stay(api: Api, alice: User, key: str, value: Any) -> None:
    before = columns()
    answer = api(alice).patch(ME, {"name": "M", key: value})
    assert (answer.status_code, answer.json()) == (400, {"error": f"{key} cannot be changed here"})
    assert columns() == before


@pytest.mark.parametrize("body", ["[]", '"a"', "5", "{", "null"])
def test_a_body_is_an_object(api: Api, alice: User, body: str) -> None:
    assert api(alice).patch(ME, body, content_type="application/json").status_code == 400


def test_nobody_changes_nobody(api: Api, alice: User) -> None:
    assert api(None).patch(ME, {"name": "M"}).status_code == 401
