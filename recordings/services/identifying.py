"""Names for the voices of a recording, as a language model finds them in what was said. Suggestions
only: nothing is stored but the tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accounts.models import User
from recordings.llm import tasks
from recordings.llm.prompts import Context
from recordings.llm.sections import PromptTooLongError
from recordings.llm.tasks import Material, Session
from recordings.models import Recording
from recordings.services.asking import OPERATOR_SECONDS, asking, material_for, require_model
from speakr_site.core.errors import Busy, InvalidInput

# Those who speak most are asked for.
LABELS_MAX = 50
CONTEXT_TOO_SMALL = (
    "The language model's context is too small; set TEXT_MODEL_CONTEXT_TOKENS or "
    "CHAT_MODEL_CONTEXT_TOKENS to what it is"
)


def suggested_names(*, recording: Recording, by: User) -> dict[str, str]:
    """label -> name, for every label of the transcript in the order of appearance; "" where nobody
    says it. Voices that have a name keep it. Reads `owner` and `current_transcript`.

    Raises InvalidInput without a transcript and without labels, and what `asking` and
    `require_model` do.
    """
    transcript = recording.current_transcript
    if transcript is None:
        raise InvalidInput("No transcription available for speaker identification")
    voices = {label: voice for label, voice in transcript.voices().items() if label}
    if not voices:
        raise InvalidInput("No speakers found in transcription")
    model = require_model(by=by)
    known = transcript.names()
    names = {label: known.get(label, "") for label in voices}
    nameless = sorted(
        (label for label, name in names.items() if not name),
        key=lambda label: -voices[label].seconds,
    )
    if nameless:
        material = material_for(recording, by)
        with asking(model, by=by) as session:
            names |= _found(session, material, nameless[:LABELS_MAX])
    return names


def _found(session: Session, material: Material, labels: Sequence[str]) -> dict[str, str]:
    for told, asked in _attempts(material, labels):
        try:
            return tasks.speakers(session, told, asked)
        except PromptTooLongError:
            continue
    raise Busy(CONTEXT_TOO_SMALL, retry_after=OPERATOR_SECONDS)


def _attempts(
    material: Material, labels: Sequence[str]
) -> Iterator[tuple[Material, Sequence[str]]]:
    """What to ask, the most first: a small context may not hold many labels, or a long title."""
    yield material, labels
    bare = replace(material, context=Context())
    while labels:
        yield bare, labels
        labels = labels[: len(labels) // 2]
