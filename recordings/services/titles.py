"""A new title while somebody waits for it."""

from __future__ import annotations

from accounts.models import User
from recordings.budgets import require_token_budget
from recordings.llm import client, tasks
from recordings.llm.sections import PromptTooLongError
from recordings.models import Recording
from recordings.pipeline.texts import (
    SPOKEN_LEAST,
    extracted_title,
    material_of,
    proposed_title,
)
from recordings.services.asking import OPERATOR_SECONDS, asking, place
from recordings.services.edit import edit_recording
from recordings.services.identifying import CONTEXT_TOO_SMALL
from speakr_site.core.errors import Busy, InvalidInput

NOTHING_SAID = "No valid transcription available for title generation"


def regenerate_title(*, recording: Recording, by: User) -> str:
    """Gives the recording the title that its naming template, or what was said, makes now, whatever
    it is called. Reads `owner` and `current_transcript`.

    Raises InvalidInput without a transcript, or one that says hardly anything; Busy where no place
    to work it out is free. Where the model has to be asked: BudgetExceeded when the month's tokens
    of `by` are used up, and what `asking` raises. The title stays as it is then, and when
    `edit_recording` refuses the new one to who lost the right meanwhile.
    """
    if recording.current_transcript is None:
        raise InvalidInput(NOTHING_SAID)
    # As its owner knows it: theirs is the title.
    material = material_of(recording)
    if material.spoken_chars < SPOKEN_LEAST:
        raise InvalidInput(NOTHING_SAID)
    model = client.chat_model()

    def from_content() -> str | None:
        if model is None:
            with place():
                return extracted_title(material)
        require_token_budget(by)
        with asking(model, by=by) as session:
            try:
                return tasks.title(session, material, recording.summary)
            except PromptTooLongError as error:
                raise Busy(CONTEXT_TOO_SMALL, retry_after=OPERATOR_SECONDS) from error

    title = proposed_title(recording, from_content)
    if title is None:
        raise InvalidInput(NOTHING_SAID)
    edit_recording(recording=recording, by=by, changes={"title": title})
    return title
