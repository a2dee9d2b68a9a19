"""Opening what was said in the console: who may, what they see, and the trail it leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from accounts.models import User
from recordings.models import Recording, Transcript
from speakr_site.core.models import AuditEntry
from tests.conftest import make_user, signed_in
from tests.factories import make_recording, make_transcript
from tests.recordings.console import (
    AUDIO,
    SECRETS,
    audio_of,
    change_page,
    open_page,
    trail,
)

pytestmark = pytest.mark.django_db


class TestOpening:
    def test_the_page_shows_who_said_what_and_when(
        self, console: Client, recording: Recording
    ) -> None:
        page = console.get(open_page(recording)).content.decode()
        assert all(secret in page for secret in SECRETS)
        assert "Mina &lt;i&gt;Mint&lt;/i&gt;" in page
        assert "Mina <i>" not in page
        assert "Unknown Speaker" in page
        assert "01:02:03" in page
        assert f'<audio controls preload="none" src="{audio_of(recording)}">' in page

    def test_what_was_said_is_text_and_not_markup(
        self, console: Client, recording: Recording
    ) -> None:
        page = console.get(open_page(recording)).content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert(1)" not in page

    def test_each_opening_leaves_one_audit_row(self, console: Client, recording: Recording) -> None:
        console.get(open_page(recording))
        assert trail() == [("otto", "recording.open", recording.pk)]
        assert AuditEntry.objects.get().detail == "revision 1"
        console.get(open_page(recording))
        assert len(trail()) == 2

    def test_an_earlier_revision_can_be_read(self, console: Client, recording: Recording) -> None:
        later = [{"speaker": None, "start": 0, "end": 1, "text": "Second hearing"}]
        make_transcript(recording=recording, segments=later)
        assert "Second hearing" in console.get(open_page(recording)).content.decode()
        first = console.get(open_page(recording), {"revision": "1"}).content.decode()
        assert SECRETS[0] in first
        assert "Second hearing" not in first
        details = AuditEntry.objects.order_by("id").values_list("detail", flat=True)
        assert list(details) == ["revision 2", "revision 1"]

    @pytest.mark.parametrize("number", ["9", "x", "-1", "", "9" * 30, "9" * 5000])
    def test_a_revision_that_is_none_is_not_found(
        self, console: Client, recording: Recording, number: str
    ) -> None:
        assert console.get(open_page(recording), {"revision": number}).status_code == 404
        assert trail() == []

    def test_a_recording_without_transcript_and_audio_can_be_opened(
        self, console: Client, alice: User
    ) -> None:
        bare = make_recording(owner=alice, audio_key="", status=Recording.Status.FAILED)
        page = console.get(open_page(bare)).content.decode()
        assert "There is no transcript." in page
        assert "<audio" not in page
        assert console.get(audio_of(bare)).status_code == 404

    @pytest.mark.parametrize("page", [open_page, audio_of])
    def test_staff_without_the_permission_get_nothing(
        self, clerk: User, recording: Recording, page: Callable[[Recording], str]
    ) -> None:
        client = signed_in(clerk)
        assert client.get(change_page(recording)).status_code == 200
        answer = client.get(page(recording))
        assert answer.status_code == 403
        assert not any(secret in answer.content.decode() for secret in SECRETS)
        assert trail() == []

    @pytest.mark.parametrize("page", [open_page, audio_of])
    def test_the_permission_alone_does_not_open_without_the_right_to_view(
        self, db: None, recording: Recording, page: Callable[[Recording], str]
    ) -> None:
        user = make_user("opener")
        user.is_staff = True
        user.save()
        user.user_permissions.add(Permission.objects.get(codename="open_recording"))
        assert signed_in(user).get(page(recording)).status_code == 403

    @pytest.mark.parametrize("page", [open_page, audio_of, change_page])
    def test_who_is_not_staff_is_sent_to_the_login(
        self, recording: Recording, page: Callable[[Recording], str]
    ) -> None:
        for client in (signed_in(recording.owner), Client()):
            answer = client.get(page(recording))
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("admin:login"))

    def test_an_owner_who_is_staff_needs_the_permission_too(self, clerk: User) -> None:
        own = make_recording(owner=clerk)
        assert signed_in(clerk).get(open_page(own)).status_code == 403
        clerk.user_permissions.add(Permission.objects.get(codename="open_recording"))
        assert signed_in(clerk).get(open_page(own)).status_code == 200

    @pytest.mark.parametrize("number", [999, 10**30])
    def test_a_recording_that_is_none_is_not_found(self, console: Client, number: int) -> None:
        for name in ("open", "audio"):
            page = reverse(f"admin:recordings_recording_{name}", args=[number])
            assert console.get(page).status_code == 404

    def test_only_reading_is_answered(self, console: Client, recording: Recording) -> None:
        assert console.post(open_page(recording)).status_code == 405
        assert console.post(audio_of(recording)).status_code == 405
        assert trail() == []

    def test_words_are_on_no_page(self, console: Client, recording: Recording) -> None:
        Transcript.objects.update(words=[[0.0, 1.0, "unmistakable", 0]])
        for page in (change_page(recording), open_page(recording)):
            assert "unmistakable" not in console.get(page).content.decode()


class TestAudio:
    def test_the_whole_file_is_sent_and_told_of(
        self, console: Client, recording: Recording
    ) -> None:
        answer = console.get(audio_of(recording))
        assert answer.status_code == 200
        assert answer["Content-Type"] == "audio/flac"
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["Cache-Control"] == "private, no-cache"
        assert answer.getvalue() == AUDIO
        assert trail() == [("otto", "recording.play", recording.pk)]

    def test_a_jump_while_listening_sends_a_part_and_leaves_no_second_row(
        self, console: Client, recording: Recording
    ) -> None:
        start = console.get(audio_of(recording), headers={"Range": "bytes=0-"})
        assert (start.status_code, start.getvalue()) == (206, AUDIO)
        jump = console.get(audio_of(recording), headers={"Range": "bytes=300-399"})
        assert jump.status_code == 206
        assert jump["Content-Range"] == f"bytes 300-399/{len(AUDIO)}"
        assert jump.getvalue() == AUDIO[300:400]
        assert trail() == [("otto", "recording.play", recording.pk)]

    @pytest.mark.parametrize("wanted", ["bytes=1-", "bytes=-10000", "bytes=5-,0-"])
    def test_no_range_gets_audio_past_the_trail(
        self, console: Client, recording: Recording, wanted: str
    ) -> None:
        assert console.get(audio_of(recording), headers={"Range": wanted}).getvalue()
        assert trail() == [("otto", "recording.play", recording.pk)]

    def test_a_jump_long_after_the_start_is_told_of_again(
        self, console: Client, recording: Recording
    ) -> None:
        console.get(audio_of(recording)).getvalue()
        entries = AuditEntry.objects.all()
        entries.update(created_at=entries.get().created_at - timedelta(hours=2))
        console.get(audio_of(recording), headers={"Range": "bytes=300-"}).getvalue()
        assert len(trail()) == 2

    def test_another_person_s_listening_does_not_cover_a_jump(
        self, console: Client, recording: Recording
    ) -> None:
        console.get(audio_of(recording)).getvalue()
        other = signed_in(make_user("olga", is_admin=True))
        other.get(audio_of(recording), headers={"Range": "bytes=300-"}).getvalue()
        assert [who for who, _, _ in trail()] == ["otto", "olga"]

    def test_answers_without_audio_leave_no_row(
        self, console: Client, recording: Recording
    ) -> None:
        assert console.head(audio_of(recording)).status_code == 200
        beyond = console.get(audio_of(recording), headers={"Range": "bytes=99999-"})
        assert beyond.status_code == 416
        assert trail() == []

    def test_bytes_that_are_gone_are_not_found(self, console: Client, recording: Recording) -> None:
        default_storage.delete(recording.audio_key)
        assert console.get(audio_of(recording)).status_code == 404
        assert trail() == []
