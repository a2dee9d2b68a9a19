"""Whisper inside the engine child: loads one model, transcribes one window at a time.

Stretches of speech are decoded side by side; where that left speech without words or got stuck in
a loop, those stretches alone are decoded again with more care (`benchmarks/transcription.py`).
Runs in the child only. No Django, no database; the engine libraries are imported inside functions.
"""

from __future__ import annotations

import logging
import os
import wave
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recordings.audio.speech import Stretch, joined, within, without_words
from recordings.audio.wav import SAMPLE_RATE, read_samples
from recordings.connectors.base import ConnectorError, SpokenSegment, Word, as_document
from recordings.connectors.weights import DEFAULT_MODEL, ensure_default
from recordings.engine_protocol import EngineConfig

logger = logging.getLogger(__name__)

GPU_BATCH_SIZE = 16
CPU_BATCH_SIZE = 4
SLOW_ON_CPU = ("medium", "large", "turbo")

# Whisper decodes at most 448 tokens, prompt included, and faster-whisper fails on a prompt that
# leaves none; half is the room that OpenAI's own decoder keeps for it.
PROMPT_TOKENS = 223

# Whisper hears 30 s at once; in the shorter stretches of the second look it loses its place less.
LONGEST_STRETCH = 28.0
LONGEST_SECOND_STRETCH = 14.0
SECOND_PAUSE = 1.0
FRAMES_PER_SECOND = 100
LEAST_SILENCE_MS = 160
BESIDE_SPEECH_MS = 200

# So much speech without a word is not a breath or a hum any more.
DOUBTFUL_SECONDS = 1.0
CAREFUL_BEAM = 5
SHARE_OF_FIRST_LOOK = 0.8

# The thresholds of OpenAI's reference decoder (whisper/transcribe.py).
NO_SPEECH_PROBABILITY = 0.6
LOW_LOG_PROBABILITY = -1.0
REPETITIVE_COMPRESSION = 2.4
LONGEST_LOOP_WORDS = 12

# The words of one segment; here they still carry the space before them, if the script has any.
Phrase = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the model made of one stretch. Times in seconds from the start of the window."""

    stretch: Stretch
    phrases: tuple[Phrase, ...]
    is_looping: bool

    @property
    def words(self) -> list[Word]:
        return [word for phrase in self.phrases for word in phrase]


@dataclass(frozen=True, slots=True)
class Crew:
    """How stretches are shared out: each of `workers` decodes `batch_size` at once, in `threads`.

    On a CPU several workers of one thread beat one of several threads: making one token after the
    other takes two threads longer than one, and side by side nothing waits (Whisper base).
    """

    workers: int
    threads: int
    batch_size: int


class Whisper:
    """One Whisper model kept warm; another name replaces it, because two rarely fit in memory."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._name: str | None = None
        self._model: Any = None
        self._is_on_gpu = False
        self._crew = Crew(1, 1, 1)

    def load(self, name: str) -> None:
        """Loads the model unless it is loaded already; may download it.

        Raises ConnectorError with the code "model_unavailable".
        """
        if name == self._name:
            return
        from faster_whisper import WhisperModel

        self._name = self._model = None
        device, compute_type = self._device()
        self._is_on_gpu = device == "cuda"
        self._crew = _crew(self._config, is_on_gpu=self._is_on_gpu)
        if device == "cpu" and any(size in name.lower() for size in SLOW_ON_CPU):
            logger.warning("model %s is slower than real time on most processors", name)
        source = str(ensure_default(self._config.models_dir)) if name == DEFAULT_MODEL else name
        try:
            self._model = WhisperModel(
                source,
                device=device,
                compute_type=compute_type,
                cpu_threads=self._crew.threads,
                num_workers=self._crew.workers,
                download_root=str(self._config.models_dir),
            )
        except (OSError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise MemoryError from error
            logger.warning("model %s did not load: %s", name, error)
            if (Path(source) / "model.bin").is_file():
                raise ConnectorError(
                    f"The speech engine does not run here on {device} as {compute_type}: the "
                    "server's WHISPER_DEVICE and WHISPER_COMPUTE_TYPE say so.",
                    code="engine_misconfigured",
                    permanent=True,
                ) from error
            raise ConnectorError(
                f'The speech model "{Path(name).name}" could not be loaded: it is neither a model '
                "folder on this server, nor could it be downloaded.",
                code="model_unavailable",
                permanent=True,
            ) from error
        self._name = name
        logger.info("model %s loaded on %s as %s", name, device, compute_type)

    def transcribe(self, request: dict[str, Any], report: Callable[[float], None]) -> dict:
        """The words of one window, times counted from the start of the whole recording.

        `request`: wav, start, end, model, language, hotwords, initial_prompt. `report` gets 0..1.
        A window without speech gives no segments and, unless one was asked for, no language.
        """
        self.load(request["model"])
        start, end = request["start"], request["end"]
        try:
            samples = read_samples(Path(request["wav"]), start, end)
        except (OSError, EOFError, wave.Error) as error:
            raise ConnectorError(
                "The prepared audio could not be read.", code="audio_unreadable", permanent=True
            ) from error
        language = self._known_language(request.get("language"))
        speech = _speech(samples)
        if not speech:
            return {"segments": [], "language": language}
        hints = self._prompts(request.get("hotwords"), request.get("initial_prompt"))
        hints["language"] = language or self._detected_language(samples, speech)
        phrases = self._hear(samples, speech, hints, report)
        return {
            "segments": as_document(tuple(_spoken(phrases, start, end))),
            "language": hints["language"],
        }

    def _hear(
        self,
        samples: np.ndarray,
        speech: Sequence[Stretch],
        hints: dict[str, str | None],
        report: Callable[[float], None],
    ) -> list[Phrase]:
        """Everything said, in order. A second look counts where it leaves less speech bare."""
        stretches = joined(speech, longest=LONGEST_STRETCH, pause=LONGEST_STRETCH)
        beam = CAREFUL_BEAM if self._is_on_gpu else 1
        first = []
        for heard in self._listen(samples, stretches, beam_size=beam, **hints):
            first.append(heard)
            report(SHARE_OF_FIRST_LOOK * len(first) / len(stretches))
        phrases = [phrase for heard in first for phrase in heard.phrases]
        again = _doubtful(speech, first)
        for done, heard in enumerate(
            self._listen(samples, again, beam_size=CAREFUL_BEAM, **hints), start=1
        ):
            phrases = _the_better(phrases, heard, first, speech)
            report(SHARE_OF_FIRST_LOOK + (1 - SHARE_OF_FIRST_LOOK) * done / len(again))
        return sorted(phrases, key=lambda phrase: phrase[0].start)

    def _listen(
        self, samples: np.ndarray, stretches: Sequence[Stretch], **options: Any
    ) -> Iterator[Heard]:
        """Decodes the stretches side by side and gives them one by one, in order."""
        share = self._crew.batch_size
        batches = [stretches[place : place + share] for place in range(0, len(stretches), share)]
        with ThreadPoolExecutor(self._crew.workers) as workers:
            for heard in workers.map(lambda batch: self._decoded(samples, batch, options), batches):
                yield from heard

    def _decoded(
        self, samples: np.ndarray, batch: Sequence[Stretch], options: dict[str, Any]
    ) -> list[Heard]:
        """What one worker makes of its batch."""
        from faster_whisper import BatchedInferencePipeline

        # A pipeline carries the time of the last word over; a new one cannot be stale.
        segments, _ = BatchedInferencePipeline(self._model).transcribe(
            samples,
            clip_timestamps=[{"start": item.start, "end": item.end} for item in batch],
            batch_size=len(batch),
            word_timestamps=True,
            # With them the decoder keeps track of where it is and skips far less.
            without_timestamps=False,
            **options,
        )
        found: dict[Stretch, list[Any]] = {item: [] for item in batch}
        for segment in segments:
            # `seek` is the frame that the segment's stretch begins with, rounded down.
            begun = segment.seek / FRAMES_PER_SECOND
            found[min(batch, key=lambda item: abs(item.start - begun))].append(segment)
        return [_heard(item, own) for item, own in found.items()]

    def _device(self) -> tuple[str, str]:
        import ctranslate2

        device = self._config.device
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
        compute_type = self._config.compute_type
        if compute_type == "auto":
            usable = ctranslate2.get_supported_compute_types(device)
            compute_type = "float16" if device == "cuda" and "float16" in usable else "int8"
        return device, compute_type

    def _known_language(self, language: str | None) -> str | None:
        """The code if this model knows it, without a region ("en-GB"); None means detect."""
        if not language:
            return None
        code = language.lower().replace("_", "-").split("-")[0]
        if not self._model.model.is_multilingual:
            return "en"
        if self._model.hf_tokenizer.token_to_id(f"<|{code}|>") is None:
            logger.warning("model %s does not know language %s: detecting", self._name, code)
            return None
        return code

    def _detected_language(self, samples: np.ndarray, speech: Sequence[Stretch]) -> str:
        """The language of the first half minute of speech, pauses left out."""
        if not self._model.model.is_multilingual:
            return "en"
        spoken = [
            samples[round(item.start * SAMPLE_RATE) : round(item.end * SAMPLE_RATE)]
            for item in speech
        ]
        language, _, _ = self._model.detect_language(np.concatenate(spoken))
        return language

    def _prompts(self, hotwords: str | None, initial_prompt: str | None) -> dict[str, str | None]:
        """Both hints, cut to what fits: the first hotwords, the last of the prompt."""
        tokenizer = self._model.hf_tokenizer
        if hotwords:
            room = PROMPT_TOKENS // 2 if initial_prompt else PROMPT_TOKENS
            tokens = tokenizer.encode(hotwords, add_special_tokens=False).ids
            if len(tokens) > room:
                hotwords = tokenizer.decode(tokens[:room])
        if initial_prompt:
            room = PROMPT_TOKENS // 2 if hotwords else PROMPT_TOKENS
            tokens = tokenizer.encode(initial_prompt, add_special_tokens=False).ids
            if len(tokens) > room:
                initial_prompt = tokenizer.decode(tokens[-room:])
        return {"hotwords": hotwords or None, "initial_prompt": initial_prompt or None}


def _crew(config: EngineConfig, *, is_on_gpu: bool) -> Crew:
    threads = config.threads or len(os.sched_getaffinity(0))
    if is_on_gpu:
        return Crew(1, threads, config.batch_size or GPU_BATCH_SIZE)
    at_once = config.batch_size or min(threads, CPU_BATCH_SIZE)
    workers = min(threads, at_once)
    return Crew(workers, threads // workers, -(-at_once // workers))


def is_out_of_memory(error: BaseException) -> bool:
    """CTranslate2 and torch raise RuntimeError for a full GPU; only the text tells."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "bad_alloc" in text


def _speech(samples: np.ndarray) -> list[Stretch]:
    """Where somebody speaks, in pieces between two pauses that Whisper can hear at once."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=LONGEST_STRETCH,
        min_silence_duration_ms=LEAST_SILENCE_MS,
        speech_pad_ms=BESIDE_SPEECH_MS,
    )
    return [
        Stretch(round(found["start"] / SAMPLE_RATE, 2), round(found["end"] / SAMPLE_RATE, 2))
        for found in get_speech_timestamps(samples, options)
    ]


def _heard(stretch: Stretch, segments: Iterable[Any]) -> Heard:
    """faster-whisper's segments without those that are not speech, a loop kept a single time."""
    phrases = [
        tuple(Word(float(word.start), float(word.end), word.word) for word in segment.words or ())
        for segment in segments
        if not _is_noise(segment)
    ]
    text = "".join(word.text for phrase in phrases for word in phrase)
    if not is_repetitive(text):
        return Heard(stretch, tuple(filter(None, phrases)), is_looping=False)
    kept = without_loops(word for phrase in phrases for word in phrase)
    if is_repetitive("".join(word.text for word in kept)):
        kept = []
    return Heard(stretch, (tuple(kept),) if kept else (), is_looping=True)


def _is_noise(segment: Any) -> bool:
    return (
        segment.no_speech_prob > NO_SPEECH_PROBABILITY and segment.avg_logprob < LOW_LOG_PROBABILITY
    )


def _doubtful(speech: Sequence[Stretch], heard: Sequence[Heard]) -> list[Stretch]:
    """What to decode again: speech between two pauses of which a part has no words, and loops."""
    words = [word for item in heard for word in item.words]
    wanting = [
        bare for bare in without_words(speech, words) if bare.seconds >= DOUBTFUL_SECONDS
    ] + [item.stretch for item in heard if item.is_looping]
    pieces = [piece for piece in speech if any(piece.touches(other) for other in wanting)]
    return joined(pieces, longest=LONGEST_SECOND_STRETCH, pause=SECOND_PAUSE)


def _the_better(
    phrases: Sequence[Phrase], again: Heard, first: Sequence[Heard], speech: Sequence[Stretch]
) -> list[Phrase]:
    """The phrases with those of the second look in their place, if it is the better one.

    It is when it does not loop and the first did, or when it leaves less speech without a word.
    """
    here = within(speech, again.stretch)

    def bare(words: Sequence[Word]) -> float:
        return sum(stretch.seconds for stretch in without_words(here, words))

    before = [word for phrase in phrases for word in phrase if again.stretch.holds(word)]
    looped = any(item.is_looping and item.stretch.touches(again.stretch) for item in first)
    if again.is_looping or not (looped or bare(again.words) < bare(before)):
        return list(phrases)
    others = [tuple(word for word in phrase if not again.stretch.holds(word)) for phrase in phrases]
    return [phrase for phrase in (*others, *again.phrases) if phrase]


def _spoken(
    phrases: Iterable[Phrase], window_start: float, window_end: float
) -> Iterator[SpokenSegment]:
    """The phrases on the recording's clock; no word begins before the one it follows."""
    earliest = window_start
    for phrase in phrases:
        words = []
        for word in phrase:
            if not word.text.strip():
                continue
            earliest = min(max(window_start + word.start, earliest), window_end)
            end = min(max(window_start + word.end, earliest), window_end)
            words.append(Word(round(earliest, 3), round(end, 3), word.text.strip()))
        if words:
            text = "".join(word.text for word in phrase).strip()
            yield SpokenSegment(words[0].start, words[-1].end, text, words=tuple(words))


def is_repetitive(text: str) -> bool:
    data = text.encode()
    return bool(data) and len(data) / len(zlib.compress(data)) > REPETITIVE_COMPRESSION


def without_loops(words: Iterable[Word]) -> list[Word]:
    """The words with every phrase that repeats itself at once kept a single time.

    Only for text that a decoder got stuck in: it would also flatten a chorus.
    """
    kept: list[Word] = []
    for word in words:
        kept.append(word)
        for length in range(1, LONGEST_LOOP_WORDS + 1):
            tail = [_bare(item.text) for item in kept[-2 * length :]]
            if len(tail) == 2 * length and tail[:length] == tail[length:]:
                del kept[-length:]
                break
    return kept


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
