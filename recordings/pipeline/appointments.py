"""Which of the events found in a recording were found in it before: their rows stay, so that a
calendar that took them over is told of a change and not of another event. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Appointment(Protocol):
    """`start`: aware."""

    @property
    def title(self) -> str: ...

    @property
    def start(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Known:
    title: str
    start: datetime


def same_as_before(before: Sequence[Known], found: Sequence[Appointment]) -> dict[int, int]:
    """Index in `found` -> index in `before` of those that are the same appointment; each once.

    Title and start are as before; or of what is left, the title is and the time has changed; or the
    start is and the title is worded otherwise. The last two only where nothing else is left that it
    could be.
    """
    same: dict[int, int] = {}
    for key, is_sure in ((_both, True), (_title, False), (_start, False)):
        left_before = _grouped(before, key, taken=set(same.values()))
        left_found = _grouped(found, key, taken=set(same))
        for value, indexes in left_found.items():
            others = left_before.get(value, [])
            if is_sure or len(indexes) == len(others) == 1:
                same.update(zip(indexes, others, strict=False))
    return same


def _both(event: Appointment) -> Hashable:
    return _title(event), event.start


def _title(event: Appointment) -> Hashable:
    return " ".join(event.title.casefold().split())


def _start(event: Appointment) -> Hashable:
    return event.start


def _grouped(
    events: Sequence[Appointment], key: Callable[[Appointment], Hashable], *, taken: set[int]
) -> dict[Hashable, list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, event in enumerate(events):
        if index not in taken:
            groups[key(event)].append(index)
    return groups
