"""The console's pages for recordings: metadata only. What was said is behind opening.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from organizing.models import Folder
from recordings.admin.opening import OpeningAdmin
from recordings.admin.retention import outlook
from recordings.admin.sharing import access_lines, link_line
from recordings.exports.subtitles import clock
from recordings.models import Job, Recording, RecordingTag, Transcript
from recordings.pipeline.options import Hints
from recordings.services.edit import edit_as_operator
from recordings.services.processing import queue_summary, queue_transcription
from recordings.services.removal import delete_as_operator
from speakr_site.core.audit import record_audit
from speakr_site.core.console import act_on_each

# Content, or long: neither lists nor forms need them, and no address may filter by them.
UNSEEN = ("notes", "summary", "prompt_variables", "warnings", "text_warnings", "summary_meta")
HELP = {
    "sha256": "Of the bytes as they were uploaded; equal ones are duplicates.",
    "audio_key": "Where the bytes lie in storage; empty when they were deleted.",
    "keep_audio_only": "Only the audio of the uploaded video was kept.",
    "deletion_exempt": "Retention leaves this recording alone.",
    "goes": "By the rules of now: its own, those of its tags and folder, the server's.",
    "warnings_said": "What went less than well without stopping the work; its owner sees it too.",
    "summary_made": "What made the summary, and of how much of the transcript; never what it says.",
    "filed_in": "As its owner chose; follow the name for all recordings in the folder.",
    "tagged": "In the order of attaching; follow a name for all recordings with the tag.",
    "access": "While sharing is switched off only shares are listed, and they give nothing.",
    "content": "Transcript, summary, notes and audio. Opening them is noted in the audit trail.",
}


class ReadOnlyInline(admin.TabularInline):
    extra = 0

    def get_readonly_fields(self, request: HttpRequest, obj: Recording | None = None) -> list[str]:
        return list(self.fields)

    def has_add_permission(self, request: HttpRequest, obj: Recording | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Recording | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Recording | None = None) -> bool:
        return False


class JobInline(ReadOnlyInline):
    model = Job
    fields = ["lane", "status", "stage", "attempts", "queued_at", "finished_at", "error_message"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).defer("requested", "options")


class TranscriptInline(ReadOnlyInline):
    model = Transcript
    verbose_name_plural = "Transcript revisions"
    fields = ["number", "engine", "model", "language", "made_by", "created_at", "opened"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transcript]:
        revisions = super().get_queryset(request).select_related("made_by")
        return revisions.defer("segments", "words")

    @admin.display(description="text")
    def opened(self, transcript: Transcript) -> str:
        url = reverse("admin:recordings_recording_open", args=[transcript.recording_id])
        return format_html('<a href="{}?revision={}">Open</a>', url, transcript.number)


@admin.register(Recording)
class RecordingAdmin(OpeningAdmin):
    list_display = [
        "name",
        "owner",
        "status",
        "filed_in",
        "tagged",
        "duration",
        "size",
        "created_at",
        "audio",
    ]
    list_select_related = ["owner"]
    # A list of everybody's tags would be endless: the names in the columns filter by them.
    list_filter = ["status", ("folder", admin.EmptyFieldListFilter)]
    date_hierarchy = "created_at"
    search_fields = ["title", "owner__username", "owner__email", "folder__name", "tags__name"]
    search_help_text = "Title, user name or e-mail of the owner, name of the folder or of a tag."
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["transcribe_again", "summarize_again"]
    inlines = [JobInline, TranscriptInline]
    fieldsets = [
        (
            None,
            {
                "description": "A recording belongs to its owner: here its description can be "
                "read, and what was said is opened separately.",
                "fields": [
                    "name",
                    "owner",
                    "participants",
                    "meeting_date",
                    "created_at",
                    "content",
                ],
            },
        ),
        (
            "Work",
            {
                "description": "Pending waits in the queue, processing is being transcribed, "
                "summarizing waits for its texts. Both can be done again from the list.",
                "fields": [
                    "status",
                    "error_code",
                    "error_message",
                    "warnings_said",
                    "summary_made",
                    "completed_at",
                    "transcription_seconds",
                    "processing_seconds",
                    "summarization_seconds",
                ],
            },
        ),
        (
            "Audio",
            {
                "fields": [
                    "original_filename",
                    "mime_type",
                    "duration",
                    "size",
                    "keep_audio_only",
                    "audio_key",
                    "audio_deleted_at",
                    "sha256",
                ]
            },
        ),
        ("Filing", {"fields": ["filed_in", "tagged"]}),
        ("Sharing", {"fields": ["access", "public_link_state"]}),
        ("Keeping", {"fields": ["deletion_exempt", "goes"]}),
    ]
    changeable = ("deletion_exempt",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recording]:
        links = RecordingTag.objects.select_related("tag")
        links = links.only("recording_id", "position", "tag__name").order_by("position")
        folders = Folder.objects.only("name")
        rows = super().get_queryset(request).defer(*UNSEEN)
        return rows.prefetch_related(Prefetch("tag_links", links), Prefetch("folder", folders))

    def get_readonly_fields(self, request: HttpRequest, obj: Recording | None = None) -> list[str]:
        shown = [name for _, section in self.fieldsets for name in section["fields"]]
        return [name for name in shown if name not in self.changeable]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[ModelForm]:
        return super().get_form(request, obj, help_texts=HELP, **kwargs)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Django allows any own column: `?notes__icontains=` would read the notes bit by bit."""
        asked = lookup.partition("__")[0]
        return asked not in UNSEEN and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Recording, form: ModelForm, change: Any
    ) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            edit_as_operator(recording=obj, by=request.user, changes=changes)

    def delete_model(self, request: HttpRequest, obj: Recording) -> None:
        delete_as_operator(recordings=[obj], by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        delete_as_operator(recordings=queryset, by=request.user)

    def get_deleted_objects(
        self, objs: Iterable[Recording], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A line per recording. Django's own loads every transcript and asks for rights on jobs."""
        recordings = list(objs)
        counts = {
            "recordings": len(recordings),
            "transcript revisions": Transcript.objects.filter(recording__in=recordings).count(),
            "jobs": Job.objects.filter(recording__in=recordings).count(),
        }
        return [f"{row} of {row.owner}" for row in recordings], counts, set(), []

    @admin.action(description="Transcribe the selected recordings again", permissions=["change"])
    def transcribe_again(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        def queued(recording: Recording) -> str:
            job = queue_transcription(recording=recording, by=request.user, hints=Hints())
            record_audit(
                by=request.user, action="recording.transcribe", target=recording, detail=str(job)
            )
            return f"{job} is {job.status}"

        act_on_each(self, request, queryset, queued)

    @admin.action(description="Summarize the selected recordings again", permissions=["change"])
    def summarize_again(self, request: HttpRequest, queryset: QuerySet[Recording]) -> None:
        def queued(recording: Recording) -> str:
            job = queue_summary(recording=recording, by=request.user)
            record_audit(
                by=request.user, action="recording.summarize", target=recording, detail=str(job)
            )
            return f"{job} is {job.status}"

        act_on_each(self, request, queryset.select_related("owner"), queued)

    @admin.display(description="title", ordering="title")
    def name(self, recording: Recording) -> str:
        return str(recording)

    @admin.display(description="folder", ordering="folder__name")
    def filed_in(self, recording: Recording) -> str | None:
        folder = recording.folder
        return folder and _filter_link("folder__id__exact", folder.pk, folder.name)

    @admin.display(description="tags")
    def tagged(self, recording: Recording) -> str | None:
        tags = [link.tag for link in recording.tag_links.all()]
        links = (_filter_link("tags__id__exact", tag.pk, tag.name) for tag in tags)
        return format_html_join(", ", "{}", ([link] for link in links)) or None

    @admin.display(ordering="duration_seconds")
    def duration(self, recording: Recording) -> str | None:
        seconds = recording.duration_seconds
        return None if seconds is None else clock(seconds)

    @admin.display(ordering="size_bytes")
    def size(self, recording: Recording) -> str | None:
        return None if recording.size_bytes is None else filesizeformat(recording.size_bytes)

    @admin.display(boolean=True, ordering="audio_key")
    def audio(self, recording: Recording) -> bool:
        return recording.has_audio

    @admin.display(description="goes by itself")
    def goes(self, recording: Recording) -> str:
        return outlook(recording)

    @admin.display(description="who besides the owner")
    def access(self, recording: Recording) -> str | None:
        return access_lines(recording)

    @admin.display(description="public link")
    def public_link_state(self, recording: Recording) -> str | None:
        return link_line(recording)

    @admin.display(description="warnings")
    def warnings_said(self, recording: Recording) -> str | None:
        said = [*recording.warnings, *recording.text_warnings]
        return format_html_join("", "<p>{}</p>", ([sentence] for sentence in said)) or None

    @admin.display(description="summary")
    def summary_made(self, recording: Recording) -> str | None:
        if not recording.summary:
            return None
        made = recording.summary_meta
        if made is None:
            return "written by a person"
        by = "key sentences, without a model" if made["extractive"] else made["model"]
        return (
            f"{by}; {made['covered_chars']} of {made['input_chars']} characters in "
            f"{made['sections']} parts"
        )

    @admin.display(description="what was said")
    def content(self, recording: Recording) -> str:
        url = reverse("admin:recordings_recording_open", args=[recording.pk])
        return format_html('<a href="{}">Open transcript and audio</a>', url)


def _filter_link(lookup: str, pk: int, name: str) -> str:
    """To all recordings with the folder or tag of that id."""
    url = reverse("admin:recordings_recording_changelist")
    return format_html('<a href="{}?{}={}">{}</a>', url, lookup, pk, name)
