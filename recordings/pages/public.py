"""The page of a recording for whoever has its address, and its audio. Nobody is logged in here.

A link that does not answer, whatever the reason, gives the same answer as an address that never
was. Templates get no request, so no session is touched.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseForbidden,
    HttpResponseRedirect,
)
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.views.generic import View

from recordings.exports import markdown
from recordings.exports.subtitles import Cue, clock, named
from recordings.models import PublicLink, Recording, Transcript
from recordings.models.sharing import PublicLinkQuerySet
from recordings.pages import unlocking
from recordings.ranges import audio_response
from recordings.services.playback import StoredAudio, open_audio
from speakr_site.core.errors import NotFound
from speakr_site.core.pages import Page

UNTITLED = "Recording"
# Below the headings of the page's parts.
TOP_HEADING = 3
LOCKED = "This recording has a password: open its page first."
WRONG = "That is not the password."
TOO_OFTEN = "Too many tries. Wait {seconds} seconds, then try again."


class LinkView(View):
    """Whatever lies below /s/. Every answer says that nobody is to list it, or to learn where its
    visitor came from.
    """

    http_method_names: ClassVar[list[str]] = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = super().dispatch(request, *args, **kwargs)
        except Http404:
            response = HttpResponse(render_to_string("pages/public_closed.html"), status=404)
        response["X-Robots-Tag"] = "noindex"
        response["Referrer-Policy"] = "no-referrer"
        return response

    def find(self, token: str, rows: PublicLinkQuerySet) -> PublicLink:
        """Raises Http404 for a link that does not answer now."""
        link = rows.open_at(timezone.now()).filter(token=token).first()
        if link is None:
            raise Http404
        return link


class PublicPage(Page, LinkView):
    """Three queries: the link, what it shows, and the names of those who speak."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        # While it is locked, not even the server reads the recording.
        if unlocking.is_locked(request, self.find(token, PublicLink.objects.for_opening())):
            return unlock_page()
        link = self.find(token, PublicLink.objects.for_page())
        return HttpResponse(render_to_string("pages/public.html", shown(link)))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        link = self.find(token, PublicLink.objects.for_opening())
        if link.password:
            if wait := unlocking.seconds_to_wait(request, link):
                page = unlock_page(TOO_OFTEN.format(seconds=wait), status=429)
                page["Retry-After"] = str(wait)
                return page
            if not unlocking.is_opened_by(request, link):
                return unlock_page(WRONG, status=403)
        response = HttpResponseRedirect(reverse("public-page", args=[token]))
        if link.password:
            unlocking.remember(response, link)
        return response


class PublicAudio(Page, LinkView):
    """One query."""

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        link = self.find(token, PublicLink.objects.for_audio())
        if unlocking.is_locked(request, link):
            return HttpResponseForbidden(LOCKED, content_type="text/plain")
        try:
            audio = open_audio(link.recording)
        except NotFound:
            raise Http404 from None
        return audio_response(request, nameless(audio, link))


class NoPublicPage(Page, LinkView):
    """Whatever else lies below /s/: there is nothing, whichever the method."""

    http_method_names: ClassVar[list[str]] = []

    def http_method_not_allowed(self, *_args: Any, **_kwargs: Any) -> HttpResponse:
        raise Http404


def unlock_page(problem: str = "", *, status: int = 200) -> HttpResponse:
    """Nothing on it is of the recording."""
    context = {"form": unlocking.UnlockForm(), "problem": problem}
    return HttpResponse(render_to_string("pages/public_locked.html", context), status=status)


def nameless(audio: StoredAudio, link: PublicLink) -> StoredAudio:
    """Under a name that is not the upload's, and a tag that does not tell its key in storage."""
    extension = PurePosixPath(link.recording.audio_key).suffix
    tag = salted_hmac(f"public link {link.token}", audio.etag).hexdigest()
    return replace(audio, filename=f"{UNTITLED.lower()}{extension}", etag=f'"{tag}"')


def shown(link: PublicLink) -> dict[str, Any]:
    """What the page has of the recording. `lines_by`: who, and what they said until somebody else
    spoke.
    """
    recording = link.recording
    return {
        "title": _title(recording),
        "date": _day(recording),
        "participants": recording.participants,
        "audio": reverse("public-audio", args=[link.token]) if recording.has_audio else None,
        "is_audio_deleted": recording.audio_deleted_at is not None,
        "summary": _rendered(recording.summary if link.share_summary else None),
        "notes": _rendered(recording.notes if link.share_notes else None),
        "turns": _turns(recording.current_transcript),
        "is_in_work": recording.status in Recording.ACTIVE,
    }


def _title(recording: Recording) -> str:
    """A recording that nobody named has its file's name in its title."""
    return UNTITLED if recording.has_placeholder_title else recording.title


def _day(recording: Recording) -> str:
    """Where the owner is."""
    zone = recording.owner.timezone
    moment = recording.meeting_date or recording.created_at
    # Raised where that would lead out of the years 1 to 9999.
    with suppress(OverflowError):
        moment = timezone.localtime(moment, ZoneInfo(zone) if zone else None)
    return date_format(moment, "j F Y")


def _rendered(text: str | None) -> SafeString:
    return mark_safe(markdown.html(text or "", top_heading=TOP_HEADING))  # noqa: S308


def _turns(transcript: Transcript | None) -> list[dict[str, Any]]:
    """Consecutive lines of one voice together: {who, lines: [{at, start, text}]}. `at`: [HH:]MM:SS;
    `start`: the same in seconds. One query.
    """
    if transcript is None:
        return []
    cues = named(transcript.segments, transcript.names())
    return [
        {"who": who, "lines": [_line(cue) for cue in said]}
        for who, said in groupby(cues, key=attrgetter("name"))
    ]


def _line(cue: Cue) -> dict[str, Any]:
    return {"at": clock(cue.start).removeprefix("00:"), "start": cue.start or 0, "text": cue.text}
