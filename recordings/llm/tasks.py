"""What a language model makes of a recording: a summary, a title, dates, names. No rows here: what
is needed comes in, and what each call cost is told to the caller at once.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from django.conf import settings

from recordings.exports.subtitles import Cue
from recordings.llm import prompts, replies, schemas
from recordings.llm.client import Ask, Model, ModelError, Patience, Reply, complete
from recordings.llm.prompts import Context, Message
from recordings.llm.sections import (
    PromptTooLongError,
    Section,
    answer_room,
    data_room,
    estimated_tokens,
    groups,
    halved,
    overlap_room,
    sections,
    so_far_room,
    tail,
)

SUMMARY, TITLE = "summarization", "title_generation"
EVENTS, SPEAKERS = "event_extraction", "speaker_identification"
# Of a summary that is made of notes.
NOTED_SHARE = 0.9
# Characters; what the model cannot take of so little, it takes of nothing.
HALVED_MIN_LENGTH = 1000
PROMPT_TOO_LONG = (
    "The summary prompt takes more than half of the model's context; the built-in one was used."
)
SUMMARY_CUT = "The summary reached SUMMARY_MAX_TOKENS before its end."


class Answer(NamedTuple):
    """`is_cut`: it reached its limit before its end."""

    text: str
    is_cut: bool


class Memo(Protocol):
    """Answers already paid for, by a digest of what was asked."""

    def get(self, digest: str) -> Answer | None: ...

    def keep(self, digest: str, answer: Answer) -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    """`paid`: called with the operation and the reply, straight after each call. `on_progress`:
    called with the share of a summary that is done.
    """

    model: Model
    patience: Patience
    paid: Callable[[str, Reply], None]
    memo: Memo | None = None
    on_progress: Callable[[float], None] = lambda share: None

    def ask(
        self,
        operation: str,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        schema: dict[str, Any] | None = None,
    ) -> Answer:
        digest = hashlib.sha256(json.dumps(messages).encode()).hexdigest()
        known = self.memo.get(digest) if self.memo else None
        if known is not None:
            return known
        room = min(max_tokens, answer_room(self.model.context_tokens))
        ask = Ask(tuple(messages), room, temperature, schema)
        reply = complete(self.model, ask, self.patience)
        self.paid(operation, reply)
        text = replies.without_thinking(reply.text)
        if not text.strip():
            raise ModelError("The language model gave an empty answer.", code="model_empty")
        answer = Answer(text.strip(), reply.is_cut)
        if self.memo:
            self.memo.keep(digest, answer)
        return answer


@dataclass(frozen=True, slots=True)
class Material:
    """`spoken_language`: a code, where it is known."""

    lines: tuple[Cue, ...]
    context: Context
    spoken_language: str | None = None

    @property
    def spoken_chars(self) -> int:
        return sum(len(line.text.strip()) for line in self.lines)

    @property
    def text(self) -> str:
        return prompts.transcript_text(self.lines)


@dataclass(frozen=True, slots=True)
class SummaryMeta:
    """What made a summary, and of how much: characters of the transcript as it was sent."""

    model: str | None
    sections: int
    input_chars: int
    covered_chars: int
    extractive: bool


@dataclass(frozen=True, slots=True)
class Summary:
    text: str
    meta: SummaryMeta
    warnings: tuple[str, ...] = ()


def leaves_room(model: Model, context: Context, prompt: str) -> bool:
    """Whether a summary prompt leaves a transcript at least half of the model's context, also where
    it is asked of each section of a long one, which takes the most.
    """
    so_far_tokens = so_far_room(model.context_tokens)
    asked = prompts.part_overhead(context, prompt, so_far_tokens=so_far_tokens)
    try:
        data_room(model.context_tokens, asked)
    except PromptTooLongError:
        return False
    return True


def summarize(session: Session, material: Material, prompt: str | None) -> Summary:
    """In one call where the transcript fits, else from notes on every section of it. Raises
    ModelError, ModelStopped, and PromptTooLongError where the context is too small even for the
    built-in prompt.
    """
    context, warnings = material.context, []
    if prompt and not leaves_room(session.model, context, prompt):
        prompt = None
        warnings.append(PROMPT_TOO_LONG)
    prompt = prompt or prompts.SUMMARY_PROMPT
    text = material.text
    asked = prompts.prompt_tokens(prompts.summary_messages(context, prompt, ""))
    if estimated_tokens(text) <= data_room(session.model.context_tokens, asked):
        try:
            summary, is_cut = _summary(session, prompts.summary_messages(context, prompt, text))
        except ModelError as error:
            if not error.context_exceeded:
                raise
        else:
            meta = SummaryMeta(session.model.name, 1, len(text), len(text), extractive=False)
            return Summary(summary, meta, tuple(warnings + [SUMMARY_CUT] * is_cut))
    timed = prompts.transcript_text(material.lines, is_timed=True)
    notes, covered = _notes(session, context, prompt, timed)
    summary, is_cut = _reduced(session, context, prompt, notes)
    meta = SummaryMeta(session.model.name, len(notes), len(timed), covered, extractive=False)
    return Summary(summary, meta, tuple(warnings + [SUMMARY_CUT] * is_cut))


def title(session: Session, material: Material, summary: str | None) -> str:
    """From the transcript where it fits, else from its summary or its beginning. Raises as
    `summarize` does, and ModelError for an answer that is no title.
    """
    asked = prompts.prompt_tokens(prompts.title_messages(material.context, ""))
    room = data_room(session.model.context_tokens, asked)
    text = material.text
    if estimated_tokens(text) > room:
        text = sections(summary or text, limit_tokens=room, overlap_tokens=0)[0].text
    messages = prompts.title_messages(material.context, text)
    # Another attempt is to ask again, and not to be told the same.
    anew = replace(session, memo=None)
    answer, _ = anew.ask(TITLE, messages, max_tokens=settings.TITLE_MAX_TOKENS, temperature=0.7)
    found = replies.title_of(answer)
    if not found:
        raise ModelError("The language model's answer is no title.", code="model_unreadable")
    return found


def events(
    session: Session, material: Material, *, reference: date, zone: ZoneInfo
) -> tuple[list[replies.EventDraft], int]:
    """The dates in the whole transcript, and how many answers made no sense. Raises as `summarize`
    does, and ModelError where none did: that is no word on there being no dates.
    """

    def messages(text: str) -> list[Message]:
        return prompts.events_messages(material.context, text, reference=reference, zone=str(zone))

    rows: list[Any] = []
    unreadable = 0
    for answer in _on_every_section(session, EVENTS, material, messages, schemas.EVENTS):
        data = replies.json_of(answer)
        found = data.get("events") if isinstance(data, dict) else data
        if isinstance(found, list):
            rows += found
        else:
            unreadable += 1
    drafts, skipped = replies.events_of({"events": rows}, zone=zone, reference=reference)
    if skipped + unreadable and not drafts:
        raise ModelError("The language model's events cannot be read.", code="model_unreadable")
    return drafts, skipped + unreadable


def speakers(session: Session, material: Material, labels: Sequence[str]) -> dict[str, str]:
    """label -> name, "" where nobody says it. Raises as `summarize` does, and ModelError where an
    answer made no sense; once a name was found none, and once all were it reads no further.
    """

    def messages(text: str) -> list[Message]:
        return prompts.identify_messages(material.context, text, labels)

    schema = schemas.speakers(labels)
    names = dict.fromkeys(labels, "")
    unreadable = 0
    try:
        for answer in _on_every_section(session, SPEAKERS, material, messages, schema):
            data = replies.json_of(answer)
            unreadable += data is None
            for label, name in replies.speaker_map_of(data, labels).items():
                names[label] = names[label] or name
            if all(names.values()):
                break
        if unreadable:
            sentence = "The language model's names cannot be read."
            raise ModelError(sentence, code="model_unreadable")
    except ModelError:
        if not any(names.values()):
            raise
    return names


def _summary(session: Session, messages: Sequence[Message]) -> Answer:
    return session.ask(SUMMARY, messages, max_tokens=settings.SUMMARY_MAX_TOKENS, temperature=0.5)


def _smaller(
    section: Section, ask: Callable[[], Answer]
) -> tuple[Answer | None, tuple[Section, ...]]:
    """The answer about a section; or its halves, where the model finds it too long or has too much
    to say about it: an answer that broke off says nothing of the section's end.
    """
    halves = halved(section) if len(section.text) > HALVED_MIN_LENGTH else None
    try:
        answer = ask()
    except ModelError as error:
        if not error.context_exceeded or halves is None:
            raise
        return None, halves
    return (None, halves) if answer.is_cut and halves else (answer, ())


def _notes(session: Session, context: Context, prompt: str, text: str) -> tuple[list[str], int]:
    """Notes on every section in order, and how many characters the sections claim."""
    so_far_tokens = so_far_room(session.model.context_tokens)
    overhead = prompts.part_overhead(context, prompt, so_far_tokens=so_far_tokens)
    waiting = deque(_cut(session.model, text, overhead))
    notes: list[str] = []
    covered = 0
    while waiting:
        section = waiting.popleft()
        part = prompts.Part(
            number=len(notes) + 1,
            count=len(notes) + 1 + len(waiting),
            text=section.text,
            before=section.overlap,
            so_far=tail("\n\n".join(notes), so_far_tokens),
        )
        messages = prompts.part_messages(context, prompt, part)
        answer, halves = _smaller(section, partial(_summary, session, messages))
        waiting.extendleft(reversed(halves))
        if answer:
            notes.append(answer.text)
            covered += section.end - section.start
            session.on_progress(NOTED_SHARE * covered / len(text))
    return notes, covered


def _reduced(session: Session, context: Context, prompt: str, notes: list[str]) -> Answer:
    """The summary made of notes: of all at once as soon as they fit. Where no two of them fit, they
    are the summary: long, but whole.
    """
    asked = prompts.prompt_tokens(prompts.reduce_messages(context, prompt, [], is_final=True))
    room = data_room(session.model.context_tokens, asked)
    while True:
        parts = groups([prompts.noted_tokens(text) for text in notes], limit_tokens=room)
        if len(parts) == 1:
            messages = prompts.reduce_messages(context, prompt, notes, is_final=True)
            return _summary(session, messages)
        if len(parts) == len(notes):
            return Answer("\n\n".join(notes), is_cut=False)
        notes = [_joined(session, context, prompt, notes[part.start : part.stop]) for part in parts]


def _joined(session: Session, context: Context, prompt: str, notes: list[str]) -> str:
    if len(notes) == 1:
        return notes[0]
    messages = prompts.reduce_messages(context, prompt, notes, is_final=False)
    text, is_cut = _summary(session, messages)
    return "\n\n".join(notes) if is_cut else text


def _on_every_section(
    session: Session,
    operation: str,
    material: Material,
    messages: Callable[[str], list[Message]],
    schema: dict[str, Any],
) -> Iterator[str]:
    """Answers about each section, with a little of what came before it."""

    def ask(section: Section) -> Answer:
        return session.ask(
            operation,
            messages(section.overlap + section.text),
            max_tokens=settings.EVENT_MAX_TOKENS,
            temperature=0.2,
            schema=schema,
        )

    overhead = prompts.prompt_tokens(messages(""))
    waiting = deque(_cut(session.model, material.text, overhead))
    while waiting:
        section = waiting.popleft()
        answer, halves = _smaller(section, partial(ask, section))
        waiting.extendleft(reversed(halves))
        if answer:
            yield answer.text


def _cut(model: Model, text: str, overhead: int) -> list[Section]:
    room = data_room(model.context_tokens, overhead)
    return sections(text, limit_tokens=room, overlap_tokens=overlap_room(room))
