"""The account's pages: what one says of oneself and prefers there. Who may open which is in
tests/test_pages.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.api.serializers.in_ import PreferencesBodySerializer
from accounts.models import Group, Membership, User
from accounts.pages.preferences import PreferencesForm
from accounts.services import issue_token
from speakr_site.core.languages import NAMES
from speakr_site.core.limits import HINTS_MAX_LENGTH
from tests.accounts.pages import problems, said, send
from tests.conftest import Api, signed_in

pytestmark = pytest.mark.django_db

ME = "/api/v1/users/me"


@pytest.fixture
def browser_of_alice(alice: User) -> Client:
    return signed_in(alice)


def test_an_operator_s_menu_leads_to_the_console_and_nobody_else_s_does(
    browser_of_alice: Client, otto: User
) -> None:
    assert "/admin/" in signed_in(otto).get("/account").content.decode()
    assert "/admin/" not in browser_of_alice.get("/account").content.decode()


def test_a_profile_that_is_saved_is_what_the_api_says(
    browser_of_alice: Client, alice: User, api: Api
) -> None:
    answer = send(browser_of_alice, "/account", name=" Alice A ", job_title="Editor", company="")
    assert answer.status_code == 302 and answer["Location"] == "/account"
    assert said(browser_of_alice, "/account") == ["Saved."]
    read = api(User.objects.get(pk=alice.pk)).get(ME).json()
    assert (read["name"], read["job_title"], read["company"]) == ("Alice A", "Editor", None)


def test_a_name_that_is_too_long_is_refused_beside_its_field_and_nothing_is_saved(
    browser_of_alice: Client, alice: User
) -> None:
    answer = send(browser_of_alice, "/account", name="x" * 101, company="Example")
    assert list(problems(answer)) == ["name"]
    shown = answer.content.decode()
    assert 'aria-invalid="true"' in shown and "id_name_error" in shown
    alice.refresh_from_db()
    assert (alice.name, alice.company) == (None, None)


def test_a_refused_profile_leaves_the_rest_of_the_page_as_it_was(
    browser_of_alice: Client,
) -> None:
    answer = send(browser_of_alice, "/account", name="Mallory", company="x" * 101)
    assert list(problems(answer)) == ["company"]
    shown = answer.content.decode()
    assert 'value="Mallory"' in shown and "<span>alice</span>" in shown


def test_who_one_is_to_the_server_cannot_be_changed_there(
    browser_of_alice: Client, alice: User
) -> None:
    send(browser_of_alice, "/account", username="root", is_superuser="on", email="a@evil.example")
    alice.refresh_from_db()
    assert (alice.username, alice.is_superuser) == ("alice", False)
    assert alice.email == "alice@example.com"


def test_a_member_leaves_a_group_after_being_asked(
    browser_of_alice: Client, alice: User, group: Group
) -> None:
    path = f"/account/groups/{group.pk}/leave"
    assert browser_of_alice.get(path).status_code == 200
    assert Membership.objects.filter(user=alice).exists()
    assert browser_of_alice.post(path)["Location"] == "/account"
    assert not Membership.objects.filter(user=alice).exists()
    assert said(browser_of_alice, "/account") == ["You have left Engineering."]
    assert browser_of_alice.post(path).status_code == 404


def test_the_last_admin_of_a_group_is_told_why_they_cannot_leave(dana: User, group: Group) -> None:
    answer = signed_in(dana).post(f"/account/groups/{group.pk}/leave")
    assert problems(answer) == {"__all__": ["The last admin of a group cannot leave or be demoted"]}
    assert Membership.objects.filter(user=dana).exists()


def test_the_page_has_every_preference_of_the_api() -> None:
    assert set(PreferencesForm().fields) == set(PreferencesBodySerializer().fields)


def test_preferences_that_are_saved_are_what_the_api_says(
    browser_of_alice: Client, alice: User, api: Api
) -> None:
    chosen = {
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
    sent = {name: None if value is False else value for name, value in chosen.items()}
    assert send(browser_of_alice, "/account/preferences", **sent).status_code == 302
    assert api(User.objects.get(pk=alice.pk)).get(ME).json()["preferences"] == chosen
    # Sent again as it is shown then, nothing changes.
    assert send(browser_of_alice, "/account/preferences").status_code == 302
    assert api(User.objects.get(pk=alice.pk)).get(ME).json()["preferences"] == chosen


def test_a_preference_that_is_emptied_is_null_again(browser_of_alice: Client, alice: User) -> None:
    names = ["ui_language", "timezone", "transcription_language", "output_language"]
    User.objects.filter(pk=alice.pk).update(**{**dict.fromkeys(names, "en"), "timezone": "UTC"})
    send(browser_of_alice, "/account/preferences", **dict.fromkeys(names, ""))
    alice.refresh_from_db()
    assert [getattr(alice, name) for name in names] == [None] * 4


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("ui_language", "x y", "Enter a language code such as en or pt-BR."),
        ("output_language", "\n<b>", "Enter a language: its name, or its code."),
        ("timezone", "Europe/Atlantis", None),
        ("transcription_language", "tlh", None),
        ("auto_speaker_labelling_threshold", "1.01", "Enter a number from 0 to 1."),
        ("auto_speaker_labelling_threshold", "-0.5", "Enter a number from 0 to 1."),
        ("auto_speaker_labelling_threshold", "nan", "Enter a number from 0 to 1."),
        ("auto_speaker_labelling_threshold", "", "Enter a number from 0 to 1."),
        ("output_language", "a\x00", "Null characters are not allowed."),
    ],
)
def test_what_the_api_refuses_the_page_refuses(
    browser_of_alice: Client, alice: User, field: str, value: str, sentence: str | None
) -> None:
    answer = send(browser_of_alice, "/account/preferences", **{field: value, "diarize": "on"})
    found = problems(answer)
    assert list(found) == [field]
    assert sentence is None or sentence in found[field]
    alice.refresh_from_db()
    assert not alice.diarize


def test_every_language_of_whisper_can_be_chosen_by_its_name(browser_of_alice: Client) -> None:
    shown = browser_of_alice.get("/account/preferences").content.decode()
    for code, name in NAMES.items():
        assert f'<option value="{code}">{name}</option>' in shown


def test_moments_are_shown_in_the_person_s_own_time_zone(alice: User) -> None:
    token, _ = issue_token(user=alice, name="phone", by=alice)
    type(token).objects.update(created_at="2026-07-01T23:30:00Z")
    assert "1 Jul 2026, 23:30" in signed_in(alice).get("/account/tokens").content.decode()
    User.objects.filter(pk=alice.pk).update(timezone="Europe/Berlin")
    assert "2 Jul 2026, 01:30" in signed_in(alice).get("/account/tokens").content.decode()


def test_prompts_and_hints_are_kept_with_single_line_ends_and_emptied_to_null(
    browser_of_alice: Client, alice: User
) -> None:
    given: dict[str, Any] = {
        "transcription_hotwords": "Kubernetes, Ünïon",
        "transcription_initial_prompt": "Yes.\r\nNo.",
        "summary_prompt": "",
    }
    User.objects.filter(pk=alice.pk).update(summary_prompt="Short.")
    assert send(browser_of_alice, "/account/prompts", **given).status_code == 302
    alice.refresh_from_db()
    assert alice.transcription_hotwords == "Kubernetes, Ünïon"
    assert alice.transcription_initial_prompt == "Yes.\nNo."
    assert alice.summary_prompt is None


def test_a_prompt_may_be_as_long_as_a_tag_s_and_no_longer(
    browser_of_alice: Client, alice: User
) -> None:
    # A browser counts a line's end as one character and sends two.
    longest = "x\r\n" * (HINTS_MAX_LENGTH // 2 - 1) + "xx"
    assert send(browser_of_alice, "/account/prompts", summary_prompt=longest).status_code == 302
    answer = send(browser_of_alice, "/account/prompts", summary_prompt="x" + longest)
    assert list(problems(answer)) == ["summary_prompt"]
    alice.refresh_from_db()
    assert len(alice.summary_prompt) == HINTS_MAX_LENGTH
