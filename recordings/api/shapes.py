"""Rows as the plain dicts that the wire has. No queries here: what is needed comes in.

The serializers in serializers/out.py describe the same shapes for the OpenAPI document; a test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recordings.exports.subtitles import Cue
from recordings.models import CalendarEvent, Job, Recording
from recordings.models.filing import Filing
from recordings.models.transcript import NAMELESS
from recordings.models.viewing import Viewing
from recordings.services.upload import CreatedRecording
from speakr_site.core.api.fields import utc_text

TEXT_FIELDS = ("transcription", "summary", "notes")


def list_item(row: Mapping[str, Any], filing: Filing, viewing: Viewing) -> dict[str, Any]:
    """`row`: as `RecordingQuerySet.for_list` gives it."""
    folder = filing.folder
    item = {
        "id": row["id"],
        "title": row["title"],
        "status": row["status"],
        "created_at": utc_text(row["created_at"]),
        "completed_at": utc_text(row["completed_at"]),
        "meeting_date": utc_text(row["meeting_date"]),
        "file_size": row["size_bytes"],
        "original_filename": row["original_filename"],
        "participants": row["participants"],
        "is_inbox": viewing.is_inbox,
        "is_highlighted": viewing.is_highlighted,
        "audio_available": bool(row["audio_key"]),
        "audio_duration": row["duration_seconds"] if row["audio_key"] else None,
        "has_transcription": row["current_transcript_id"] is not None,
        "has_summary": row["has_summary"],
        "processing_time_seconds": row["processing_seconds"],
        "transcription_duration_seconds": row["transcription_seconds"],
        "summarization_duration_seconds": row["summarization_seconds"],
        "folder_id": folder.pk if folder else None,
        "folder": {"id": folder.pk, "name": folder.name} if folder else None,
        "deletion_exempt": row["deletion_exempt"],
        "error_message": row["error_message"],
        "keep_audio_only": row["keep_audio_only"],
        "tags": [{"id": tag.pk, "name": tag.name, "color": tag.color} for tag in filing.tags],
    }
    if viewing.shared_by is not None:
        item |= {"shared_by": viewing.shared_by, "can_edit": viewing.can_edit}
    return item


def detail(
    recording: Recording,
    *,
    filing: Filing,
    viewing: Viewing,
    copies: list[Recording],
    events: Iterable[CalendarEvent],
    texts: Mapping[str, str | None],
) -> dict[str, Any]:
    """`copies`: the viewer's recordings of the same bytes, this one included. `texts`: the text
    fields asked for.
    """
    row = {**vars(recording), "has_summary": False}
    shape = list_item(row, filing, viewing)
    del shape["has_transcription"], shape["has_summary"]
    return {
        **shape,
        "mime_type": recording.mime_type,
        "events": [event(each) for each in events],
        "duplicate_info": _duplicate_info(recording, copies),
        **texts,
    }


def created(result: CreatedRecording) -> dict[str, Any]:
    recording = result.recording
    shape = {
        "id": recording.pk,
        "title": recording.title,
        "status": recording.status,
        "created_at": utc_text(recording.created_at),
        "meeting_date": utc_text(recording.meeting_date),
        "file_size": recording.size_bytes,
        "original_filename": recording.original_filename,
        "mime_type": recording.mime_type,
        "notes": recording.notes,
        "warnings": list(result.warnings),
    }
    if result.duplicate_of is not None:
        shape["duplicate_warning"] = {
            "existing_recording_id": result.duplicate_of.pk,
            "existing_title": result.duplicate_of.title,
            "existing_created_at": utc_text(result.duplicate_of.created_at),
        }
    return shape


def patched(recording: Recording, *, viewing: Viewing, folder_id: int | None) -> dict[str, Any]:
    return {
        "id": recording.pk,
        "title": recording.title,
        "participants": recording.participants,
        "notes": viewing.notes,
        "summary": recording.summary,
        "meeting_date": utc_text(recording.meeting_date),
        "is_inbox": viewing.is_inbox,
        "is_highlighted": viewing.is_highlighted,
        "folder_id": folder_id,
    }


def status(
    recording: Recording, job: Job | None, *, position: int | None, eta_seconds: int | None
) -> dict[str, Any]:
    """`job`: the active one, if any."""
    is_done = recording.status == Recording.Status.COMPLETED
    return {
        "id": recording.pk,
        "status": recording.status,
        "queue_position": position,
        "error_message": recording.error_message,
        "completed_at": utc_text(recording.completed_at),
        "progress": job.progress if job else float(is_done),
        "stage": job.stage if job else None,
        "eta_seconds": eta_seconds,
        "warnings": [*recording.warnings, *recording.text_warnings],
    }


def event(event: CalendarEvent) -> dict[str, Any]:
    return {
        "id": event.pk,
        "title": event.title,
        "start_datetime": utc_text(event.start_datetime),
        "end_datetime": utc_text(event.end_datetime),
        "description": event.description,
        "location": event.location,
        "attendees": event.attendees,
        "reminder_minutes": event.reminder_minutes,
    }


def segments(cues: Iterable[Cue]) -> list[dict[str, Any]]:
    return [
        {
            "speaker": cue.name or NAMELESS,
            "sentence": cue.text,
            "start_time": cue.start,
            "end_time": cue.end,
        }
        for cue in cues
    ]


def _duplicate_info(recording: Recording, copies: list[Recording]) -> dict[str, Any] | None:
    if len(copies) < 2:
        return None
    return {
        "total_copies": len(copies),
        "copies": [
            {
                "id": copy.pk,
                "title": copy.title or f"#{copy.pk}",
                "created_at": utc_text(copy.created_at),
                "is_self": copy.pk == recording.pk,
            }
            for copy in copies
        ],
    }
