"""What a transcription costs from 202 on, against faster-whisper and the diarizer alone.

`python -m benchmarks.pipeline` needs `../shared/audio`, starts real processes, warms them with half
a minute of speech and uploads a conversation of ten minutes. Ends with 1 where the bar is missed.

By turns with the product, in the same run and each in a process of its own that is kept warm:
faster-whisper's batched mode as its manual calls it, given the same model, threads, compute type,
beam, word times and no language, and the embedded diarizer. The product has its usual batch size,
one stretch per thread; batched mode has 4, with which it takes less time than with that. The least
of the rounds counts for each, because other programs of the machine only ever add time. Batched
mode loses words where speakers alternate (`benchmarks/transcription.py`), so the number of words
that each one heard is printed too, and once the time of its sequential mode, which loses few.

Title and summary are made afterwards, in a lane of their own and without a language model; the
seconds from the transcript to COMPLETED are printed for information.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import requests

from benchmarks import conversations
from benchmarks.conversations import SAMPLE_RATE, Conversation
from benchmarks.upload import API, authorization, sent
from recordings.connectors.weights import ensure_default
from speakers.diarization import registry as diarizers
from tests.instance import START_SECONDS, Instance, until

READERS, TURNS, SEED = 4, 118, 8
WARM_UP_SECONDS = 30.0
THREADS = len(os.sched_getaffinity(0))
BATCH_SIZE = 4
COMPUTE_TYPE = "int8"
LEAST_ROUNDS = 2
LOOK_EVERY_SECONDS = 0.05
BAR = 1.15

# A contestant's part of the work: seconds that it took, words that it heard.
Result = tuple[float, int]
Contestant = Callable[[Path, Path], int]


@cache
def _whisper(models: Path) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(ensure_default(models)),
        device="cpu",
        compute_type=COMPUTE_TYPE,
        cpu_threads=THREADS,
    )


@cache
def _diarizer() -> Any:
    return diarizers.load("embedded", threads=THREADS)


def batched(path: Path, models: Path) -> int:
    """Words heard."""
    from faster_whisper import BatchedInferencePipeline

    segments, _ = BatchedInferencePipeline(_whisper(models)).transcribe(
        str(path), beam_size=1, batch_size=BATCH_SIZE, word_timestamps=True, vad_filter=True
    )
    return sum(len(segment.words) for segment in segments)


def sequential(path: Path, models: Path) -> int:
    """Words heard."""
    segments, _ = _whisper(models).transcribe(
        str(path), beam_size=1, word_timestamps=True, vad_filter=True
    )
    return sum(len(segment.words) for segment in segments)


def diarized(path: Path, models: Path) -> int:
    """No words: it only tells voices apart."""
    _diarizer().diarize(path, min_speakers=None, max_speakers=None, on_progress=lambda share: None)
    return 0


class Alone:
    """One contestant in a warm process of its own."""

    def __init__(self, contestant: Contestant, models: Path, warm_up: Path) -> None:
        self._contestant, self._models = contestant, models
        self._process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self(warm_up)

    def __call__(self, path: Path) -> Result:
        return self._process.submit(_timed, self._contestant, path, self._models).result()

    def close(self) -> None:
        self._process.shutdown()


def _timed(contestant: Contestant, path: Path, models: Path) -> Result:
    begun = time.perf_counter()
    words = contestant(path, models)
    return time.perf_counter() - begun, words


class Product:
    """A server of real processes, warm."""

    def __init__(self, data_dir: Path, warm_up: Path) -> None:
        data_dir.mkdir()
        self._instance = Instance(
            data_dir,
            WHISPER_DEVICE="cpu",
            WHISPER_COMPUTE_TYPE=COMPUTE_TYPE,
            WHISPER_THREADS=str(THREADS),
            WHISPER_BATCH_SIZE="0",
        )
        try:
            until(self._instance.answers, START_SECONDS, "the server answers")
            self(warm_up)
        except BaseException:
            self.close()
            raise

    def __call__(self, path: Path) -> Result:
        recording = sent(self._instance, path)["id"]
        begun = time.perf_counter()
        self._wait(recording, "SUMMARIZING", "COMPLETED")
        transcribed = time.perf_counter()
        self._wait(recording, "COMPLETED")
        print(f"title and summary took {time.perf_counter() - transcribed:.2f} s more")
        return transcribed - begun, self._words(recording)

    def _wait(self, recording: int, *statuses: str) -> None:
        query = f"SELECT status FROM recordings_recording WHERE id = {recording}"
        while (status := self._instance.rows(query)[0][0]) not in statuses:
            if status == "FAILED":
                raise RuntimeError(self._instance.log("gpu"))
            time.sleep(LOOK_EVERY_SECONDS)

    def _words(self, recording: int) -> int:
        answer = requests.get(
            f"{self._instance.url}{API}/{recording}/transcript?format=json",
            headers=authorization(self._instance),
            timeout=60,
        )
        answer.raise_for_status()
        return sum(len(segment["sentence"].split()) for segment in answer.json()["segments"])

    def close(self) -> None:
        self._instance.end()


def measured(folder: Path, models: Path, rounds: int) -> dict[str, Result]:
    """The least seconds of each contestant, with the words heard then."""
    made = conversations.build(READERS, seed=SEED, turns=TURNS)
    path = made.write(folder / "conversation.wav")
    print(f"a conversation of {made.seconds:.0f} s, {READERS} voices, {TURNS} turns")
    beginning = made.samples[: round(WARM_UP_SECONDS * SAMPLE_RATE)]
    warm_up = Conversation(beginning, made.truth).write(folder / "warm-up.wav")
    results: dict[str, list[Result]] = {}
    with ExitStack() as stack:
        contestants: dict[str, Callable[[Path], Result]] = {}
        contestants["product"] = product = Product(folder / "data", warm_up)
        stack.callback(product.close)
        for name, contestant in (("batched", batched), ("diarizer", diarized)):
            contestants[name] = alone = Alone(contestant, models, warm_up)
            stack.callback(alone.close)
        for number in range(rounds):
            for name, run in contestants.items():
                result = run(path)
                results.setdefault(name, []).append(result)
                print(f"round {number + 1}: {name:10} {result[0]:6.2f} s", flush=True)
        alone = Alone(sequential, models, warm_up)
        stack.callback(alone.close)
        results["sequential"] = [alone(path)]
    return {name: min(found) for name, found in results.items()}


def report(results: dict[str, Result]) -> bool:
    """Prints the figures; whether the bar is reached."""
    names = {
        "product": "from 202 to the transcript",
        "batched": "bare faster-whisper, batched",
        "diarizer": "the diarizer alone",
        "sequential": "for information: bare faster-whisper, sequential",
    }
    for name, title in names.items():
        seconds, words = results[name]
        print(f"{title:50} {seconds:6.2f} s" + (f"  {words} words" if words else ""))
    ratio = results["product"][0] / (results["batched"][0] + results["diarizer"][0])
    print(f"the whole way / (batched + diarizer)               {ratio:6.2f}    bar {BAR}")
    return ratio <= BAR


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS)
    parser.add_argument(
        "--models", type=Path, default=Path(tempfile.gettempdir()) / "speakr-benchmark-models"
    )
    options = parser.parse_args()
    if not conversations.readers():
        print("The recordings in ../shared/audio/librispeech are absent: nothing measured.")
        return 2
    with tempfile.TemporaryDirectory(prefix="speakr-bench-") as folder:
        results = measured(Path(folder), options.models, options.rounds)
    return 0 if report(results) else 1


if __name__ == "__main__":
    sys.exit(main())
