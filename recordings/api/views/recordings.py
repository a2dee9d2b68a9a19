"""Recordings themselves: upload, list, details, status, change, deletion."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from recordings.api import shapes
from recordings.api.serializers import in_, out
from recordings.api.upload_form import UploadForm
from recordings.api.upload_handler import HashingUploadHandler, UploadParser
from recordings.exports import subtitles, text
from recordings.models import Job, Recording, TranscriptTemplate
from recordings.models.filing import Filing, shown_filing, shown_folders
from recordings.models.recording import RecordingQuerySet, RecordingScope
from recordings.models.viewing import Viewing, viewing_of, viewings
from recordings.services.edit import edit_recording, require_rights
from recordings.services.removal import delete_recording
from recordings.services.titles import regenerate_title
from recordings.services.upload import body_limit, create_recording, too_large
from speakr_site.core import system
from speakr_site.core.api.pagination import pages_of
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.serializers import DoneSerializer
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import NotAllowed

CHUNK_BYTES = 64 * 1024
REST_BYTES = 16 * 1024 * 1024


@extend_schema(tags=["Recordings"])
class UploadViewSet(ScopedViewSet):
    model = Recording
    scopes = {"create": "self"}
    rate_groups = {"create": "processing"}
    parser_classes = [UploadParser]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        request.upload_handlers = [HashingUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(
        summary="Upload a recording and queue its transcription",
        request={"multipart/form-data": in_.UploadSerializer},
        responses={202: out.RecordingCreatedSerializer, **errors(413, 503, 507)},
    )
    def create(self, request: Request) -> Response:
        policy = system.current()
        # Before the body is read: a client that announces too much need not send it.
        if _announced_bytes(request) > body_limit(policy):
            limit_mb = max(policy.max_file_size_mb, policy.max_audio_only_video_size_mb)
            raise too_large(limit_mb, audio_only=False)
        file = request.FILES.get("file")
        upload = UploadForm(request.POST, policy).read(file)
        result = create_recording(by=request.user, upload=upload)
        return Response(shapes.created(result), status=202)

    def handle_exception(self, exc: Exception) -> Response:
        # An error amid the file would leave it on disk until Python collects its garbage.
        for handler in self.request.upload_handlers:
            handler.discard()
        _take_the_rest(self.request)
        return super().handle_exception(exc)


@extend_schema(tags=["Recordings"])
class RecordingViewSet(ScopedViewSet):
    model = Recording
    scopes = {
        "list": "read",
        "retrieve": "read",
        "status": "read",
        # What needs the right to edit depends on the body.
        "partial_update": "read",
        "destroy": "edit",
        "regenerate_title": "edit",
    }
    rate_groups = {"regenerate_title": "processing"}
    pagination_class = pages_of("recordings")

    def get_queryset(self) -> RecordingQuerySet:
        rows = super().get_queryset()
        if self.action in ("retrieve", "regenerate_title"):
            return rows.for_texts()
        return rows.defer("notes", "summary") if self.action == "status" else rows

    @extend_schema(
        summary="List recordings",
        description="Others' have two keys more, `shared_by` and `can_edit`. Flags, tags and "
        "folder are as the caller keeps or may know them, in the answer as in the filters.",
        parameters=[in_.RecordingFilterSerializer],
        responses={200: out.RecordingListSerializer(many=True), **errors(403)},
    )
    def list(self, request: Request) -> Response:
        policy = system.current()
        query = in_.RecordingFilterSerializer(data=request.query_params, context={"policy": policy})
        query.is_valid(raise_exception=True)
        wanted = query.wanted()
        found = Recording.objects.in_scope(request.user, wanted.scope)
        found = found.matching(wanted, viewer=request.user)
        if wanted.text:
            found = found.by_ids_if_few()
        page = self.paginate_queryset(found.sorted_by(wanted).for_list())
        filed = shown_filing(page, viewer=request.user, folders_enabled=policy.enable_folders)
        seen = viewings(page, viewer=request.user)
        return self.get_paginated_response(
            [
                shapes.list_item(row, filed[row["id"]], seen[row["id"]])
                for row in page
                if row["id"] in seen
            ]
        )

    @extend_schema(
        summary="Details of a recording",
        description="Of somebody else's recording the caller sees their own notes and flags, their "
        "own tags and those of their groups, the folder if it is of a group of theirs, and no "
        "duplicates.",
        parameters=[in_.DetailQuerySerializer],
        responses=out.RecordingDetailSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        query = in_.DetailQuerySerializer(data=_given(request, "format"))
        query.is_valid(raise_exception=True)
        names = _wanted_texts(request, query.validated_data.get("format", "full"))
        return Response(_detail(recording, request, names))

    @extend_schema(summary="How far a recording is", responses=out.StatusSerializer)
    def status(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        # Of two, the transcription: what it brings is summarized anew.
        job = Job.objects.active().filter(recording=recording).order_by("lane").first()
        position = Job.objects.position_of(job) if job else None
        eta = job.eta_seconds(timezone.now()) if job else None
        return Response(shapes.status(recording, job, position=position, eta_seconds=eta))

    @extend_schema(
        summary="Change a recording",
        description="Whoever may read it keeps notes, is_inbox and is_highlighted for themselves; "
        "every other field needs the right to edit, whatever comes with it.",
        request=in_.RecordingPatchSerializer,
        responses=out.RecordingEditedSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = in_.RecordingPatchSerializer(data=json_object(request, optional=True))
        # Before any value is looked at (http-contract.md, 4).
        require_rights(recording, by=request.user, names=body.known_names())
        body.is_valid(raise_exception=True)
        edit_recording(recording=recording, by=request.user, changes=body.validated_data)
        folders = system.current().enable_folders and shown_folders([vars(recording)], request.user)
        shape = shapes.patched(
            recording,
            viewing=viewing_of(recording, viewer=request.user),
            folder_id=folders.get(recording.pk) if folders else None,
        )
        return Response({"success": True, "recording": shape})

    @extend_schema(
        summary="Make a new title",
        description="By the owner's naming template, or the tag's or folder's; without one, from "
        "what was said. It replaces the title there is, whoever chose it. Without a language model "
        "it is made of key phrases of the transcript. What it costs is the caller's.",
        request=None,
        responses={200: out.TitleSerializer, **errors(503)},
    )
    def regenerate_title(self, request: Request, pk: str) -> Response:
        try:
            recording = self.get_object()
        except NotAllowed:
            raise NotAllowed("You do not have permission to edit this recording") from None
        title = regenerate_title(recording=recording, by=request.user)
        shape = _detail(recording, request, shapes.TEXT_FIELDS)
        return Response({"success": True, "title": title, "recording": shape})

    @extend_schema(summary="Delete a recording", responses={200: DoneSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        try:
            recording = self.get_object()
        except NotAllowed:
            raise NotAllowed("Permission denied - only owner can delete") from None
        delete_recording(recording=recording, by=request.user)
        return Response({"success": True, "message": "Recording deleted"})


def _take_the_rest(request: Request) -> None:
    """Reads on where reading stopped amid the body, within reason.

    A connection that is closed on a client that still sends is reset, and the answer is lost with
    it. One whose body was not begun may wait for the answer before it sends any.
    """
    body = request._request
    left = REST_BYTES if body._read_started else 0
    with suppress(OSError):
        while left > 0 and (data := body.read(min(left, CHUNK_BYTES))):
            left -= len(data)


def _announced_bytes(request: Request) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _filing(recording: Recording, request: Request) -> Filing:
    filed = shown_filing(
        [vars(recording)],
        viewer=request.user,
        folders_enabled=system.current().enable_folders,
    )
    return filed[recording.pk]


def _detail(recording: Recording, request: Request, names: Iterable[str]) -> dict[str, Any]:
    """`names`: of the texts to show."""
    viewing = viewing_of(recording, viewer=request.user)
    own = Recording.objects.in_scope(request.user, RecordingScope.OWN)
    return shapes.detail(
        recording,
        filing=_filing(recording, request),
        viewing=viewing,
        copies=own.copies_of(recording),
        events=recording.shown_events(),
        texts={
            name: _text_of(recording, name, viewing=viewing, caller=request.user) for name in names
        },
    )


def _given(request: Request, *names: str) -> dict[str, str]:
    """Query parameters that are not empty."""
    return {name: value for name in names if (value := request.query_params.get(name, "").strip())}


def _wanted_texts(request: Request, form: str) -> list[str]:
    if form == "minimal":
        return []
    include: Any = request.query_params.get("include")
    if include is None:
        return list(shapes.TEXT_FIELDS)
    named = {name.strip() for name in include.split(",")}
    return [name for name in shapes.TEXT_FIELDS if name in named]


def _text_of(recording: Recording, name: str, *, viewing: Viewing, caller: User) -> str | None:
    if name == "notes":
        return viewing.notes
    if name == "summary":
        return recording.summary
    transcript = recording.current_transcript
    if transcript is None:
        return None
    template = TranscriptTemplate.objects.default_of(caller)
    return text.render(subtitles.named(transcript.segments, transcript.names()), template)
