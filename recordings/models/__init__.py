"""The rows behind recordings. Import models from here."""

from recordings.models.filing import RecordingTag
from recordings.models.job import Job, WindowResult
from recordings.models.recording import Recording
from recordings.models.template import TranscriptTemplate
from recordings.models.transcript import RecordingSpeaker, Transcript
from recordings.models.usage import TokenUsage, TranscriptionUsage

__all__ = [
    "Job",
    "Recording",
    "RecordingSpeaker",
    "RecordingTag",
    "TokenUsage",
    "Transcript",
    "TranscriptTemplate",
    "TranscriptionUsage",
    "WindowResult",
]
