"""The pages of one's transcript templates."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import templates
from recordings.models import TranscriptTemplate
from recordings.models.template import TEMPLATE_MAX_LENGTH
from recordings.services.templates import PLACEHOLDERS_MAX
from tests.accounts.pages import problems, said, send
from tests.conftest import Api, signed_in

pytestmark = pytest.mark.django_db

TEMPLATES = "/account/templates"
NEW = f"{TEMPLATES}/new"


@pytest.fixture
def browser_of_alice(alice: User) -> Client:
    return signed_in(alice)


def make(owner: User, **columns: Any) -> TranscriptTemplate:
    return TranscriptTemplate.objects.create(
        owner=owner, **{"name": "Minutes", "template": "{{speaker|upper}}: {{text}}", **columns}
    )


def test_a_template_that_is_made_there_is_what_the_api_has(
    browser_of_alice: Client, alice: User, api: Api
) -> None:
    answer = send(
        browser_of_alice,
        NEW,
        name=" Minutes ",
        template=" {{index}}\r\n{{text}}\r\n",
        description="",
        is_default="on",
    )
    assert answer["Location"] == TEMPLATES
    (made,) = api(alice).get("/api/transcript-templates").json()["templates"]
    kept = {name: made[name] for name in ("name", "template", "description", "is_default")}
    assert kept == {
        "name": "Minutes",
        "template": " {{index}}\n{{text}}\n",
        "description": None,
        "is_default": True,
    }


def test_a_new_default_takes_the_place_of_the_earlier_one(
    browser_of_alice: Client, alice: User
) -> None:
    earlier, later = make(alice, is_default=True), make(alice, name="Subtitles")
    path = f"{TEMPLATES}/{later.pk}/default"
    assert browser_of_alice.get(path).status_code == 200
    assert browser_of_alice.post(path)["Location"] == TEMPLATES
    assert said(browser_of_alice, TEMPLATES) == ["Your transcripts are shown by “Subtitles” now."]
    earlier.refresh_from_db()
    later.refresh_from_db()
    assert (earlier.is_default, later.is_default) == (False, True)


def test_a_template_is_changed_and_stops_being_the_default(
    browser_of_alice: Client, alice: User
) -> None:
    template = make(alice, is_default=True)
    path = f"{TEMPLATES}/{template.pk}"
    assert send(browser_of_alice, path, name="Notes", is_default=None).status_code == 302
    template.refresh_from_db()
    assert (template.name, template.is_default) == ("Notes", False)
    assert template.template == "{{speaker|upper}}: {{text}}"


def test_the_preview_shows_what_the_sample_becomes_and_saves_nothing(
    browser_of_alice: Client,
) -> None:
    answer = send(browser_of_alice, NEW, template="<b>{{speaker|upper}}", preview="yes")
    assert answer.status_code == 200
    assert answer.context["preview"] == "<b>ALICE\n<b>UNKNOWN\n<b>BOB"
    assert "&lt;b&gt;ALICE" in answer.content.decode()
    assert not TranscriptTemplate.objects.exists()


def test_a_preview_of_one_that_is_there_leaves_it_as_it_is(
    browser_of_alice: Client, alice: User
) -> None:
    template = make(alice)
    path = f"{TEMPLATES}/{template.pk}"
    assert browser_of_alice.get(path).context["preview"].startswith("ALICE: ")
    answer = send(browser_of_alice, path, name="Notes", template="{{index}}", preview="yes")
    assert answer.context["preview"] == "1\n2\n3"
    assert "<h1>Template “Minutes”</h1>" in answer.content.decode()
    assert send(browser_of_alice, path, name="", preview="yes").status_code == 200
    template.refresh_from_db()
    assert (template.name, template.template) == ("Minutes", "{{speaker|upper}}: {{text}}")


def test_the_list_has_one_s_own_with_what_they_make_of_the_sample(
    browser_of_alice: Client, alice: User, carol: User
) -> None:
    make(carol, name="of Carol")
    make(alice, name="Mine", is_default=True)
    shown = browser_of_alice.get(TEMPLATES).content.decode()
    assert "Mine" in shown and "ALICE: Shall we begin?" in shown
    assert "of Carol" not in shown
    assert "Make default" not in shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("description", "x" * 501),
        ("template", ""),
        ("template", " \r\n "),
        ("template", "x" * (TEMPLATE_MAX_LENGTH + 1)),
        ("template", "{{text}}" * (PLACEHOLDERS_MAX + 1)),
        ("template", "a\x00"),
    ],
)
def test_what_the_api_refuses_is_refused_beside_its_field(
    browser_of_alice: Client, field: str, value: str
) -> None:
    answer = send(browser_of_alice, NEW, **{"name": "Minutes", field: value})
    assert list(problems(answer)) == [field]
    assert not TranscriptTemplate.objects.exists()


def test_one_template_too_many_is_refused_with_the_reason(
    browser_of_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "TEMPLATES_MAX", 1)
    make(alice)
    answer = send(browser_of_alice, NEW, name="Another")
    assert problems(answer) == {"__all__": ["A person may have at most 1 transcript templates"]}


def test_a_template_is_deleted_after_being_asked(browser_of_alice: Client, alice: User) -> None:
    template = make(alice)
    path = f"{TEMPLATES}/{template.pk}/delete"
    assert browser_of_alice.get(path).status_code == 200
    assert TranscriptTemplate.objects.exists()
    assert browser_of_alice.post(path)["Location"] == TEMPLATES
    assert said(browser_of_alice, TEMPLATES) == ["The template “Minutes” is deleted."]
    assert not TranscriptTemplate.objects.exists()
    assert browser_of_alice.post(path).status_code == 404
