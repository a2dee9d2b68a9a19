"""What an exception means for the job: a code, a sentence for the owner, and whether trying again
can help.

Decided by type, never by reading a message.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from recordings.audio.media import MediaError
from recordings.budgets import BudgetExceeded
from recordings.connectors.base import ConnectorError
from recordings.llm.client import ModelError
from recordings.llm.sections import PromptTooLongError
from recordings.models import Job
from speakr_site.core.errors import is_disk_full
from speakr_site.core.queue import TimeLimit

# The owner reads it, who is not told what others may use.
BUDGET_OF_ANOTHER = "The monthly budget of the person who asked for this is used up."


@dataclass(frozen=True, slots=True)
class Failure:
    """`blameless`: no recording could have been worked on just then; that is no attempt.
    `wait_seconds`: not to try again before.
    """

    code: str
    sentence: str
    permanent: bool
    blameless: bool = False
    wait_seconds: float = 0


class AudioMissing(Exception):
    """The recording's bytes are not in storage."""


def failure_of(error: BaseException, job: Job) -> Failure:
    if isinstance(error, ConnectorError):
        return Failure(error.code, str(error), error.permanent)
    if isinstance(error, ModelError):
        wait = error.retry_after or 0
        return Failure(error.code, str(error), error.permanent, wait_seconds=wait)
    if isinstance(error, PromptTooLongError):
        sentence = "What is asked takes more than half of the language model's context."
        return Failure("prompt_too_long", sentence, permanent=True)
    if isinstance(error, BudgetExceeded):
        is_own = job.owner_id == job.recording.owner_id
        return Failure(error.code, str(error) if is_own else BUDGET_OF_ANOTHER, permanent=True)
    if is_disk_full(error) or (isinstance(error, MediaError) and error.code == "disk_full"):
        return Failure("disk_full", "The server's disk is full.", permanent=False, blameless=True)
    if isinstance(error, OperationalError | InterfaceError):
        return Failure("database", "The database did not answer.", permanent=False, blameless=True)
    if isinstance(error, MediaError):
        return Failure(error.code, str(error), not error.transient)
    if isinstance(error, AudioMissing):
        return Failure("audio_missing", "Audio file not found", permanent=True)
    if isinstance(error, TimeLimit):
        return Failure("time_limit", "The work took longer than a job may.", permanent=False)
    if isinstance(error, OSError):
        return Failure("storage", "The server could not read or write a file.", permanent=False)
    return Failure("internal", "Something went wrong on the server.", permanent=False)
