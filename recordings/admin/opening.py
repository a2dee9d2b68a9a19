"""Opening what others said, in the console: a permission of its own, an audit row for each time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from recordings.exports.subtitles import clock
from recordings.models import Recording, Transcript
from recordings.models.transcript import NAMELESS
from recordings.ranges import audio_response
from recordings.services.playback import open_audio
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import NotFound
from speakr_site.core.models import AuditEntry

OPEN, PLAY = "recording.open", "recording.play"
# A jump within what was started since then is the same listening.
LISTENING = timedelta(hours=1)


class OpeningAdmin(admin.ModelAdmin):
    """The page with transcript, summary, notes and player, and the address of the audio."""

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("<int:pk>/open/", guarded(self.open_view), name="recordings_recording_open"),
            path(
                "<int:pk>/audio/",
                guarded(self.audio_view, cacheable=True),
                name="recordings_recording_audio",
            ),
            *super().get_urls(),
        ]

    def has_open_permission(self, request: HttpRequest, obj: Recording | None = None) -> bool:
        may_open = request.user.has_perm("recordings.open_recording")
        return may_open and self.has_view_permission(request, obj)

    @method_decorator(require_safe)
    def open_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`?revision=N`: an earlier transcript. Six queries and the session's."""
        recording = self._recording(request, pk, Recording.objects.select_related("owner"))
        transcript = _wanted_transcript(recording, request.GET.get("revision"))
        record_audit(
            by=request.user,
            action=OPEN,
            target=recording,
            detail=str(transcript or "no transcript"),
        )
        context = {
            **self.admin_site.each_context(request),
            "title": str(recording),
            "subtitle": None,
            "opts": self.opts,
            "recording": recording,
            "transcript": transcript,
            "revisions": recording.transcripts.defer("segments", "words"),
            **_readable(transcript),
        }
        return TemplateResponse(request, "admin/recordings/recording/open.html", context)

    @method_decorator(require_safe)
    def audio_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        recording = self._recording(request, pk, self.get_queryset(request))
        try:
            audio = open_audio(recording)
        except NotFound as error:
            raise Http404(str(error)) from None
        response = audio_response(request, audio)
        if _begins_to_play(request, response, recording):
            record_audit(by=request.user, action=PLAY, target=recording)
        return response

    def _recording(self, request: HttpRequest, pk: int, rows: Any) -> Recording:
        if not self.has_open_permission(request):
            raise PermissionDenied
        return get_object_or_404(rows, pk=pk)


def _wanted_transcript(recording: Recording, number: str | None) -> Transcript | None:
    rows = recording.transcripts.defer("words")
    if number is None:
        return rows.filter(pk=recording.current_transcript_id).first()
    if not number.isdecimal() or len(number) > 9:
        raise Http404("No such revision")
    return get_object_or_404(rows, number=int(number))


def _readable(transcript: Transcript | None) -> dict[str, Any]:
    """`speakers`: the voices. `lines`: who, when (HH:MM:SS) and what, in order. One query."""
    if transcript is None:
        return {"speakers": [], "lines": []}
    speakers = list(transcript.speakers.select_related("speaker").defer("embedding"))
    names = {speaker.label or None: str(speaker) for speaker in speakers}
    lines = [
        {
            "who": names.get(segment["speaker"], segment["speaker"]) or NAMELESS,
            "when": clock(segment["start"]),
            "what": segment["text"],
        }
        for segment in transcript.segments
    ]
    return {"speakers": speakers, "lines": lines}


def _begins_to_play(request: HttpRequest, response: HttpResponse, recording: Recording) -> bool:
    """Whether this answer is worth an audit row.

    It is when it starts at the beginning, or when nothing was started lately: then it is no jump.
    """
    if request.method != "GET" or response.status_code >= 400:
        return False
    if response.get("Content-Range", "bytes 0-").startswith("bytes 0-"):
        return True
    return not AuditEntry.objects.filter(
        actor=request.user,
        action=PLAY,
        object_id=recording.pk,
        created_at__gt=timezone.now() - LISTENING,
    ).exists()
