"""What is made of the decoder's output, without a model: loops, doubts, second looks; and how the
stretches are shared out among workers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recordings.audio.speech import Stretch
from recordings.connectors.base import Word
from recordings.engine_protocol import EngineConfig
from recordings.engine_whisper import (
    Crew,
    Heard,
    Whisper,
    _crew,
    _doubtful,
    _heard,
    _spoken,
    _the_better,
    is_repetitive,
    without_loops,
)


def decoded(**changes: Any) -> SimpleNamespace:
    values = {
        "no_speech_prob": 0.1,
        "avg_logprob": -0.2,
        "words": [SimpleNamespace(start=1.0, end=2.0, word=" Thank you.")],
    }
    return SimpleNamespace(**{**values, **changes})


WHOLE = Stretch(0.0, 28.0)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"no_speech_prob": 0.9}, True),
        ({"avg_logprob": -1.5}, True),
        ({"no_speech_prob": 0.9, "avg_logprob": -1.5}, False),
        ({"words": []}, False),
        ({"words": None}, False),
    ],
)
def test_what_the_model_doubts_twice_is_dropped(changes: dict[str, Any], kept: bool) -> None:
    assert bool(_heard(WHOLE, [decoded(**changes)]).phrases) == kept


def words(text: str, start: float = 0.0, step: float = 1.0) -> tuple[Word, ...]:
    return tuple(
        Word(start + place * step, start + (place + 1) * step, f" {word}")
        for place, word in enumerate(text.split())
    )


def said(phrases: Iterable[tuple[Word, ...]]) -> str:
    return "".join(word.text for phrase in phrases for word in phrase).strip()


def heard_in(start: float, end: float, *phrases: tuple[Word, ...], loops: bool = False) -> Heard:
    return Heard(Stretch(start, end), phrases, is_looping=loops)


def test_a_loop_is_cut_and_the_speech_before_it_stays() -> None:
    speech = "we will meet again on Tuesday"
    looped = words(f"{speech} " + "and that is it. " * 40)

    kept = without_loops(looped)

    assert said([tuple(kept)]) == f"{speech} and that is it."
    assert is_repetitive(said([looped]))


def test_a_loop_over_several_segments_is_seen_and_what_was_said_once_stays() -> None:
    beginning, again = "we will meet again on Tuesday", "thank you"
    segments = [
        decoded(words=[SimpleNamespace(start=1, end=2, word=f" {word}") for word in text.split()])
        for text in (beginning, *[again] * 60)
    ]

    heard = _heard(WHOLE, segments)

    assert heard.is_looping
    assert said(heard.phrases) == f"{beginning} {again}"


def test_speech_without_words_is_asked_about_again_from_pause_to_pause() -> None:
    speech = [Stretch(0, 4), Stretch(4.5, 9), Stretch(20, 22), Stretch(40, 41)]
    heard = [heard_in(0, 22, words("one two three four five six"), words("seven eight", 20))]

    assert _doubtful(speech, heard) == [Stretch(4.5, 9), Stretch(40, 41)]


def test_a_word_stretched_over_speech_does_not_stand_for_it() -> None:
    heard = [heard_in(0, 8, words("one two"), (Word(2.0, 8.0, " three"),))]

    assert _doubtful([Stretch(0, 8)], heard) == [Stretch(0, 8)]


def test_a_loop_is_asked_about_again_in_shorter_stretches() -> None:
    speech = [Stretch(0, 9), Stretch(9.2, 18), Stretch(18.2, 27)]
    heard = [heard_in(0, 27, words("a " * 27), loops=True)]

    assert _doubtful(speech, heard) == speech


def test_the_second_look_replaces_the_words_of_its_stretch_and_no_others() -> None:
    first = heard_in(0, 9, words("one two three four five"))
    again = heard_in(4, 9, words("fife six seven eight nine", 4.0))

    phrases = _the_better(first.phrases, again, [first], [Stretch(0, 4), Stretch(4, 9)])

    assert said(phrases) == "one two three four fife six seven eight nine"


@pytest.mark.parametrize(
    ("again", "first_loops", "kept"),
    [
        (heard_in(0, 4, words("a")), False, "one two"),
        (heard_in(0, 4, words("a b c d"), loops=True), True, "one two"),
        (heard_in(0, 4, words("a")), True, "a"),
        (heard_in(0, 4, words("a b c d")), False, "a b c d"),
        (heard_in(0, 4), False, "one two"),
    ],
)
def test_the_better_look_counts(again: Heard, first_loops: bool, kept: str) -> None:
    first = heard_in(0, 4, words("one two"), loops=first_loops)

    assert said(_the_better(first.phrases, again, [first], [Stretch(0, 4)])) == kept


def test_segments_stay_inside_their_window_and_words_in_order() -> None:
    phrases = [(Word(1.0, 3.0, " one"),), (Word(0.5, 30.0, " two"), Word(30.0, 31.0, " three"))]

    segments = list(_spoken(phrases, 600.0, 610.0))

    assert [(segment.start, segment.end) for segment in segments] == [(601, 603), (601, 610)]
    assert [word.start for word in segments[1].words] == [601, 610]
    assert segments[1].text == "two three"


@pytest.mark.parametrize(
    ("threads", "batch_size", "is_on_gpu", "crew"),
    [
        (2, 0, False, Crew(workers=2, threads=1, batch_size=1)),
        (2, 4, False, Crew(workers=2, threads=1, batch_size=2)),
        (2, 1, False, Crew(workers=1, threads=2, batch_size=1)),
        (1, 0, False, Crew(workers=1, threads=1, batch_size=1)),
        (16, 0, False, Crew(workers=4, threads=4, batch_size=1)),
        (3, 4, False, Crew(workers=3, threads=1, batch_size=2)),
        (2, 0, True, Crew(workers=1, threads=2, batch_size=16)),
        (2, 8, True, Crew(workers=1, threads=2, batch_size=8)),
    ],
)
def test_on_a_cpu_the_threads_are_shared_out_and_a_gpu_gets_large_batches(
    threads: int, batch_size: int, is_on_gpu: bool, crew: Crew
) -> None:
    config = EngineConfig(models_dir=Path(), threads=threads, batch_size=batch_size)

    assert _crew(config, is_on_gpu=is_on_gpu) == crew


def listener(threads: int, decoded: Any, monkeypatch: pytest.MonkeyPatch) -> Whisper:
    """A Whisper whose workers do `decoded(batch)`."""
    whisper = Whisper(EngineConfig(models_dir=Path()))
    monkeypatch.setattr(whisper, "_crew", Crew(threads, 1, 2))
    monkeypatch.setattr(whisper, "_decoded", lambda samples, batch, options: decoded(batch))
    return whisper


def test_workers_decode_at_the_same_time_and_the_order_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = threading.Barrier(2)
    second_is_done = threading.Event()
    stretches = [Stretch(start, start + 1) for start in range(4)]

    def decoded(batch: list[Stretch]) -> list[Heard]:
        both.wait(timeout=60)
        if batch[0] == stretches[0]:
            assert second_is_done.wait(timeout=60)
        else:
            second_is_done.set()
        return [Heard(stretch, (), is_looping=False) for stretch in batch]

    heard = listener(2, decoded, monkeypatch)._listen(np.zeros(0, np.float32), stretches)

    assert [item.stretch for item in heard] == stretches


def test_what_goes_wrong_in_a_worker_goes_wrong_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(batch: list[Stretch]) -> list[Heard]:
        raise RuntimeError("bad_alloc")

    stretches = [Stretch(start, start + 1) for start in range(4)]
    whisper = listener(2, decoded, monkeypatch)

    with pytest.raises(RuntimeError, match="bad_alloc"):
        list(whisper._listen(np.zeros(0, np.float32), stretches))
