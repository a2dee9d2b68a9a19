"""The rows behind recordings. Import models from here."""

from recordings.models.job import Job, WindowResult
from recordings.models.recording import Recording
from recordings.models.transcript import RecordingSpeaker, Transcript

__all__ = ["Job", "Recording", "RecordingSpeaker", "Transcript", "WindowResult"]
