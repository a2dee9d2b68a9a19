"""A question about one recording: what of it the model is told, and what an answer rests on. No
rows here; what each call cost is told to the caller at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from django.conf import settings

from recordings.exports.subtitles import Cue
from recordings.llm import client, prompts, replies, retrieval
from recordings.llm.client import Ask, ModelError, Reply
from recordings.llm.prompts import Asker, Context, Message, Spoken
from recordings.llm.sections import answer_room, estimated_tokens, sections
from recordings.llm.tasks import Material, Session

CHAT = "chat"
TEMPERATURE = 0.3
# Where a server finds the request too long, it is asked with a half of the context, then a quarter.
SHARES = (1, 2, 4)
# Tokens that have to be left for what was said.
SPOKEN_LEAST = 200
# Of a context at most: notes, tags.
NOTES_SHARE, TAGS_SHARE = 8, 16
# Of the room beside the question: the latest turns, whatever the transcript takes; of what these
# leave to excerpts, the summary.
HISTORY_SHARE, SUMMARY_SHARE = 4, 4
# Stands between two excerpts.
GAP = Cue(name=None, text="…", start=None, end=None)


class MessageTooLongError(ValueError):
    """A question that leaves no room for what it is about."""


@dataclass(frozen=True, slots=True)
class Question:
    """`history`: earlier turns, oldest first, of the roles user and assistant."""

    message: str
    history: tuple[Message, ...] = ()

    @property
    def subject(self) -> str:
        """What to look for: "and who said that?" is about what was asked before."""
        asked = [turn["content"] for turn in self.history if turn["role"] == "user"]
        return "\n".join([*asked[-1:], self.message])


@dataclass(frozen=True, slots=True)
class Talk:
    """`summary`: of the recording, or None."""

    material: Material
    asker: Asker
    summary: str | None
    question: Question


def answered(session: Session, talk: Talk) -> str:
    """Raises ModelError, and MessageTooLongError."""
    for ask, is_last in _asks(session, talk):
        try:
            reply = client.complete(session.model, ask, session.patience)
        except ModelError as error:
            if is_last or not error.context_exceeded:
                raise
        else:
            session.paid(CHAT, reply)
            return _said(replies.without_thinking(reply.text))
    raise AssertionError("the last of them answers or raises")


def streamed(session: Session, talk: Talk) -> Iterator[str]:
    """The answer in pieces, without thinking. Raises as `answered` does; what came is paid for, and
    who closes this closes the connection.
    """
    said = ""
    with closing(_pieces(session, talk)) as pieces:
        for piece in replies.streamed_without_thinking(pieces):
            said = said or piece.strip()
            yield piece
    _said(said)


def sources(lines: Sequence[Cue], message: str, answer: str) -> list[Cue]:
    """The segments that the answer cites by their times, else those most alike the two."""
    lines = _pieces_of(lines)
    spans = [(start := line.start or 0, line.end or start) for line in lines]
    found = retrieval.cited(answer, spans)
    if not found:
        found = retrieval.alike([_searched(line) for line in lines], f"{message}\n{answer}")
    return [lines[index] for index in found]


def messages(talk: Talk, context_tokens: int) -> list[Message]:
    """What a model of so large a context is asked: the whole transcript where it fits, else the
    parts most alike the question. Of the history the oldest turns are left out first.

    Raises MessageTooLongError.
    """
    question = talk.question
    context, asker, room = _surroundings(talk, context_tokens)
    whole = prompts.transcript_text(talk.material.lines, is_timed=True)
    spoken_tokens = estimated_tokens(whole)
    history = _latest(question.history, max(room - spoken_tokens, room // HISTORY_SHARE))
    room -= prompts.prompt_tokens(history)
    spoken = Spoken(whole) if spoken_tokens <= room else _excerpts(talk, room)
    return prompts.chat_messages(context, spoken, asker, history, question.message)


def _asks(session: Session, talk: Talk) -> Iterator[tuple[Ask, bool]]:
    """What to ask one after the other, and whether it is the last."""
    for share in SHARES:
        context_tokens = session.model.context_tokens // share
        room = min(settings.CHAT_MAX_TOKENS, answer_room(context_tokens))
        asked = tuple(messages(talk, context_tokens))
        yield Ask(asked, room, TEMPERATURE), share == SHARES[-1]


def _pieces(session: Session, talk: Talk) -> Iterator[str]:
    """The answer as it comes, thinking included."""
    for ask, is_last in _asks(session, talk):
        came: list[str] = []
        reply: Reply | None = None
        try:
            with closing(client.stream(session.model, ask, session.patience)) as answer:
                for piece in answer:
                    if isinstance(piece, Reply):
                        reply = piece
                    else:
                        came.append(piece)
                        yield piece
            return
        except ModelError as error:
            if came or is_last or not error.context_exceeded:
                raise
        finally:
            if reply or came:
                session.paid(CHAT, reply or client.estimate(ask, "".join(came)))


def _said(answer: str) -> str:
    if not answer:
        raise ModelError("The language model gave an empty answer.", code="model_empty")
    return answer


def _surroundings(talk: Talk, context_tokens: int) -> tuple[Context, Asker, int]:
    """What goes with a question beside the transcript and the history, and the tokens left for
    those: all of it, or nothing but the question where it takes too much.
    """
    notes = talk.asker.notes and _beginning(talk.asker.notes, context_tokens // NOTES_SHARE)
    tags = _first(talk.asker.tags, context_tokens // TAGS_SHARE)
    context = talk.material.context
    for about, asker in (
        (context, Asker(notes, tags)),
        (Context(language=context.language), Asker()),
    ):
        # The text of the longer rules and headings.
        nothing = Spoken("-", is_excerpt=True, summary="-")
        asked = prompts.chat_messages(about, nothing, asker, (), talk.question.message)
        room = context_tokens - answer_room(context_tokens) - prompts.prompt_tokens(asked)
        if room >= SPOKEN_LEAST:
            return about, asker, room
    raise MessageTooLongError


def _latest(history: Sequence[Message], room: int) -> list[Message]:
    """The last turns that take at most so many tokens together."""
    kept: list[Message] = []
    for turn in reversed(history):
        room -= prompts.prompt_tokens([turn])
        if room < 0:
            break
        kept.insert(0, turn)
    return kept


def _excerpts(talk: Talk, room: int) -> Spoken:
    """What the question is about, in the order of time, and the summary of the rest."""
    summary = talk.summary and _beginning(talk.summary, room // SUMMARY_SHARE)
    room -= estimated_tokens(summary or "")
    lines = _pieces_of(talk.material.lines)
    sizes = [estimated_tokens(prompts.transcript_text([line], is_timed=True)) for line in lines]
    texts = [_searched(line) for line in lines]
    chosen = retrieval.most_relevant(texts, talk.question.subject, sizes=sizes, room=room)
    shown: list[Cue] = []
    for index, before in zip(chosen, [-1, *chosen], strict=False):
        if index != before + 1:
            shown.append(GAP)
        shown.append(lines[index])
    return Spoken(prompts.transcript_text(shown, is_timed=True), is_excerpt=True, summary=summary)


def _pieces_of(lines: Sequence[Cue]) -> list[Cue]:
    """The segments, those of an engine that makes no pauses in several pieces of the same times."""
    found: list[Cue] = []
    for line in lines:
        # No character takes more than two tokens.
        if len(line.text) * 2 <= retrieval.PASSAGE_TOKENS:
            parts = [line.text]
        else:
            cut = sections(line.text, limit_tokens=retrieval.PASSAGE_TOKENS, overlap_tokens=0)
            parts = [part.text.strip() for part in cut]
        found += [replace(line, text=part) for part in parts if part.strip()]
    return found


def _searched(line: Cue) -> str:
    """With the name: questions are about people too."""
    return f"{line.name or ''} {line.text}"


def _beginning(text: str, tokens: int) -> str:
    if estimated_tokens(text) <= tokens:
        return text
    return sections(text, limit_tokens=tokens, overlap_tokens=0)[0].text


def _first(names: Sequence[str], tokens: int) -> list[str]:
    """As many as take at most so many tokens together."""
    kept: list[str] = []
    for name in names:
        # A comma and a space each.
        tokens -= estimated_tokens(name) + 2
        if tokens < 0:
            break
        kept.append(name)
    return kept
