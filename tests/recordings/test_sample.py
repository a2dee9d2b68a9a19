"""The recording that `make demo` shows, through the real engines: every word and every voice.

Word error rate after: lower case, no punctuation, and the numbers of the text spelled out, because
Whisper writes "8th" and "10" where the script says "eighth" and "ten".
"""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path

import jiwer
import pytest

from recordings.audio.media import to_wav
from recordings.connectors.base import Transcript, TranscriptionRequest
from recordings.connectors.faster_whisper import FasterWhisperConnector, FasterWhisperOptions
from recordings.engine_host import EngineConfig, EngineDiarizer, EngineHost
from recordings.pipeline.align import labelled_segments
from recordings.pipeline.stitch import stitch
from speakers.diarization.base import Diarization
from tests.recordings.speech import plain

pytestmark = pytest.mark.engine

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SPELLED_OUT = {"8th": "eighth", "10": "ten", "3": "three", "12": "twelve"}


@dataclass(frozen=True)
class Heard:
    seconds: float
    transcript: Transcript
    diarization: Diarization


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    folder = tmp_path_factory.mktemp("sample")
    wav = folder / "meeting.wav"
    seconds = to_wav(SAMPLES / "meeting.flac", wav, deadline_seconds=60).duration_seconds
    host = EngineHost(EngineConfig(models_dir=folder / "models"))
    try:
        connector = FasterWhisperConnector(FasterWhisperOptions(host=host))
        request = TranscriptionRequest(wav=wav, start=0.0, end=seconds)
        transcript = connector.transcribe(request, should_stop=never)
        diarization = EngineDiarizer(host).diarize(
            wav, min_speakers=None, max_speakers=None, should_stop=never
        )
    finally:
        host.close()
    return Heard(seconds, transcript, diarization)


def never() -> bool:
    return False


def script() -> list[tuple[str, str]]:
    """(voice, normalised words) of each turn."""
    lines = (SAMPLES / "meeting.txt").read_text(encoding="utf-8").splitlines()
    return [(voice, normalised(said)) for voice, said in (line.split(": ", 1) for line in lines)]


def normalised(text: str) -> str:
    return " ".join(SPELLED_OUT.get(word, word) for word in plain(text).split())


def turns_heard(heard: Heard) -> list[tuple[str | None, str]]:
    """(label, normalised words) of each stretch of segments with one label."""
    found: list[tuple[str | None, str]] = []
    for segment in labelled_segments(stitch([heard.transcript.segments]), heard.diarization.turns):
        text = normalised(segment.text)
        if found and found[-1][0] == segment.speaker:
            text = f"{found.pop()[1]} {text}"
        found.append((segment.speaker, text))
    return found


def test_at_most_one_word_in_ten_is_wrong(heard: Heard) -> None:
    said = " ".join(words for _, words in script())
    written = " ".join(words for _, words in turns_heard(heard))
    rate = jiwer.wer(said, written)
    assert rate <= 0.10, f"{rate:.1%} of the words are wrong: {written}"
    assert heard.transcript.language == "en"


def test_every_turn_has_the_right_voice(heard: Heard) -> None:
    voices = {"slt": "SPEAKER_00", "rms": "SPEAKER_01"}
    expected, found = script(), turns_heard(heard)
    assert [label for label, _ in found] == [voices[voice] for voice, _ in expected]
    for (_, said), (_, written) in zip(expected, found, strict=True):
        assert jiwer.wer(said, written) <= 0.25, f"{written} is not what was said: {said}"


def test_the_segments_are_sentences(heard: Heard) -> None:
    segments = labelled_segments(stitch([heard.transcript.segments]), heard.diarization.turns)
    assert len(segments) >= len(script())
    assert all(segment.text[-1] in ".?!" for segment in segments)
    assert max(segment.end - segment.start for segment in segments) < 6


def test_it_is_half_a_minute_to_a_minute_of_two_voices(heard: Heard) -> None:
    assert 30 <= heard.seconds <= 60
    assert len(heard.diarization.embeddings) == 2
    assert (SAMPLES / "meeting.flac").stat().st_size < 1_000_000


def test_the_text_beside_it_is_what_its_maker_says() -> None:
    turns = runpy.run_path(str(SAMPLES / "make_meeting.py"))["TURNS"]
    lines = (SAMPLES / "meeting.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [f"{voice}: {text}" for voice, text, _ in turns]
