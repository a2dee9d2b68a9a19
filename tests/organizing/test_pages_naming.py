"""The pages of one's naming templates."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.services import templates
from organizing.models import NamingTemplate
from tests.accounts.pages import problems, said, send
from tests.conftest import Api, signed_in
from tests.factories import make_naming_template

pytestmark = pytest.mark.django_db

NAMING = "/account/naming"
NEW = f"{NAMING}/new"


@pytest.fixture
def browser_of_alice(alice: User) -> Client:
    return signed_in(alice)


def make(owner: User, **columns: Any) -> NamingTemplate:
    return make_naming_template(owner=owner, **columns)


def test_a_template_that_is_made_there_is_what_the_api_has(
    browser_of_alice: Client, alice: User, api: Api
) -> None:
    answer = send(
        browser_of_alice,
        NEW,
        name=" Calls ",
        template="{{client}} {{date}}",
        pattern=r"(?P<client>\w+)",
        description="",
        is_default="on",
    )
    assert answer["Location"] == NAMING
    (made,) = api(alice).get("/api/naming-templates").json()["templates"]
    kept = {name: made[name] for name in ("name", "template", "pattern", "description")}
    assert kept == {
        "name": "Calls",
        "template": "{{client}} {{date}}",
        "pattern": r"(?P<client>\w+)",
        "description": None,
    }
    assert made["is_default"] is True


def test_no_pattern_is_null(browser_of_alice: Client) -> None:
    assert send(browser_of_alice, NEW, name="Calls").status_code == 302
    made = NamingTemplate.objects.get()
    assert (made.template, made.pattern) == ("{{date}} {{ai_title}}", None)


def test_a_new_default_takes_the_place_of_the_earlier_one(
    browser_of_alice: Client, alice: User
) -> None:
    earlier, later = make(alice, is_default=True), make(alice, name="Calls")
    path = f"{NAMING}/{later.pk}/default"
    assert browser_of_alice.get(path).status_code == 200
    assert browser_of_alice.post(path)["Location"] == NAMING
    assert said(browser_of_alice, NAMING) == ["Your recordings are called by “Calls” now."]
    earlier.refresh_from_db()
    later.refresh_from_db()
    assert (earlier.is_default, later.is_default) == (False, True)


def test_a_template_is_changed_and_stops_being_the_default(
    browser_of_alice: Client, alice: User
) -> None:
    template = make(alice, is_default=True)
    path = f"{NAMING}/{template.pk}"
    assert send(browser_of_alice, path, name="Notes", is_default=None).status_code == 302
    template.refresh_from_db()
    assert (template.name, template.is_default) == ("Notes", False)


def test_the_preview_tries_it_on_a_file_s_name_and_saves_nothing(
    browser_of_alice: Client, alice: User
) -> None:
    answer = send(
        browser_of_alice,
        NEW,
        template="<b>{{client}} {{ai_title}}",
        pattern="(?P<client>[A-Z]+)",
        sample="the ACME call.mp3",
        preview="yes",
    )
    assert answer.status_code == 200
    assert answer.context["preview"] == "<b>ACME What was talked about"
    assert "&lt;b&gt;ACME" in answer.content.decode()
    assert not NamingTemplate.objects.exists()

    template = make(alice, template="{{filename}}")
    path = f"{NAMING}/{template.pk}"
    assert browser_of_alice.get(path).context["preview"] == "2026-03-02 Acme kick-off"
    answer = send(browser_of_alice, path, name="", template="{{year}}", sample="", preview="yes")
    assert answer.context["preview"].isdecimal()
    template.refresh_from_db()
    assert (template.name, template.template) == ("Clients", "{{filename}}")


def test_the_list_has_one_s_own_with_what_they_make_of_the_sample(
    browser_of_alice: Client, alice: User, carol: User
) -> None:
    make(carol, name="of Carol")
    make(alice, name="Mine", template="{{filename}}!", is_default=True)
    shown = browser_of_alice.get(NAMING).content.decode()
    assert "Mine" in shown and "2026-03-02 Acme kick-off!" in shown
    assert "of Carol" not in shown
    assert "Make default" not in shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("description", "x" * 501),
        ("template", " "),
        ("template", "x" * 501),
        ("template", "a\x00"),
        ("pattern", "("),
        ("pattern", "(?P<date>x)"),
        ("pattern", "x" * 501),
        ("sample", "x" * 501),
    ],
)
def test_what_the_api_refuses_is_refused_beside_its_field(
    browser_of_alice: Client, field: str, value: str
) -> None:
    for preview in (None, "yes"):
        sent = {"name": "Calls", field: value, "preview": preview}
        answer = send(browser_of_alice, NEW, **sent)
        if not (preview and field == "name" and not value):
            assert list(problems(answer)) == [field]
    assert not NamingTemplate.objects.exists()


def test_one_template_too_many_is_refused_with_the_reason(
    browser_of_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "TEMPLATES_MAX", 1)
    make(alice)
    answer = send(browser_of_alice, NEW, name="Another")
    assert problems(answer) == {"__all__": ["A person may have at most 1 naming templates"]}


def test_a_template_is_deleted_after_being_asked(browser_of_alice: Client, alice: User) -> None:
    template = make(alice)
    path = f"{NAMING}/{template.pk}/delete"
    assert browser_of_alice.get(path).status_code == 200
    assert NamingTemplate.objects.exists()
    assert browser_of_alice.post(path)["Location"] == NAMING
    assert said(browser_of_alice, NAMING) == ["The template “Clients” is deleted."]
    assert browser_of_alice.post(path).status_code == 404


def test_there_is_no_page_about_somebody_else_s(browser_of_alice: Client, carol: User) -> None:
    template = make(carol, name="of Carol")
    for part in ("", "/default", "/delete"):
        path = f"{NAMING}/{template.pk}{part}"
        assert browser_of_alice.get(path).status_code == 404
        assert browser_of_alice.post(path, {"name": "Mine", "template": "x"}).status_code == 404
    template.refresh_from_db()
    assert (template.name, template.is_default) == ("of Carol", False)
