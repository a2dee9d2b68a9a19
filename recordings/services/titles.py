"""A new title while somebody waits for it."""

from __future__ import annotations

from contextlib import ExitStack

from accounts.models import User
from recordings.budgets import require_token_budget
from recordings.llm import client, tasks
from recordings.llm.sections import PromptTooLongError
from recordings.models import Recording
from recordings.pipeline.texts import SPOKEN_LEAST, material_of, proposed_title
from recordings.services.asking import OPERATOR_SECONDS, asking
from recordings.services.edit import edit_recording
from recordings.services.identifying import CONTEXT_TOO_SMALL
from speakr_site.core.errors import Busy, InvalidInput

NOTHING_SAID = "No valid transcription available for title generation"


def regenerate_title(*, recording: Recording, by: User) -> str:
    """Gives the recording the title that its naming template, or what was said, makes now, whatever
    it is called. Reads `owner` and `current_transcript`.

    Raises InvalidInput without a transcript, or one that says hardly anything. Where the model has
    to be asked: BudgetExceeded when the month's tokens of `by` are used up, and what `asking`
    raises. The title stays as it is then, and when `edit_recording` refuses the new one to who lost
    the right meanwhile.
    """
    if recording.current_transcript is None:
        raise InvalidInput(NOTHING_SAID)
    material = material_of(recording)
    if material.spoken_chars < SPOKEN_LEAST:
        raise InvalidInput(NOTHING_SAID)
    model = client.chat_model()
    with ExitStack() as held:

        def session() -> tasks.Session:
            require_token_budget(by)
            return held.enter_context(asking(model, by=by))

        try:
            title = proposed_title(recording, material, model, session)
        except PromptTooLongError as error:
            raise Busy(CONTEXT_TOO_SMALL, retry_after=OPERATOR_SECONDS) from error
    if title is None:
        raise InvalidInput(NOTHING_SAID)
    edit_recording(recording=recording, by=by, changes={"title": title})
    return title
