"""The local engine end to end: host, child, real weights."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest

from benchmarks import conversations
from benchmarks.conversations import Conversation
from recordings.audio.wav import wav_duration
from recordings.connectors.base import ConnectorError, Transcript, TranscriptionRequest, Word
from recordings.connectors.faster_whisper import FasterWhisperConnector, FasterWhisperOptions
from recordings.connectors.weights import PART_PACKAGES
from recordings.engine_host import EngineConfig, EngineDiarizer, EngineHost
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


def words_of(heard: Transcript) -> list[Word]:
    return [word for segment in heard.segments for word in segment.words]


def text_of(connector: FasterWhisperConnector, asked: TranscriptionRequest) -> str:
    heard = connector.transcribe(asked, should_stop=never)
    return plain(" ".join(segment.text for segment in heard.segments))


def test_speech_becomes_its_words(connector: FasterWhisperConnector, jfk: Path) -> None:
    heard = connector.transcribe(request(jfk, language="en"), should_stop=never)

    words = words_of(heard)
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

    early_words, late_words = words_of(first), words_of(second)
    assert plain(" ".join(word.text for word in late_words)) == JFK_TEXT
    for early, late in zip(early_words, late_words, strict=True):
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

    assert connector.transcribe(asked, should_stop=never).segments


def test_a_hotword_decides_a_spelling(connector: FasterWhisperConnector, jfk: Path) -> None:
    plain_text = text_of(connector, request(jfk, end=3.0))
    hinted = text_of(connector, request(jfk, end=3.0, hotwords="Kennedy, Amerikans."))

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


def test_a_setting_that_this_machine_cannot_run_is_not_blamed_on_the_model(
    jfk: Path, tmp_path: Path
) -> None:
    host = EngineHost(
        EngineConfig(models_dir=tmp_path, model=str(tiny_en()), compute_type="int3", device="cpu")
    )
    connector = FasterWhisperConnector(FasterWhisperOptions(host=host))

    with pytest.raises(ConnectorError, match="does not run here on cpu as int3") as caught:
        connector.transcribe(request(jfk), should_stop=never)
    connector.close()

    assert (caught.value.code, caught.value.permanent) == ("engine_misconfigured", True)


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


def words_in(connector: FasterWhisperConnector, wav: Path) -> list[Word]:
    asked = request(wav, end=wav_duration(wav), language="en")
    return words_of(connector.transcribe(asked, should_stop=never))


def spoken_in_turns(target: Path, *, readers: int, turns: int, seed: int) -> Conversation:
    if not conversations.readers():
        pytest.skip("the shared recordings are not beside this checkout")
    made = conversations.build(readers, seed=seed, turns=turns)
    made.write(target)
    return made


def test_no_turn_is_lost_where_readers_alternate(
    base: FasterWhisperConnector, tmp_path: Path
) -> None:
    """Whisper one window after the other hears 82 words here, faster-whisper's batches 31."""
    wav = tmp_path / "conversation.wav"
    made = spoken_in_turns(wav, readers=3, turns=7, seed=48)

    heard = words_in(base, wav)

    assert 78 <= len(heard) <= 90
    times = [word.start for word in heard]
    assert times == sorted(times)
    for turn in made.truth:
        assert any(turn.start <= moment < turn.end for moment in times)


def test_a_loop_neither_stays_nor_takes_what_was_said_with_it(
    base: FasterWhisperConnector, tmp_path: Path
) -> None:
    """Sequential Whisper hears 160 words; the batches loop, and without the loop 62 are left."""
    wav = tmp_path / "conversation.wav"
    spoken_in_turns(wav, readers=4, turns=20, seed=305)

    heard = [plain(word.text) for word in words_in(base, wav)]

    assert 150 <= len(heard) <= 172
    fives = Counter(zip(*(heard[place:] for place in range(5)), strict=False))
    assert fives.most_common(1)[0][1] <= 2, fives.most_common(3)


def test_silence_and_noise_are_no_words(base: FasterWhisperConnector, tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    seconds = 12
    hum = 0.05 * np.sin(2 * np.pi * 100 * np.arange(seconds * 16_000) / 16_000)
    for name, sound in (
        ("silence", np.zeros(seconds * 16_000)),
        ("noise", 0.05 * chance.standard_normal(seconds * 16_000)),
        ("bursts", 0.2 * chance.standard_normal(seconds * 16_000) * (hum > 0.03)),
        ("hum", hum),
    ):
        pcm = np.clip(sound * 32_767, -32_768, 32_767).astype("<i2").tobytes()
        wav = write_wav(tmp_path / f"{name}.wav", pcm)
        assert words_in(base, wav) == [], name


def test_the_description_needs_no_child(host: EngineHost) -> None:
    idle = EngineHost(host.config)
    connector = FasterWhisperConnector(FasterWhisperOptions(host=idle, window_seconds=300.0))

    assert connector.is_local
    assert connector.limits.window_seconds == 300
    assert connector.capabilities.hotwords
    assert idle.pid is None


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
