"""The local engine end to end: host, child, real weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jiwer
import pytest

from recordings.connectors.base import ConnectorError, TranscriptionRequest, Word
from recordings.connectors.faster_whisper import FasterWhisperConnector, FasterWhisperOptions
from recordings.connectors.weights import PART_PACKAGES
from recordings.engine_host import EngineConfig, EngineDiarizer, EngineHost
from recordings.engine_whisper import _spoken, is_repetitive, without_loops
from tests.recordings.speech import JFK_TEXT, plain, tiny_en, write_jfk, write_wav

pytestmark = pytest.mark.engine


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def jfk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jfk(tmp_path_factory.mktemp("audio") / "jfk.wav")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineHost]:
    host = EngineHost(
        EngineConfig(models_dir=tmp_path_factory.mktemp("models"), model=str(tiny_en()))
    )
    yield host
    host.close()


@pytest.fixture
def connector(host: EngineHost) -> FasterWhisperConnector:
    return FasterWhisperConnector(FasterWhisperOptions(host=host))


def request(wav: Path, **changes: Any) -> TranscriptionRequest:
    return TranscriptionRequest(**{"wav": wav, "start": 0.0, "end": 11.0, **changes})


def text_of(connector: FasterWhisperConnector, asked: TranscriptionRequest) -> str:
    heard = connector.transcribe(asked, should_stop=never)
    return plain(" ".join(segment.text for segment in heard.segments))


def test_speech_becomes_its_words(connector: FasterWhisperConnector, jfk: Path) -> None:
    heard = connector.transcribe(request(jfk, language="en"), should_stop=never)

    words = [word for segment in heard.segments for word in segment.words]
    assert plain(" ".join(word.text for word in words)) == JFK_TEXT
    assert heard.language == "en"
    assert all(word.text == word.text.strip() for word in words)
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    assert all(0 <= word.start <= word.end <= 11 for word in words)


def test_times_count_from_the_start_of_the_recording(
    connector: FasterWhisperConnector, tmp_path: Path
) -> None:
    twice = write_jfk(tmp_path / "twice.wav", times=2)

    first = connector.transcribe(request(twice), should_stop=never)
    second = connector.transcribe(request(twice, start=11.0, end=22.0), should_stop=never)

    assert plain(second.segments[0].text) == JFK_TEXT
    for early, late in zip(first.segments[0].words, second.segments[0].words, strict=True):
        assert late.start == pytest.approx(early.start + 11, abs=0.05)


def test_a_language_that_an_english_model_lacks_is_no_crash(
    connector: FasterWhisperConnector, jfk: Path
) -> None:
    heard = connector.transcribe(request(jfk, language="de"), should_stop=never)

    assert heard.language == "en"


def test_hints_longer_than_the_model_can_take_are_cut(
    connector: FasterWhisperConnector, jfk: Path
) -> None:
    asked = request(jfk, hotwords="Kennedy " * 500, initial_prompt="A speech to a nation. " * 500)

    connector.transcribe(asked, should_stop=never)


def test_a_hotword_decides_a_spelling(connector: FasterWhisperConnector, jfk: Path) -> None:
    plain_text = text_of(connector, request(jfk, end=3.0))
    hinted = text_of(connector, request(jfk, end=3.0, hotwords="Amerikans"))

    assert "americans" in plain_text
    assert "amerika" in hinted


@pytest.mark.parametrize("name", ["whisper-1", "gpt-4o-transcribe-diarize", "", None])
def test_the_name_of_a_remote_model_means_the_default(
    connector: FasterWhisperConnector,
    jfk: Path,
    caplog: pytest.LogCaptureFixture,
    name: str | None,
) -> None:
    heard = connector.transcribe(request(jfk, end=3.0, model=name), should_stop=never)

    assert heard.model == connector.default_model() == "model"
    assert ("remote service" in caplog.text) == bool(name)


@pytest.mark.parametrize("name", ["/etc", "someone/huge-model", "base2"])
def test_a_user_may_not_name_just_any_model(
    connector: FasterWhisperConnector, jfk: Path, name: str
) -> None:
    with pytest.raises(ConnectorError, match="not one of this server's") as caught:
        connector.transcribe(request(jfk, model=name), should_stop=never)

    assert (caught.value.code, caught.value.permanent) == ("model_unavailable", True)


def test_a_model_that_cannot_be_had_is_a_sentence(
    host: EngineHost, jfk: Path, tmp_path: Path
) -> None:
    connector = FasterWhisperConnector(
        FasterWhisperOptions(host=host, models=(str(tmp_path / "empty"),))
    )
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConnectorError, match="could not be loaded") as caught:
        connector.transcribe(request(jfk, model=str(tmp_path / "empty")), should_stop=never)

    assert (caught.value.code, caught.value.permanent) == ("model_unavailable", True)
    assert str(tmp_path) not in str(caught.value)


def test_a_model_that_cannot_be_downloaded_is_a_sentence(jfk: Path, tmp_path: Path) -> None:
    host = EngineHost(
        EngineConfig(models_dir=tmp_path, model="small", environment={"HF_HUB_OFFLINE": "1"})
    )
    connector = FasterWhisperConnector(FasterWhisperOptions(host=host))

    with pytest.raises(ConnectorError, match='"small" could not be loaded') as caught:
        connector.transcribe(request(jfk), should_stop=never)
    connector.close()

    assert (caught.value.code, caught.value.permanent) == ("model_unavailable", True)


def test_windows_without_speech_are_empty(
    connector: FasterWhisperConnector, tmp_path: Path
) -> None:
    silence = write_wav(tmp_path / "silence.wav", bytes(2 * 16_000 * 3))

    for start, end in [(0.0, 3.0), (2.9, 3.0), (3.0, 3.0), (5.0, 9.0)]:
        heard = connector.transcribe(
            request(silence, start=start, end=end, language=None), should_stop=never
        )
        assert heard.segments == ()
        assert heard.language is None


def test_an_unreadable_wav_is_a_permanent_error(
    connector: FasterWhisperConnector, tmp_path: Path
) -> None:
    wav = tmp_path / "junk.wav"
    wav.write_bytes(b"not a wav")

    with pytest.raises(ConnectorError) as caught:
        connector.transcribe(request(wav), should_stop=never)

    assert (caught.value.code, caught.value.permanent) == ("audio_unreadable", True)


def test_the_same_child_finds_who_spoke(host: EngineHost, jfk: Path) -> None:
    progress: list[float] = []

    found = EngineDiarizer(host).diarize(
        jfk, min_speakers=None, max_speakers=None, should_stop=never, on_progress=progress.append
    )

    assert {turn.label for turn in found.turns} == {"SPEAKER_00"}
    assert len(found.embeddings["SPEAKER_00"]) == 256
    assert progress == sorted(progress)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FasterWhisperConnector]:
    for package in PART_PACKAGES:
        pytest.importorskip(package, reason=f"{package} carries a part of Whisper base")
    host = EngineHost(EngineConfig(models_dir=tmp_path_factory.mktemp("models")))
    yield FasterWhisperConnector(FasterWhisperOptions(host=host))
    host.close()


def test_the_default_model_detects_the_language_and_makes_no_mistake(
    base: FasterWhisperConnector, jfk: Path
) -> None:
    heard = base.transcribe(request(jfk), should_stop=never)

    said = plain(" ".join(segment.text for segment in heard.segments))
    assert (heard.language, heard.model) == ("en", "base")
    assert jiwer.wer(JFK_TEXT, said) == 0


@pytest.mark.parametrize("language", ["en-GB", "EN", "tlh"])
def test_a_code_the_model_does_not_know_as_it_stands_is_understood_or_detected(
    base: FasterWhisperConnector, jfk: Path, language: str
) -> None:
    heard = base.transcribe(request(jfk, end=5.0, language=language), should_stop=never)

    assert heard.language == "en"


def test_a_large_model_without_a_gpu_is_a_warning(
    tmp_path: Path, jfk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "whisper-medium").symlink_to(tiny_en())
    host = EngineHost(
        EngineConfig(models_dir=tmp_path, model=str(tmp_path / "whisper-medium"), device="cpu")
    )
    connector = FasterWhisperConnector(FasterWhisperOptions(host=host))

    heard = connector.transcribe(request(jfk, end=3.0), should_stop=never)
    connector.close()

    assert heard.segments
    assert "slower than real time" in caplog.text


def decoded(**changes: Any) -> SimpleNamespace:
    values = {
        "start": 1.0,
        "end": 2.0,
        "text": " Thank you.",
        "no_speech_prob": 0.1,
        "avg_logprob": -0.2,
        "compression_ratio": 1.0,
        "words": [SimpleNamespace(start=1.0, end=2.0, word=" Thank you.")],
    }
    return SimpleNamespace(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"no_speech_prob": 0.9}, True),
        ({"avg_logprob": -1.5}, True),
        ({"no_speech_prob": 0.9, "avg_logprob": -1.5}, False),
        ({"text": "  ", "words": []}, False),
    ],
)
def test_what_the_model_doubts_twice_is_dropped(changes: dict[str, Any], kept: bool) -> None:
    assert (_spoken(decoded(**changes), 0, 10) is not None) == kept


def words(text: str) -> list[Word]:
    return [Word(float(place), place + 1.0, word) for place, word in enumerate(text.split())]


def test_a_loop_is_cut_and_the_speech_before_it_stays() -> None:
    speech = "we will meet again on Tuesday"
    looped = words(f"{speech} " + "and that is it. " * 40)

    kept = without_loops(looped)

    assert [word.text for word in kept] == f"{speech} and that is it.".split()
    assert is_repetitive(" ".join(word.text for word in looped))


def test_a_looped_segment_keeps_what_was_said_once() -> None:
    text = "we will meet again on Tuesday " + "thank you " * 60
    heard = _spoken(
        decoded(
            text=text,
            compression_ratio=8.0,
            words=[SimpleNamespace(start=1, end=2, word=f" {word}") for word in text.split()],
        ),
        0,
        100,
    )

    assert heard is not None
    assert heard.text == "we will meet again on Tuesday thank you"


def test_segments_stay_inside_their_window() -> None:
    heard = _spoken(decoded(end=30.0), 600.0, 610.0)

    assert heard is not None
    assert (heard.start, heard.end) == (601.0, 610.0)


def test_the_description_needs_no_child(host: EngineHost) -> None:
    idle = EngineHost(host.config)
    connector = FasterWhisperConnector(FasterWhisperOptions(host=idle, window_seconds=300.0))

    assert connector.is_local
    assert connector.limits.window_seconds == 300
    assert connector.capabilities.hotwords
    assert idle.pid is None
