"""The page behind a public link in a real browser: what others wrote does nothing, the player
plays, and a link that has ended ends there too.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.core.files import File
from django.core.files.storage import default_storage

from accounts.models import User
from recordings.models import PublicLink, Recording
from recordings.services.public_links import publish, unpublish
from tests.browser import DESKTOP, PHONE, WAIT_MS, serious_violations, sideways_scroll
from tests.factories import make_public_link, make_recording, make_transcript
from tests.recordings.test_markdown import TRICKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response
    from pytest_django.live_server_helper import LiveServer

# 19 MB: more than a browser loads ahead.
SECONDS, RATE = 1200, 8000
PASSWORD = "open sesame"
SUMMARY = """# Decided

We **sell** the factory, see [the plan](https://plan.example/).

| who | what | until when |
|---|---|---|
| Mina | talks to the bank about the price of the factory | Friday |

1. one
2. two

- `code`

> We said so.
"""
SAID = [
    {"speaker": "SPEAKER_00", "start": 0.0, "end": 9.0, "text": "We begin with the factory."},
    {"speaker": "SPEAKER_00", "start": 9.0, "end": 20.5, "text": "It makes little sense to me."},
    {"speaker": "SPEAKER_01", "start": 1000.5, "end": 1010.0, "text": "Then let us sell it."},
]
# In the page Playwright may not evaluate text, as the content policy says, and so cannot poll.
UNTIL = """(audio, limit) => new Promise((done, fail) => {
  const look = () => (%s) && done(true);
  setTimeout(() => fail(new Error("It never was so.")), limit);
  for (const event of ["loadedmetadata", "timeupdate"]) audio.addEventListener(event, look);
  look();
})"""


@pytest.fixture
def recording(transactional_db: None, alice: User, tmp_path: Path, settings: Any) -> Recording:
    """Twenty minutes of silence, and what was said in them."""
    cache.clear()
    settings.MEDIA_ROOT = tmp_path / "uploads"
    with wave.open(str(tmp_path / "silence.wav"), "wb") as silence:
        silence.setparams((1, 2, RATE, 0, "NONE", ""))
        silence.writeframes(bytes(2 * RATE * SECONDS))
    with (tmp_path / "silence.wav").open("rb") as file:
        key = default_storage.save("audio/1/2026/01/silence.wav", File(file))
    recording = make_recording(
        owner=alice,
        title="Spring plan",
        participants="Mina Mint, Otto Oak",
        summary=SUMMARY,
        audio_key=key,
        mime_type="audio/wav",
        duration_seconds=float(SECONDS),
    )
    make_transcript(recording=recording, segments=SAID, SPEAKER_00="Mina", SPEAKER_01="Otto")
    return recording


@pytest.fixture
def link(recording: Recording) -> PublicLink:
    return make_public_link(recording=recording)


@pytest.fixture
def answers(browser_page: Page) -> list[Response]:
    """Fills with what the page was answered for its audio."""
    heard: list[Response] = []
    browser_page.on("response", lambda got: heard.append(got) if "/audio" in got.url else None)
    return heard


def wait_for_player(page: Page, state: str = "audio.readyState >= 1") -> None:
    page.locator("audio").evaluate(UNTIL % state, WAIT_MS)


def test_what_others_wrote_does_nothing(
    browser_page: Page, live_server: LiveServer, recording: Recording
) -> None:
    """`browser_page` itself fails where anything is asked of another host."""
    tricks = "\n\n".join(TRICKS.values()).replace("\x00", "")
    name = "<img src=https://evil.example/x onerror=alert(1)><script>alert(1)</script>"
    Recording.objects.update(title=name, participants=name, summary=tricks, notes=tricks)
    segments = [
        {"speaker": name, "start": number, "end": number + 1, "text": trick.replace("\x00", "")}
        for number, trick in enumerate(TRICKS.values())
    ]
    make_transcript(recording=recording, segments=segments, **{name: name})
    link = make_public_link(recording=recording, share_notes=True)
    done: list[str] = []
    browser_page.on("dialog", lambda dialog: (done.append(dialog.message), dialog.dismiss()))
    browser_page.on("framenavigated", lambda frame: done.append(frame.url))
    browser_page.context.on("page", lambda page: done.append(page.url))
    browser_page.goto(f"/s/{link.token}", wait_until="networkidle")
    # Whatever reacts to being focused, hovered or walked over.
    for _ in range(browser_page.locator("a, button, input, [tabindex]").count()):
        browser_page.keyboard.press("Tab")
    for element in browser_page.locator("main a").all():
        element.hover()
    assert done == [f"{live_server.url}/s/{link.token}"]
    assert browser_page.locator("h1").inner_text() == name
    assert (
        browser_page.locator("main :is(img, svg, iframe, form, input, style, script)").count() == 0
    )
    targets = browser_page.eval_on_selector_all("main a[href]", "found => found.map(a => a.href)")
    own = {url for url in targets if url.startswith(f"{live_server.url}/s/{link.token}/audio#t=")}
    assert {urlsplit(url).scheme for url in set(targets) - own} <= {"http", "https", "mailto"}
    assert len(own) == len(TRICKS)


def test_the_player_plays_and_jumps_to_what_was_said(
    browser_page: Page, answers: list[Response], link: PublicLink
) -> None:
    browser_page.goto(f"/s/{link.token}")
    wait_for_player(browser_page)
    player = browser_page.locator("audio")
    assert player.evaluate("audio => [audio.duration, audio.paused]") == [SECONDS, True]
    before = len(answers)
    browser_page.get_by_role("link", name="16:40").click()
    wait_for_player(browser_page, "audio.currentTime > 1000.6")
    assert player.evaluate("audio => audio.paused") is False
    assert browser_page.url.endswith(link.token)
    # Where it jumped to was not loaded yet.
    asked = [answer.request.headers["range"] for answer in answers[before:]]
    assert any(int(part.removeprefix("bytes=").partition("-")[0]) > 15_000_000 for part in asked)
    assert {answer.status for answer in answers} == {206}


def test_without_scripts_a_time_opens_the_audio_there(
    browser: Browser, live_server: LiveServer, link: PublicLink
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/s/{link.token}")
    assert page.get_by_text("Then let us sell it.").is_visible()
    with page.expect_navigation(url="**/audio#t=1000.5") as opened:
        page.get_by_role("link", name="16:40").click()
    assert opened.value.status == 200
    assert opened.value.headers["content-type"] == "audio/wav"
    context.close()


@pytest.fixture
def page_that_may_fail(
    browser: Browser, transactional_db: None, live_server: LiveServer
) -> Iterator[Page]:
    """As `browser_page`, for what it would fail for: audio that can no longer be loaded."""
    context = browser.new_context(base_url=live_server.url, viewport=DESKTOP)
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def test_a_link_that_is_closed_ends_for_who_has_the_page_open(
    page_that_may_fail: Page, link: PublicLink, alice: User
) -> None:
    page = page_that_may_fail
    page.goto(f"/s/{link.token}")
    wait_for_player(page)
    unpublish(recording=link.recording, by=alice)
    with page.expect_response("**/audio") as refused:
        page.get_by_role("link", name="16:40").click()
    assert refused.value.status == 404
    assert page.reload().status == 404
    assert page.get_by_role("heading").all_inner_texts() == ["This page is not available"]


def test_a_password_opens_the_page_for_this_browser(
    browser_page: Page, recording: Recording, alice: User
) -> None:
    link, _ = publish(recording=recording, by=alice, changes={"password": PASSWORD})
    browser_page.goto(f"/s/{link.token}")
    assert "Spring" not in browser_page.content()
    browser_page.get_by_label("Password").fill("guess")
    browser_page.get_by_role("button", name="Open").click()
    assert browser_page.get_by_role("alert").inner_text() == "That is not the password."
    assert serious_violations(browser_page) == []
    browser_page.get_by_label("Password").fill(PASSWORD)
    browser_page.get_by_label("Password").press("Enter")
    assert browser_page.get_by_role("heading", name="Spring plan").is_visible()
    wait_for_player(browser_page)
    [cookie] = browser_page.context.cookies()
    assert (cookie["path"], cookie["httpOnly"]) == (f"/s/{link.token}", True)
    assert browser_page.evaluate("document.cookie") == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everybody_can_read_it(
    browser_page: Page, recording: Recording, scheme: Any, size: Any
) -> None:
    table = f"|{'a|' * 12}\n|{'-|' * 12}\n|{'b|' * 12}"
    wide = f"{SUMMARY}\n\n```\n{'code ' * 40}{'x' * 300}\n```\n\n{table}"
    Recording.objects.update(notes=wide, participants="Mina" * 100, title="Factory" * 25)
    segments = [*SAID, {"speaker": "W" * 100, "start": 1100, "end": 1101, "text": "x" * 1000}]
    make_transcript(recording=recording, segments=segments)
    link = make_public_link(recording=recording, share_notes=True)
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.set_viewport_size(size)
    browser_page.goto(f"/s/{link.token}")
    wait_for_player(browser_page)
    assert sideways_scroll(browser_page) == 0
    assert serious_violations(browser_page) == []


def test_the_page_that_is_none_is_readable_too(browser_page: Page) -> None:
    browser_page.set_viewport_size(PHONE)
    assert browser_page.goto("/s/none").status == 404
    assert sideways_scroll(browser_page) == 0
    assert serious_violations(browser_page) == []
