"""Who is who in a recording: names for the voices of its transcript, and what a speaker's own name
means to recordings.

`participants` is free text, with a comma between entries. It holds as many characters as its column
(contract, 17.2); no name in it is ever cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.db import IntegrityError, transaction
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Concat, Length, Replace

from accounts.models import User
from recordings import events
from recordings.models import Recording, RecordingSpeaker, Transcript
from recordings.models.transcript import NAMELESS
from speakers.models import Speaker
from speakers.services import count_uses, ensure_speakers, hold_names
from speakr_site.core.errors import NotFound

PARTICIPANTS_MAX_LENGTH = Recording._meta.get_field("participants").max_length
SEPARATOR = ", "
# What a voice without a name is shown as. Given as a name it is shown too, but it is nobody's.
NOBODY = re.compile(rf"SPEAKER_\d+|{NAMELESS}")


def assign_speakers(*, recording: Recording, by: User, names: Mapping[str, str]) -> Recording:
    """Gives voices of the current transcript a name; the recording as it is then.

    `names`: a voice's label, or the name that it is shown with, -> its new name, not blank. Keys
    that are no voice change nothing; a voice that is given its own `SPEAKER_nn` has no name again.
    People become speakers of the recording's owner, and each counts one use for a recording,
    however often it is assigned there. The participants are then the people named in the
    transcript: sorted, and as many as there is room for. Raises NotFound for a recording that is
    gone.
    """
    try:
        with transaction.atomic():
            hold_names(owner_id=recording.owner_id)
            return _assign(_current(recording), names)
    except IntegrityError:
        # Deleted meanwhile: the names found no transcript to belong to.
        raise NotFound("Recording not found") from None


def follow_rename(*, speaker: Speaker, old_name: str) -> None:
    """The owner's recordings say the new name where they said exactly the old one.

    Voices that are this speaker's do so by themselves; those that merely have the name, and the
    lists of participants, are changed here: three updates, however many recordings there are.
    """
    voices = RecordingSpeaker.objects.filter(transcript__recording__owner=speaker.owner_id)
    named = Q(name=old_name) | Q(label=old_name, name=None) | Q(label=old_name, name="")
    voices.filter(named, speaker=None).update(name=speaker.name)
    lists = Recording.objects.filter(owner=speaker.owner_id)
    _rename_participant(lists, old=old_name, new=speaker.name)


def keep_name(speaker: Speaker) -> None:
    """The voices that were this speaker's keep the name, now as their own. One update."""
    RecordingSpeaker.objects.filter(speaker=speaker).update(speaker=None, name=speaker.name)


def _rename_participant(lists: QuerySet, *, old: str, new: str) -> None:
    """Once, where `new` was an entry already. A list that has no room for the longer name stays as
    it is: leaving others out of it would lose them.
    """
    lists = lists.filter(participants__contains=old).annotate(entries=ENTRIES)
    without_old = _exchanged(old, None)
    both = lists.annotate(without_old=without_old, without_new=_exchanged(new, None))
    both = both.exclude(without_old=F("entries")).exclude(without_new=F("entries"))
    both.update(participants=_joined(without_old))
    renamed = _exchanged(old, new)
    lists = lists.annotate(renamed=renamed, length=Length(_joined(renamed)))
    lists = lists.exclude(renamed=F("entries")).filter(length__lte=PARTICIPANTS_MAX_LENGTH)
    lists.update(participants=_joined(renamed))


def _current(recording: Recording) -> Recording:
    """As it is now, with its transcript."""
    rows = Recording.objects.select_related("current_transcript")
    current = rows.defer("current_transcript__words").filter(pk=recording.pk).first()
    if current is None:
        raise NotFound("Recording not found")
    return current


def _assign(recording: Recording, names: Mapping[str, str]) -> Recording:
    transcript = recording.current_transcript
    if transcript is None:
        return recording
    voices, shown = transcript.voices(), transcript.names()
    wanted = {
        label: name
        for label in voices
        if (name := names.get(label or NAMELESS) or names.get(shown.get(label)))
    }
    if not wanted:
        return recording
    people = {name for name in wanted.values() if not NOBODY.fullmatch(name)}
    speakers = ensure_speakers(owner_id=recording.owner_id, names=people)
    _count_new_uses(recording, speakers.values())
    rows = [
        RecordingSpeaker(
            transcript=transcript,
            label=label or "",
            speaker=speakers.get(name),
            name=None if name in speakers or name == (label or NAMELESS) else name,
            talk_seconds=voices[label].seconds,
        )
        for label, name in wanted.items()
    ]
    RecordingSpeaker.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["transcript", "label"],
        update_fields=["speaker", "name"],
    )
    called = {**shown, **wanted}
    recording.participants = _participants(called.get(label) or label for label in voices)
    Recording.objects.filter(pk=recording.pk).update(participants=recording.participants)
    events.updated(recording, ["participants", "speakers"])
    return recording


def _count_new_uses(recording: Recording, speakers: Iterable[Speaker]) -> None:
    """Of those that no revision of this recording has named before."""
    ids = {speaker.pk for speaker in speakers}
    before = RecordingSpeaker.objects.filter(
        transcript__in=Transcript.objects.filter(recording=recording), speaker__in=ids
    )
    count_uses(ids - set(before.values_list("speaker", flat=True)))


def _participants(names: Iterable[str | None]) -> str | None:
    """The people among these names, each once, sorted; without the last ones that do not fit."""
    people = sorted({name for name in names if name and not NOBODY.fullmatch(name)})
    while len(SEPARATOR.join(people)) > PARTICIPANTS_MAX_LENGTH:
        people.pop()
    return SEPARATOR.join(people) or None


# SQL that both databases know, because the lists are changed where they are. Every entry gets
# commas of its own (`Ann, Anna` -> `,Ann,, Anna,`): then `,Ann,` finds a whole entry and nothing
# else, and neighbours do not share a comma that could be replaced only once.
def _entry(text: str) -> str:
    return f",{text.replace(',', ',,')},"


ENTRIES = Concat(Value(","), Replace("participants", Value(","), Value(",,")), Value(","))


def _exchanged(old: str, new: str | None) -> Func:
    """ENTRIES with the new name in the place of the old one, or with none; spaces stay."""
    entries: Func = ENTRIES
    for before in ("", " "):
        for after in ("", " "):
            instead = "" if new is None else _entry(before + new + after)
            entries = Replace(entries, Value(_entry(before + old + after)), Value(instead))
    return entries


def _joined(entries: Func) -> Func:
    """The list of these entries, without commas and spaces around it."""
    inner = Func(entries, Value(", "), function="TRIM")
    return Replace(inner, Value(",,"), Value(","))
