"""Memory and words of a long recording: a known text said for two hours, through a whole server.

`python -m benchmarks.long_audio` starts real processes, uploads the file and watches until it is
COMPLETED. Ends with 1 where a bar is missed.

Memory is the resident high-water mark that the kernel keeps of each process by itself, so there is
no moment that a sample could miss, and pages that processes share are counted for each of them.

The text is the sample meeting's, repeated with a soft noise that never repeats, so that pauses are
as different as in a room. Where windows meet is read from the database. The transcript, as a client
gets it, is compared with the text repetition by repetition (`benchmarks/seams.py`). Whisper makes
mistakes of its own; they come back wherever the same words are said. So a word lost, doubled or
changed within ten seconds of a seam is the seam's, unless one in fifty of the repetitions without a
seam there, and two at least, show the same; there may be none. That tells something only while the
rest is heard well, hence the bar on mistakes away from seams. The shorter the trial, the more of
Whisper's mistakes have no second witness and are held against a seam.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests

from benchmarks.conversations import SAMPLE_RATE, decoded
from benchmarks.memory import PeakMemory, high_water
from benchmarks.seams import EXTRA, LOST, NEAR_SECONDS, OTHER, Comparison, Finding, compare
from benchmarks.transcription import normalised
from benchmarks.upload import API, authorization, sent
from tests.instance import START_SECONDS, Instance, until

MEGABYTE = 1_000_000
BARS_MB = {"engine child": 1200, "worker": 200, "web": 200}
MISTAKES_AWAY_BAR = 0.05

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PAUSE_SECONDS = 1.3
NOISE = 0.001
SAMPLE_EVERY_SECONDS = 0.5
LOOK_EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """`samples`: float32 in -1..1 at 16 kHz, a pause at the end. `words`: what is said."""

    samples: np.ndarray
    words: tuple[str, ...]

    @property
    def seconds(self) -> float:
        return self.samples.size / SAMPLE_RATE


def meeting() -> Passage:
    lines = (SAMPLES / "meeting.txt").read_text(encoding="utf-8").splitlines()
    text = " ".join(line.split(": ", 1)[1] for line in lines)
    pause = np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), dtype=np.float32)
    samples = np.concatenate([decoded(SAMPLES / "meeting.flac"), pause])
    return Passage(samples, tuple(normalised(text).split()))


def write(path: Path, passage: Passage, repetitions: int) -> Path:
    """16 kHz mono 16-bit WAV; one repetition in memory at a time."""
    noise = np.random.default_rng(1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        for _ in range(repetitions):
            noisy = passage.samples + NOISE * noise.standard_normal(passage.samples.size)
            pcm = np.clip(noisy * 32_768.0, -32_768, 32_767).astype("<i2")
            file.writeframesraw(pcm.tobytes())
    return path


def high_waters(instance: Instance) -> dict[str, int]:
    """By kind, of the process that held most. The worker's lane counts with all its processes."""
    most: dict[str, int] = {}
    for process in psutil.Process(instance.process.pid).children(recursive=True):
        kind = _kind(process)
        most[kind] = max(most.get(kind, 0), high_water(process.pid))
    return most


def _kind(process: psutil.Process) -> str:
    try:
        command, lane = process.cmdline(), process.environ().get("Q_CLUSTER_NAME")
    except psutil.Error:  # it has just ended
        return "others"
    parts = {
        "recordings.engine_child": "engine child",
        "recordings.audio.media_child": "media child",
        "gunicorn": "web",
    }
    for part, kind in parts.items():
        if any(part in argument for argument in command):
            return kind
    return "worker" if lane == "gpu" else "others"


@dataclass(frozen=True, slots=True)
class Run:
    """`peaks`: kind of process -> bytes. `windows`: (start, end) in seconds."""

    seconds: float
    peaks: dict[str, int]
    windows: list[tuple[float, float]]
    segments: list[dict[str, Any]]


def run(instance: Instance, path: Path) -> Run:
    """Everything from the upload to the transcript in the client's hand."""
    windows: set[tuple[float, float]] = set()

    def is_over() -> bool:
        # Their rows go when the recording is done, and telling voices apart comes before that.
        windows.update(instance.rows('SELECT start, "end" FROM recordings_windowresult'))
        states = instance.states()
        if "FAILED" in states:
            raise RuntimeError(instance.rows("SELECT error_message FROM recordings_recording"))
        time.sleep(LOOK_EVERY_SECONDS)
        return "COMPLETED" in states

    def measure() -> dict[str, int]:
        return high_waters(instance)

    with PeakMemory(measure, seconds=SAMPLE_EVERY_SECONDS) as memory:
        started = time.monotonic()
        recording = sent(instance, path)["id"]
        until(is_over, 24 * 3600, "the recording is COMPLETED")
        seconds = time.monotonic() - started
        segments = fetched(instance, recording)
    return Run(seconds, memory.peaks, sorted(windows), segments)


def fetched(instance: Instance, recording: int) -> list[dict[str, Any]]:
    """The segments; prints how long a client waits for each answer, and how much it gets."""
    forms = [f"/transcript?format={form}" for form in ("text", "srt", "vtt", "json")]
    for what in ("", "/status", *forms):
        started = time.monotonic()
        answer = requests.get(
            f"{instance.url}{API}/{recording}{what}", headers=authorization(instance), timeout=60
        )
        answer.raise_for_status()
        seconds = time.monotonic() - started
        print(f"GET recordings/ID{what}: {len(answer.content) / 1000:.0f} kB in {seconds:.2f} s")
    return answer.json()["segments"]


def timed_words(segments: Sequence[dict[str, Any]]) -> list[tuple[float, str]]:
    """(seconds, word), the words of a segment spread evenly over it."""
    found = []
    for segment in segments:
        words = normalised(segment["sentence"]).split()
        start, length = segment["start_time"], segment["end_time"] - segment["start_time"]
        found += [
            (start + length * (place + 0.5) / len(words), word) for place, word in enumerate(words)
        ]
    return found


def is_within_memory(peaks: dict[str, int]) -> bool:
    """Prints every kind of process; False where a bar is missed, or one of them was never seen."""
    for kind, peak in sorted(peaks.items()):
        bar = f"; the bar is {BARS_MB[kind]} MB" if kind in BARS_MB else ""
        print(f"{kind}: at most {peak / MEGABYTE:.0f} MB in one process{bar}")
    return all(0 < peaks.get(kind, 0) < bar * MEGABYTE for kind, bar in BARS_MB.items())


def is_whole(found: Comparison, seams: Sequence[float], text: Sequence[str]) -> bool:
    """Prints the mistakes; whether the seams made none and the rest is good enough to tell."""
    print(f"{len(seams)} seams, words within {NEAR_SECONDS:.0f} s of one:", end=" ")
    print(_summary(found.near, found.near_words))
    print(f"the same words away from seams would make {found.near_expected:.1f} mistakes")
    print("all words away from seams:", _summary(found.away, found.away_words))
    for item in found.unusual:
        word = text[item.mistake.place]
        print(f'  at {item.seconds:.0f} s, "{word}": {item.mistake.kind} "{item.mistake.heard}"')
    print(f"words that a seam lost, doubled or changed: {len(found.unusual)}; the bar is 0")
    share = len(found.away) / max(1, found.away_words)
    return not found.unusual and bool(seams) and share <= MISTAKES_AWAY_BAR


def _summary(findings: Sequence[Finding], words: int) -> str:
    counts = Counter(found.mistake.kind for found in findings)
    return (
        f"{counts[LOST]} lost, {counts[EXTRA]} too many, {counts[OTHER]} different of {words}"
        f" ({len(findings) / max(1, words):.2%})"
    )


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument(
        "--window", type=int, help="TRANSCRIPTION_WINDOW_SECONDS; shorter ones make more seams"
    )
    options = parser.parse_args()
    passage = meeting()
    repetitions = round(options.minutes * 60 / passage.seconds)
    setting = {"TRANSCRIPTION_WINDOW_SECONDS": str(options.window)} if options.window else {}
    with tempfile.TemporaryDirectory(prefix="speakr-bench-") as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir()
        path = write(Path(folder) / "long.wav", passage, repetitions)
        instance = Instance(data_dir, **setting)
        try:
            until(instance.answers, START_SECONDS, "the server answers")
            done = run(instance, path)
        finally:
            instance.end()
    audio_seconds = repetitions * passage.seconds
    print(
        f"{audio_seconds / 60:.0f} minutes, {repetitions} times the text, "
        f"{len(done.windows)} windows: {done.seconds / 60:.1f} minutes of work"
    )
    seams = [start for start, _ in done.windows[1:]]
    found = compare(
        passage.words,
        timed_words(done.segments),
        period=passage.seconds,
        repetitions=repetitions,
        seams=seams,
    )
    good = is_within_memory(done.peaks)
    return 0 if is_whole(found, seams, passage.words) and good else 1


if __name__ == "__main__":
    sys.exit(main())
