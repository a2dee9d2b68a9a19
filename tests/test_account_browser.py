"""The account in a real browser: by keyboard alone, for who cannot see or point well, on a phone,
and without scripts.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import ApiToken, Group, Membership, User
from accounts.services import issue_token
from accounts.services.resets import reset_tokens
from hooks.models import Delivery, Webhook
from organizing.models import NamingTemplate
from recordings.models import TranscriptTemplate
from tests.browser import PHONE, log_in, serious_violations, sideways_scroll
from tests.factories import (
    make_delivery,
    make_naming_template,
    make_public_link,
    make_recording,
    make_share,
    make_webhook,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page
    from pytest_django.live_server_helper import LiveServer

PASSWORD = "correct horse battery"
# More than any page has of what the Tab key stops at.
STOPS = 60


def tab_to(page: Page, wanted: Locator) -> None:
    """By the Tab key alone, and not past where one can see that one is."""
    for _ in range(STOPS):
        if wanted.evaluate("element => element === document.activeElement"):
            outline = wanted.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key never comes to {wanted}")


def press(page: Page, role: Any, name: str) -> None:
    tab_to(page, page.get_by_role(role, name=name, exact=True))
    page.keyboard.press("Enter")


def type_into(page: Page, label: str, text: str) -> None:
    tab_to(page, page.get_by_label(label, exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def status_with(secret: str, live_server: LiveServer) -> int:
    return requests.get(
        f"{live_server.url}/api/v1/users/me",
        headers={"Authorization": f"Bearer {secret}"},
        timeout=10,
    ).status_code


def test_by_keyboard_alone_a_token_is_made_copied_used_and_revoked(
    browser_page: Page, live_server: LiveServer, alice: User
) -> None:
    from playwright.sync_api import expect

    page = browser_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/account/tokens")
    type_into(page, "User name or e-mail", "alice")
    type_into(page, "Password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("API tokens")

    # The first stop leads past the menu.
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()

    type_into(page, "Name", "phone")
    press(page, "button", "Make the token")
    expect(page.get_by_role("status")).to_contain_text("“phone” is made")
    secret = page.get_by_label("Secret")
    expect(secret).to_be_focused()
    press(page, "button", "Copy")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == secret.input_value()
    assert status_with(copied, live_server) == 200

    press(page, "link", "API tokens")
    expect(page.get_by_text("last used")).to_be_visible()
    assert copied not in page.content()
    press(page, "link", "Revoke phone")
    press(page, "button", "Revoke the token")
    expect(page.get_by_role("status")).to_have_text("The token “phone” is revoked.")
    assert status_with(copied, live_server) == 401

    press(page, "button", "Log out")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_a_preference_is_changed_by_keyboard_after_a_mistake(
    browser_page: Page, live_server: LiveServer, alice: User
) -> None:
    from playwright.sync_api import expect

    page = browser_page
    log_in(page, live_server, alice)
    page.goto("/account/preferences")
    label = "Similarity from which a voice is known"
    type_into(page, label, "7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Enter a number from 0 to 1.")
    press(page, "link", label)
    field = page.get_by_label(label)
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("Enter a number from 0 to 1."))
    type_into(page, label, "0.7")
    tab_to(page, page.get_by_label("Look for dates"))
    page.keyboard.press("Space")
    press(page, "button", "Save")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    alice.refresh_from_db()
    assert (alice.auto_speaker_labelling_threshold, alice.extract_events) == (0.7, True)


@pytest.fixture
def full_account(alice: User, bob: User, group: Group) -> User:
    """With something on every page; an operator's, whose menu is the longest."""
    long = "x" * 60
    User.objects.filter(pk=alice.pk).update(name=long, is_staff=True, is_superuser=True)
    recording = make_recording(owner=alice, title=long)
    make_share(recording=recording, user=bob)
    make_public_link(recording=recording)
    Membership.objects.create(group=Group.objects.create(name=long), user=alice, role="admin")
    issue_token(user=alice, name=long, by=alice)
    over, _ = issue_token(user=alice, name="over", by=alice)
    ApiToken.objects.filter(pk=over.pk).update(expires_at=timezone.now() - timedelta(days=1))
    TranscriptTemplate.objects.create(
        owner=alice, name=long, template=f"{{{{text}}}}{long}", description=long, is_default=True
    )
    TranscriptTemplate.objects.create(owner=alice, name="plain", template="{{text}}")
    make_naming_template(owner=alice, name=long, template=long, pattern=long, is_default=True)
    make_naming_template(owner=alice, name="plain", description=long)
    full_webhooks(alice, long)
    return alice


def full_webhooks(owner: User, long: str) -> None:
    """One that works, one that is paused, one that is switched off; deliveries of every kind."""
    hook = make_webhook(owner=owner, name="plain", target=f"{long}.example.com:443")
    make_webhook(owner=owner, name=long, enabled=False, auto_paused=True, consecutive_failures=10)
    make_webhook(owner=owner, name="off", enabled=False)
    make_delivery(webhook=hook)
    make_delivery(webhook=hook, attempt_count=1, error_message=long)
    made = {"response_status": 500, "response_body_preview": long * 9, "attempt_count": 5}
    make_delivery(webhook=hook, status=Delivery.Status.FAILED, **made)
    make_delivery(webhook=hook, status=Delivery.Status.DONE, **made)


def found_wrong(page: Page) -> list[str]:
    """With the page as it is: light, dark, and as narrow as a phone."""
    where = page.url
    found = [f"{where}: {violation}" for violation in serious_violations(page)]
    page.emulate_media(color_scheme="dark")
    found += [f"{where}, dark: {each}" for each in serious_violations(page, "color-contrast")]
    page.emulate_media(color_scheme="light")
    wide = page.viewport_size
    page.set_viewport_size(PHONE)
    if pixels := sideways_scroll(page):
        found.append(f"{where}: {pixels} pixels wider than a phone")
    page.set_viewport_size(wide)
    return found


def test_no_page_of_the_account_shuts_anyone_out(
    browser_page: Page, live_server: LiveServer, full_account: User
) -> None:
    page, found = browser_page, []
    log_in(page, live_server, full_account)
    token = ApiToken.objects.get(name="over")
    template = TranscriptTemplate.objects.get(name="plain")
    naming = NamingTemplate.objects.get(name="plain")
    hook = Webhook.objects.get(name="plain")
    group = Group.objects.get(name="Engineering")
    for path in (
        "/account",
        f"/account/groups/{group.pk}/leave",
        "/account/preferences",
        "/account/prompts",
        "/account/templates",
        "/account/templates/new",
        f"/account/templates/{template.pk}/delete",
        "/account/naming",
        "/account/naming/new",
        f"/account/naming/{naming.pk}",
        f"/account/naming/{naming.pk}/delete",
        "/account/sharing",
        "/account/tokens",
        f"/account/tokens/{token.pk}",
        f"/account/tokens/{token.pk}/revoke",
        "/account/webhooks",
        "/account/webhooks/new",
        f"/account/webhooks/{hook.pk}",
        f"/account/webhooks/{hook.pk}/deliveries",
        f"/account/webhooks/{hook.pk}/secret",
        f"/account/webhooks/{hook.pk}/off",
        "/account/password",
        "/account/email",
        "/account/nothing",
    ):
        page.goto(path)
        found += found_wrong(page)
    for path, button in (
        ("/account/tokens", "Make the token"),
        ("/account/email", "Change"),
        ("/account/webhooks/new", "Make the webhook"),
        (f"/account/webhooks/{hook.pk}/secret", "Make a new secret"),
    ):
        page.goto(path)
        page.get_by_role("button", name=button).click()
        page.wait_for_load_state()
        found += found_wrong(page)
    assert found == []


def test_no_page_before_the_account_shuts_anyone_out(
    browser_page: Page, live_server: LiveServer, alice: User, settings: Any
) -> None:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "localhost", live_server.url
    page, found = browser_page, []
    who = urlsafe_base64_encode(force_bytes(alice.pk))
    for path in ("/login", "/reset", "/reset/sent", "/reset/done", "/reset/MQ/used-up"):
        page.goto(path)
        found += found_wrong(page)
    page.goto("/login")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    found += found_wrong(page)
    page.goto(f"/reset/{who}/{reset_tokens.make_token(alice)}")
    found += found_wrong(page)
    assert found == []


def test_without_scripts_the_secret_is_there_to_be_selected(
    browser: Browser, transactional_db: None, live_server: LiveServer, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(password=make_password(PASSWORD))
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("User name or e-mail").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="API tokens").click()
    page.get_by_role("button", name="Make the token").click()
    secret = page.get_by_label("Secret").input_value()
    assert page.get_by_role("button", name="Copy").count() == 0
    context.close()
    assert status_with(secret, live_server) == 200
