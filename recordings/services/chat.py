"""Questions about one recording, answered from its transcript; nothing is stored but the tokens.

Who asks may see all that the model is told: their own notes, the tags that they know of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accounts.models import User
from recordings.exports.subtitles import Cue
from recordings.llm import chatting
from recordings.llm.chatting import MessageTooLongError, Question, Talk
from recordings.llm.prompts import Asker
from recordings.models import Recording
from recordings.models.filing import shown_filing
from recordings.models.viewing import viewing_of
from recordings.services.asking import asking, material_for, require_model
from speakr_site.core.errors import InvalidInput

TOO_LONG = "message is too long for the language model"


@dataclass(frozen=True, slots=True)
class Answer:
    response: str
    sources: list[Cue]


def answer(*, recording: Recording, by: User, question: Question) -> Answer:
    """Reads `owner` and `current_transcript`, which is there.

    Raises what `asking` and `require_model` do, and InvalidInput for a message that the model has
    no room for.
    """
    model = require_model(by=by)
    talk = _talk(recording, by, question)
    with asking(model, by=by) as session:
        try:
            response = chatting.answered(session, talk)
        except MessageTooLongError:
            raise InvalidInput(TOO_LONG) from None
    return Answer(response, _sources(talk, response))


def stream_answer(
    *, recording: Recording, by: User, question: Question
) -> Iterator[str | list[Cue]]:
    """Pieces of the answer as they come, then its sources. Raises as `answer` does, before the
    first piece or after any. Who closes it ends the call.
    """
    model = require_model(by=by)
    talk = _talk(recording, by, question)
    pieces: list[str] = []
    with asking(model, by=by) as session:
        try:
            for piece in chatting.streamed(session, talk):
                pieces.append(piece)
                yield piece
        except MessageTooLongError:
            raise InvalidInput(TOO_LONG) from None
    yield _sources(talk, "".join(pieces))


def _talk(recording: Recording, by: User, question: Question) -> Talk:
    filing = shown_filing([vars(recording)], viewer=by, folders_enabled=False)[recording.pk]
    notes = viewing_of(recording, viewer=by).notes
    return Talk(
        material=material_for(recording, by),
        asker=Asker(notes=notes, tags=[tag.name for tag in filing.tags]),
        summary=recording.summary,
        question=question,
    )


def _sources(talk: Talk, response: str) -> list[Cue]:
    return chatting.sources(talk.material.lines, talk.question.message, response)
