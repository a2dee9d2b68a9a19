"""The rows behind recordings. Import models from here."""

from recordings.models.filing import RecordingTag
from recordings.models.job import Job, WindowResult
from recordings.models.recording import Recording
from recordings.models.retention import DeletionMark, RetentionState
from recordings.models.template import TranscriptTemplate
from recordings.models.transcript import RecordingSpeaker, Transcript
from recordings.models.usage import TokenUsage, TranscriptionUsage

__all__ = [
    "DeletionMark",
    "Job",
    "Recording",
    "RecordingSpeaker",
    "RecordingTag",
    "RetentionState",
    "TokenUsage",
    "Transcript",
    "TranscriptTemplate",
    "TranscriptionUsage",
    "WindowResult",
]
