"""The page behind a public link: what it shows and to whom, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core import signing
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from recordings.models import PublicLink, Recording
from recordings.pages import unlocking
from recordings.services.public_links import publish, unpublish
from speakr_site.core.pages import CONTENT_POLICY
from tests.concurrency import statuses
from tests.conftest import signed_in
from tests.factories import make_public_link, make_recording, make_transcript

pytestmark = pytest.mark.django_db

AUDIO = bytes(range(256)) * 40
PASSWORD = "open sesame"
FORM = "application/x-www-form-urlencoded"
SAID = [
    {"speaker": "SPEAKER_00", "start": 0.0, "end": 2.5, "text": "We begin."},
    {"speaker": "SPEAKER_00", "start": 2.5, "end": 4.0, "text": "All of us."},
    {"speaker": "SPEAKER_01", "start": 3723.4, "end": 3724.0, "text": "At last."},
]
# What the owner has on the recording that is nobody else's business.
KEPT = (
    "alice",
    "example.com",
    "confidential-file",
    "b2b2b2",
    "audio/1/2026",
    "Ask Mina",
    "engine-x",
)


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


@pytest.fixture
def recording(alice: User, tmp_path: Any, settings: Any) -> Recording:
    """With everything that a recording can have."""
    settings.MEDIA_ROOT = tmp_path
    key = default_storage.save(f"audio/1/2026/01/{'b2' * 16}.flac", ContentFile(AUDIO))
    recording = make_recording(
        owner=alice,
        title="Spring plan",
        participants="Mina Mint, Otto Oak",
        meeting_date=datetime(2026, 3, 1, 23, 30, tzinfo=UTC),
        summary="# Decided\n\nWe **sell**.",
        notes="Ask Mina about the price",
        audio_key=key,
        original_filename="confidential-file.flac",
        size_bytes=len(AUDIO),
        error_message="engine-x failed once",
    )
    make_transcript(recording=recording, segments=SAID, SPEAKER_00="Mina", SPEAKER_01="Otto")
    return recording


@pytest.fixture
def link(recording: Recording) -> PublicLink:
    return make_public_link(recording=recording)


@pytest.fixture
def locked(recording: Recording, alice: User) -> PublicLink:
    return publish(recording=recording, by=alice, changes={"password": PASSWORD})[0]


@pytest.fixture
def visitor() -> Client:
    """Somebody with a browser, unknown to the server; their requests are checked as a server
    checks them.
    """
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def page_of(link: PublicLink) -> str:
    return f"/s/{link.token}"


def audio_of(link: PublicLink) -> str:
    return f"/s/{link.token}/audio"


def body(response: HttpResponse) -> str:
    assert response["Content-Type"] == "text/html; charset=utf-8"
    return response.content.decode()


def unlock(visitor: Client, link: PublicLink, password: str = PASSWORD, **more: Any) -> Any:
    # Browsers say `null` where they were told to keep the referrer.
    form = {"data": urlencode({"password": password}), "content_type": FORM}
    return visitor.post(page_of(link), **form, headers={"Origin": "null"}, **more)


def assert_guarded(response: HttpResponse) -> None:
    """The headers of every answer."""
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Security-Policy"] == CONTENT_POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert "sessionid" not in response.cookies
    assert "csrftoken" not in response.cookies
    assert "Cookie" not in response.get("Vary", "")


class TestWhatItShows:
    def test_title_date_people_player_summary_and_who_said_what_when(
        self, visitor: Client, link: PublicLink
    ) -> None:
        page = body(visitor.get(page_of(link)))
        for shown in (
            "<title>Spring plan · Speakr</title>",
            "1 March 2026",
            "Mina Mint, Otto Oak",
            f'<audio controls preload="metadata" src="{audio_of(link)}"',
            "<h3>Decided</h3>",
            "<strong>sell</strong>",
            "<h3>Mina</h3>",
            "We begin.",
            "All of us.",
            f'href="{audio_of(link)}#t=2.5" data-start="2.5">00:02</a>',
            "<h3>Otto</h3>",
            ">01:02:03</a>",
            "At last.",
            '<meta name="robots" content="noindex">',
        ):
            assert shown in page
        assert page.count("<h3>Mina</h3>") == 1

    def test_nothing_else(self, visitor: Client, link: PublicLink) -> None:
        response = visitor.get(page_of(link))
        everything = body(response) + str(response.headers)
        for kept in KEPT:
            assert kept not in everything

    def test_no_row_is_named_by_its_id(self, visitor: Client, alice: User) -> None:
        # An id that nothing else on the page looks like.
        recording = make_recording(owner=alice, pk=987654321, summary="x")
        make_transcript(recording=recording)
        link = make_public_link(recording=recording, pk=987654322)
        page = body(visitor.get(page_of(link)))
        assert "98765432" not in page
        assert "/api/" not in page
        assert "/admin" not in page

    @pytest.mark.parametrize("share_summary", [False, True])
    @pytest.mark.parametrize("share_notes", [False, True])
    def test_summary_and_notes_where_the_owner_says_so(
        self, visitor: Client, link: PublicLink, *, share_summary: bool, share_notes: bool
    ) -> None:
        PublicLink.objects.update(share_summary=share_summary, share_notes=share_notes)
        page = body(visitor.get(page_of(link)))
        assert ("Decided" in page) is (">Summary</h2>" in page) is share_summary
        assert ("Ask Mina" in page) is (">Notes</h2>" in page) is share_notes

    def test_the_day_is_the_owner_s(self, visitor: Client, link: PublicLink, alice: User) -> None:
        alice.timezone = "Asia/Tokyo"
        alice.save()
        assert "2 March 2026" in body(visitor.get(page_of(link)))

    @pytest.mark.parametrize(
        ("zone", "moment", "day"),
        [
            ("Asia/Tokyo", datetime.max.replace(tzinfo=UTC), "31 December 9999"),
            ("America/New_York", datetime.min.replace(tzinfo=UTC), "1 January 0001"),
        ],
    )
    def test_a_day_at_the_end_of_the_calendar_is_shown(
        self,
        visitor: Client,
        link: PublicLink,
        alice: User,
        zone: str,
        moment: datetime,
        day: str,
    ) -> None:
        alice.timezone = zone
        alice.save()
        Recording.objects.update(meeting_date=moment)
        assert day in body(visitor.get(page_of(link)))

    def test_a_recording_without_a_meeting_date_has_the_day_it_came(
        self, visitor: Client, link: PublicLink
    ) -> None:
        Recording.objects.update(
            meeting_date=None, created_at=datetime(2025, 12, 24, 12, tzinfo=UTC)
        )
        assert "24 December 2025" in body(visitor.get(page_of(link)))

    @pytest.mark.parametrize("title", [None, "", "Recording - confidential-file.flac"])
    def test_a_recording_that_nobody_named_does_not_tell_its_file_s_name(
        self, visitor: Client, link: PublicLink, title: str | None
    ) -> None:
        Recording.objects.update(title=title)
        page = body(visitor.get(page_of(link)))
        assert "<h1>Recording</h1>" in page
        assert "confidential" not in page

    @pytest.mark.parametrize("status", Recording.ACTIVE)
    def test_a_recording_in_work_says_so(
        self, visitor: Client, link: PublicLink, status: str
    ) -> None:
        Recording.objects.update(status=status, current_transcript=None)
        page = body(visitor.get(page_of(link)))
        assert "still being transcribed" in page
        assert "<audio" in page

    def test_a_recording_that_is_transcribed_anew_shows_what_there_is(
        self, visitor: Client, link: PublicLink
    ) -> None:
        Recording.objects.update(status=Recording.Status.PROCESSING)
        page = body(visitor.get(page_of(link)))
        assert "We begin." in page
        assert "still being transcribed" not in page

    def test_a_recording_without_a_transcript_says_so(
        self, visitor: Client, link: PublicLink
    ) -> None:
        Recording.objects.update(status=Recording.Status.FAILED, current_transcript=None)
        page = body(visitor.get(page_of(link)))
        assert "There is no transcript." in page
        assert "engine-x" not in page

    @pytest.mark.parametrize(
        ("deleted_at", "sentence"),
        [(None, "There is no audio."), (timezone.now(), "The audio has been deleted.")],
    )
    def test_a_recording_without_audio_says_so(
        self, visitor: Client, link: PublicLink, deleted_at: datetime | None, sentence: str
    ) -> None:
        Recording.objects.update(audio_key="", audio_deleted_at=deleted_at)
        page = body(visitor.get(page_of(link)))
        assert sentence in page
        assert "<audio" not in page
        assert "/audio" not in page
        assert "01:02:03" in page
        assert visitor.get(audio_of(link)).status_code == 404

    def test_what_is_no_markdown_is_text(self, visitor: Client, link: PublicLink) -> None:
        trick = "<img src=x onerror=alert(1)>\"'`[x](javascript:alert(1))"
        Recording.objects.update(title=trick, participants=trick, summary=trick, notes=trick)
        PublicLink.objects.update(share_notes=True)
        segments = [{"speaker": trick, "start": 0, "end": 1, "text": trick}]
        make_transcript(recording=link.recording, segments=segments, **{trick: trick})
        page = body(visitor.get(page_of(link)))
        assert "<img" not in page
        assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 6
        assert 'href="javascript' not in page

    def test_a_segment_of_nobody_has_no_name(self, visitor: Client, link: PublicLink) -> None:
        segments = [{"speaker": None, "start": 0, "end": 1, "text": "Hm."}]
        make_transcript(recording=link.recording, segments=segments)
        page = body(visitor.get(page_of(link)))
        assert "Hm." in page
        assert "<h3></h3>" not in page
        assert "None" not in page

    def test_it_costs_three_queries_however_much_was_said(
        self, visitor: Client, link: PublicLink
    ) -> None:
        """The link; the same with its recording, owner and transcript; the names."""
        make_transcript(recording=link.recording, segments=SAID * 300)
        with CaptureQueriesContext(connection) as queries:
            visitor.get(page_of(link))
        assert len(queries) == 3, queries.captured_queries

    def test_head_tells_the_same_as_get(self, visitor: Client, link: PublicLink) -> None:
        got, told = visitor.get(page_of(link)), visitor.head(page_of(link))
        assert told.status_code == 200
        assert told.content == b""
        assert dict(told.headers) == dict(got.headers)


class TestAudio:
    def test_the_bytes_come_under_no_name_of_the_owner_s(
        self, visitor: Client, link: PublicLink
    ) -> None:
        response = visitor.get(audio_of(link))
        assert b"".join(response.streaming_content) == AUDIO
        assert response["Content-Type"] == "audio/flac"
        assert response["Content-Disposition"] == 'inline; filename="recording.flac"'
        for kept in KEPT:
            assert kept not in str(response.headers)

    def test_ranges_and_known_files_are_honoured(self, visitor: Client, link: PublicLink) -> None:
        part = visitor.get(audio_of(link), headers={"Range": "bytes=10-19"})
        assert part.status_code == 206
        assert b"".join(part.streaming_content) == AUDIO[10:20]
        assert part["Content-Range"] == f"bytes 10-19/{len(AUDIO)}"
        known = visitor.get(audio_of(link), headers={"If-None-Match": part["ETag"]})
        beyond = visitor.get(audio_of(link), headers={"Range": "bytes=99999-"})
        other = visitor.get(audio_of(link), headers={"If-Match": '"another"'})
        told = visitor.head(audio_of(link))
        got = [known.status_code, beyond.status_code, other.status_code, told.status_code]
        assert got == [304, 416, 412, 200]
        assert told["Content-Length"] == str(len(AUDIO))
        for response in (part, known, beyond, other, told):
            assert_guarded(response)

    def test_two_links_name_the_same_bytes_differently(
        self, visitor: Client, link: PublicLink, alice: User
    ) -> None:
        before = visitor.head(audio_of(link))["ETag"]
        unpublish(recording=link.recording, by=alice)
        after = publish(recording=link.recording, by=alice, changes={})[0]
        assert visitor.head(audio_of(after))["ETag"] != before

    def test_bytes_that_are_gone_are_the_page_that_is_none(
        self, visitor: Client, link: PublicLink
    ) -> None:
        default_storage.delete(link.recording.audio_key)
        gone = visitor.get(audio_of(link))
        assert gone.status_code == 404
        assert gone.content == visitor.get("/s/none").content

    def test_an_answer_on_its_way_may_end_and_the_next_is_refused(
        self, visitor: Client, link: PublicLink, alice: User
    ) -> None:
        response = visitor.get(audio_of(link))
        unpublish(recording=link.recording, by=alice)
        assert b"".join(response.streaming_content) == AUDIO
        assert visitor.get(audio_of(link), headers={"Range": "bytes=0-9"}).status_code == 404


def close(link: PublicLink) -> None:
    unpublish(recording=link.recording, by=link.recording.owner)


def let_it_expire(link: PublicLink) -> None:
    PublicLink.objects.update(expires_at=timezone.now())


def end_the_owner_s_right(link: PublicLink) -> None:
    User.objects.filter(pk=link.recording.owner_id).update(can_share_publicly=False)


def suspend_the_owner(link: PublicLink) -> None:
    User.objects.filter(pk=link.recording.owner_id).update(is_active=False)


def delete_the_recording(link: PublicLink) -> None:
    link.recording.delete()


ENDS = [
    close,
    let_it_expire,
    end_the_owner_s_right,
    suspend_the_owner,
    delete_the_recording,
]
NEVER = [
    "/s",
    "/s/",
    "/s/x",
    "/s/" + "a" * 21,
    "/s/" + "a" * 22,
    "/s/" + "a" * 64,
    "/s/" + "a" * 65,
    "/s/" + "a" * 22 + "/",
    "/s/" + "a" * 22 + "/audio",
    "/s/" + "a" * 22 + "/audio/",
    "/s/" + "a" * 22 + "/summary",
    "/s/" + "a" * 21 + "%0A",
    "/s/" + "a" * 22 + "%0A",
    "/s/%00",
    "/s/..%2f..%2fetc/passwd",
    "/s/" + "%C3%A9" * 22,
    "/s/" + "%FF" * 22,
    "/s/'%20OR%201=1--aaaaaaaaaaaaa",
]


class TestLinksThatDoNotAnswer:
    """They are all one and the same."""

    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("has_password", [False, True])
    def test_one_that_has_ended_is_as_if_it_never_was(
        self,
        visitor: Client,
        recording: Recording,
        alice: User,
        end: Callable[[PublicLink], None],
        *,
        has_password: bool,
    ) -> None:
        changes = {"password": PASSWORD} if has_password else {}
        link, _ = publish(recording=recording, by=alice, changes=changes)
        if has_password:
            unlock(visitor, link)
        assert visitor.get(audio_of(link)).status_code == 200
        end(link)
        never = visitor.get("/s/" + "a" * 22)
        for response in (
            visitor.get(page_of(link)),
            unlock(visitor, link),
            visitor.get(audio_of(link)),
            visitor.get(audio_of(link), headers={"Range": "bytes=0-9"}),
        ):
            assert response.status_code == never.status_code == 404
            assert response.content == never.content
            assert response.headers == never.headers
            assert not response.cookies

    def test_none_answers_while_public_sharing_is_switched_off(
        self, visitor: Client, link: PublicLink, settings: Any
    ) -> None:
        settings.ENABLE_PUBLIC_SHARING = False
        never = visitor.get("/s/" + "a" * 22)
        for path in (page_of(link), audio_of(link)):
            response = visitor.get(path)
            assert (response.status_code, response.content) == (404, never.content)
        settings.ENABLE_PUBLIC_SHARING = True
        assert visitor.get(page_of(link)).status_code == 200

    @pytest.mark.parametrize("path", NEVER)
    @pytest.mark.parametrize("method", ["get", "post", "head"])
    def test_what_is_no_link_is_not_found(
        self, visitor: Client, db: None, path: str, method: str
    ) -> None:
        response = getattr(visitor, method)(path)
        if method == "post" and path.endswith("a/audio"):
            assert response.status_code == 405
        else:
            assert response.status_code == 404
            assert response.content == (b"" if method == "head" else visitor.get("/s/").content)
        assert_guarded(response)

    def test_the_owner_sees_no_more_than_others(
        self, link: PublicLink, visitor: Client, alice: User
    ) -> None:
        owner = signed_in(alice)
        assert owner.get(page_of(link)).content == visitor.get(page_of(link)).content
        let_it_expire(link)
        assert owner.get(page_of(link)).status_code == 404


class TestEveryAnswer:
    @pytest.mark.parametrize(
        "method", ["get", "head", "post", "put", "patch", "delete", "options", "trace"]
    )
    def test_it_is_guarded_and_leaves_no_cookie(
        self, visitor: Client, link: PublicLink, method: str
    ) -> None:
        for path in (page_of(link), audio_of(link), "/s/none"):
            response = getattr(visitor, method)(path)
            assert response.status_code in (200, 302, 404, 405)
            assert_guarded(response)
            assert not response.cookies

    def test_a_session_is_neither_read_nor_prolonged(
        self, link: PublicLink, alice: User, settings: Any
    ) -> None:
        settings.SESSION_SAVE_EVERY_REQUEST = False
        owner = signed_in(alice)
        with CaptureQueriesContext(connection) as queries:
            response = owner.get(page_of(link))
        assert not [query for query in queries if "session" in query["sql"]]
        assert not response.cookies

    @pytest.mark.parametrize("charset", ["utf-7", "utf-16", "nonsense", "idna"])
    def test_an_odd_charset_changes_nothing(
        self, visitor: Client, locked: PublicLink, charset: str
    ) -> None:
        form = f"{FORM}; charset={charset}"
        for data in (b"password=+AHg-", b"\xff\xfe", b"password=%FF"):
            response = visitor.generic("POST", page_of(locked), data, content_type=form)
            assert response.status_code in (403, 429)
            assert_guarded(response)


class TestPassword:
    def test_a_locked_page_shows_nothing_of_the_recording(
        self, visitor: Client, locked: PublicLink
    ) -> None:
        response = visitor.get(page_of(locked))
        page = body(response)
        assert response.status_code == 200
        assert '<input type="password" name="password"' in page
        for hidden in ("Spring", "Mina", "March", "Decided", "begin", "audio", *KEPT):
            assert hidden not in page
        assert_guarded(response)
        assert not response.cookies

    def test_nothing_of_the_recording_is_read_for_a_locked_page_or_a_wrong_password(
        self, visitor: Client, locked: PublicLink
    ) -> None:
        with CaptureQueriesContext(connection) as queries:
            visitor.get(page_of(locked))
            unlock(visitor, locked, "guess")
        assert len(queries) == 2
        assert not [query for query in queries if "summary" in query["sql"].split(" FROM ")[0]]

    def test_every_locked_page_is_the_same(
        self, visitor: Client, locked: PublicLink, alice: User
    ) -> None:
        bare = make_recording(owner=alice)
        other, _ = publish(recording=bare, by=alice, changes={"password": "another"})
        assert visitor.get(page_of(locked)).content == visitor.get(page_of(other)).content

    def test_its_audio_is_refused(self, visitor: Client, locked: PublicLink) -> None:
        for headers in ({}, {"Range": "bytes=0-9"}):
            response = visitor.get(audio_of(locked), headers=headers)
            assert response.status_code == 403
            assert b"password" in response.content
            assert_guarded(response)

    def test_the_password_opens_page_and_audio(self, visitor: Client, locked: PublicLink) -> None:
        response = unlock(visitor, locked)
        assert (response.status_code, response["Location"]) == (302, page_of(locked))
        assert_guarded(response)
        assert "Spring plan" in body(visitor.get(page_of(locked)))
        assert visitor.get(audio_of(locked)).status_code == 200

    def test_the_cookie_is_for_this_link_and_this_session_only(
        self, visitor: Client, locked: PublicLink, settings: Any
    ) -> None:
        settings.SESSION_COOKIE_SECURE = True
        [cookie] = unlock(visitor, locked).cookies.values()
        assert cookie["path"] == page_of(locked)
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Lax"
        assert cookie["secure"] is True
        assert cookie["max-age"] == cookie["expires"] == cookie["domain"] == ""
        assert PASSWORD not in cookie.value
        assert locked.password not in cookie.value

    @pytest.mark.parametrize("is_secure", [False, True])
    def test_the_cookie_goes_over_plain_http_where_sessions_do(
        self, visitor: Client, locked: PublicLink, settings: Any, *, is_secure: bool
    ) -> None:
        settings.SESSION_COOKIE_SECURE = is_secure
        [cookie] = unlock(visitor, locked).cookies.values()
        assert bool(cookie["secure"]) is is_secure

    def test_the_cookie_ends_after_half_a_day(
        self, visitor: Client, locked: PublicLink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unlock(visitor, locked)
        now = signing.time.time()
        for passed, is_open in ((unlocking.UNLOCKED_FOR, True), (timedelta(hours=12.01), False)):
            later = now + passed.total_seconds() - (1 if is_open else 0)
            monkeypatch.setattr(signing.time, "time", lambda later=later: later)
            assert ("Spring plan" in body(visitor.get(page_of(locked)))) is is_open

    def test_the_cookie_of_one_link_opens_no_other(
        self, visitor: Client, locked: PublicLink, alice: User
    ) -> None:
        """Not even one with the very same hash."""
        unlock(visitor, locked)
        other = make_public_link(recording=make_recording(owner=alice), password=locked.password)
        for forged in (visitor.cookies[unlocking.COOKIE].value, "", "x", ":1:x", "\x00", "é"):
            other_visitor = Client()
            other_visitor.cookies[unlocking.COOKIE] = forged
            assert "password" in body(other_visitor.get(page_of(other)))

    def test_another_password_locks_it_again(
        self, visitor: Client, locked: PublicLink, alice: User
    ) -> None:
        unlock(visitor, locked)
        publish(recording=locked.recording, by=alice, changes={"share_notes": True})
        assert "Spring plan" in body(visitor.get(page_of(locked)))
        publish(recording=locked.recording, by=alice, changes={"password": PASSWORD})
        assert "Spring plan" not in body(visitor.get(page_of(locked)))
        assert visitor.get(audio_of(locked)).status_code == 403

    def test_a_password_that_is_taken_away_opens_it(
        self, visitor: Client, locked: PublicLink, alice: User
    ) -> None:
        publish(recording=locked.recording, by=alice, changes={"password": None})
        assert "Spring plan" in body(visitor.get(page_of(locked)))
        assert not visitor.cookies

    @pytest.mark.parametrize(
        "password", ["", " ", "sesame", PASSWORD.upper(), f"{PASSWORD} ", "a\x00b", "é" * 500]
    )
    def test_a_wrong_one_is_refused_on_the_same_page(
        self, visitor: Client, locked: PublicLink, password: str
    ) -> None:
        response = unlock(visitor, locked, password)
        assert response.status_code == 403
        assert "That is not the password." in body(response)
        assert "Spring" not in body(response)
        assert not response.cookies
        assert_guarded(response)

    def test_spaces_are_part_of_it(
        self, visitor: Client, recording: Recording, alice: User
    ) -> None:
        link, _ = publish(recording=recording, by=alice, changes={"password": " pass ü "})
        assert unlock(visitor, link, "pass ü").status_code == 403
        assert unlock(visitor, link, " pass ü ").status_code == 302

    @pytest.mark.parametrize(
        ("data", "content_type"),
        [
            (b"password=open+sesame&" + b"x=1&" * 100_000, FORM),
            (b"&" * 1999, FORM),
            (b'{"password": "open sesame"}', "application/json"),
            (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
            (b"nonsense", "multipart/form-data"),
            (b"", ""),
        ],
    )
    def test_what_is_no_such_form_is_a_wrong_password(
        self, visitor: Client, locked: PublicLink, data: bytes, content_type: str
    ) -> None:
        response = visitor.generic("POST", page_of(locked), data, content_type=content_type)
        assert response.status_code == 403
        assert_guarded(response)

    def test_nobody_leaves_a_file_here(
        self, visitor: Client, locked: PublicLink, tmp_path: Any, settings: Any
    ) -> None:
        settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
        settings.FILE_UPLOAD_TEMP_DIR.mkdir()
        file = ContentFile(b"x" * 100_000, name="x.wav")
        response = visitor.post(page_of(locked), {"password": PASSWORD, "file": file})
        assert response.status_code == 403
        assert list(settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == []

    def test_an_open_page_needs_no_form(self, visitor: Client, link: PublicLink) -> None:
        response = unlock(visitor, link)
        assert (response.status_code, response["Location"]) == (302, page_of(link))
        assert not response.cookies


class TestGuessing:
    def test_five_tries_a_minute_then_even_the_right_one_has_to_wait(
        self, visitor: Client, locked: PublicLink
    ) -> None:
        for _ in range(5):
            assert unlock(visitor, locked, "guess").status_code == 403
        for password in ("guess", PASSWORD):
            response = unlock(visitor, locked, password)
            assert response.status_code == 429
            assert 1 <= int(response["Retry-After"]) <= 60
            assert f"Wait {response['Retry-After']} seconds" in body(response)
            assert not response.cookies
            assert_guarded(response)

    def test_other_links_and_other_addresses_are_counted_apart(
        self, visitor: Client, locked: PublicLink, alice: User
    ) -> None:
        for _ in range(6):
            unlock(visitor, locked, "guess")
        elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
        assert unlock(visitor, locked, **elsewhere).status_code == 302
        bare = make_recording(owner=alice)
        other, _ = publish(recording=bare, by=alice, changes={"password": PASSWORD})
        assert unlock(visitor, other).status_code == 302

    def test_who_has_opened_the_page_goes_on_seeing_it(
        self, visitor: Client, locked: PublicLink
    ) -> None:
        unlock(visitor, locked)
        for _ in range(6):
            unlock(Client(), locked, "guess")
        assert "Spring plan" in body(visitor.get(page_of(locked)))

    @pytest.mark.django_db(transaction=True)
    def test_tries_at_once_are_counted_too(self, locked: PublicLink) -> None:
        answers = statuses(*[lambda: unlock(Client(), locked, "guess")] * 20)
        assert answers == {403: 5, 429: 15}
