"""Pages as a person meets them: Debian's chromium, driven by Playwright, on a live server.

`browser_page` is a page in a fresh profile. Its test fails when the page wrote an error to the
console, when something beside the page itself could not be loaded, and when anything was asked of
another host. Wait for conditions (`expect`), never for time.

Playwright keeps an event loop in this thread from the first `browser_page` of a module to the
module's end, and Django refuses its database in such a thread unless it is told that nothing else
runs there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pytest_django.live_server_helper import LiveServer

    from accounts.models import User

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "There is no chromium on this machine, so no page was tried in a browser. "
    "On Debian: apt-get install chromium"
)
# The machine may have no network, run as root, or have little shared memory.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
WAIT_MS = 10_000
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
# As axe grades what it finds.
SERIOUS = {"serious", "critical"}


def chromium() -> str:
    """Where it is. Skips the test where it is nowhere; fails it under REQUIRE_BROWSER=1."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(MISSING, pytrace=False)
    if found is None:
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def browser_page(
    browser: Browser, transactional_db: None, live_server: LiveServer
) -> Iterator[Page]:
    """An empty page; paths are of the live server: `page.goto("/login")`."""
    context = browser.new_context(base_url=live_server.url, viewport=DESKTOP, color_scheme="light")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    complaints = _complaints_of(page, urlsplit(live_server.url).netloc)
    yield page
    context.close()
    assert complaints == []


def log_in(page: Page, live_server: LiveServer, user: User) -> None:
    """Gives the page's profile a session of this person's, without the log-in page."""
    client = Client()
    client.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    page.context.add_cookies(
        [{"name": name, "value": client.cookies[name].value, "url": live_server.url}]
    )


def serious_violations(page: Page, *rules: str) -> list[str]:
    """What axe holds against the page as it is now, `rule: element`, without the lesser grades.
    `rules`: only these of axe's; without them, all.
    """
    from axe_playwright_python.sync_playwright import Axe

    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found
        if violation["impact"] in SERIOUS
        for node in violation["nodes"]
    ]


def sideways_scroll(page: Page) -> int:
    """By how many CSS pixels the page is wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def _complaints_of(page: Page, host: str) -> list[str]:
    """A list that fills as the page is used. The status of a document is the test's to judge; for
    /favicon.ico the browser asks by itself where a document names no icon.
    """
    complaints: list[str] = []
    documents: set[str] = set()

    def on_request(request: Any) -> None:
        asked = urlsplit(request.url)
        if request.is_navigation_request() and request.frame == page.main_frame:
            documents.add(request.url)
        if asked.scheme in ("http", "https", "ws", "wss") and asked.netloc != host:
            complaints.append(f"asked of another host: {request.url}")

    def on_console(message: Any) -> None:
        url = message.location.get("url", "")
        expected = url in documents or urlsplit(url).path == "/favicon.ico"
        if message.type != "error" or (expected and message.text.startswith("Failed to load")):
            return
        complaints.append(f"console: {message.text} ({url})")

    page.context.on("request", on_request)
    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    return complaints
