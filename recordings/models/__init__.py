"""The rows behind recordings. Import models from here."""

from recordings.models.calendar import CalendarEvent
from recordings.models.filing import RecordingTag
from recordings.models.job import Job, WindowResult
from recordings.models.recording import Recording
from recordings.models.retention import DeletionMark, RetentionState
from recordings.models.sharing import PublicLink, Share, ViewerState
from recordings.models.template import TranscriptTemplate
from recordings.models.transcript import RecordingSpeaker, Transcript
from recordings.models.usage import TokenUsage, TranscriptionUsage

__all__ = [
    "CalendarEvent",
    "DeletionMark",
    "Job",
    "PublicLink",
    "Recording",
    "RecordingSpeaker",
    "RecordingTag",
    "RetentionState",
    "Share",
    "TokenUsage",
    "Transcript",
    "TranscriptTemplate",
    "ViewerState",
    "TranscriptionUsage",
    "WindowResult",
]
