"""Whisper inside the engine child: loads one model, transcribes one window at a time.

Runs in the child only. No Django, no database; the engine libraries are imported inside functions.
"""

from __future__ import annotations

import logging
import os
import wave
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from recordings.audio.wav import read_samples
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

# The thresholds of OpenAI's reference decoder (whisper/transcribe.py).
NO_SPEECH_PROBABILITY = 0.6
LOW_LOG_PROBABILITY = -1.0
REPETITIVE_COMPRESSION = 2.4
LONGEST_LOOP_WORDS = 12


class Whisper:
    """One Whisper model kept warm; another name replaces it, because two rarely fit in memory."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._name: str | None = None
        self._model: Any = None
        self._is_on_gpu = False

    def load(self, name: str) -> None:
        """Loads the model unless it is loaded already; may download it.

        Raises ConnectorError with the code "model_unavailable".
        """
        if name == self._name:
            return
        from faster_whisper import WhisperModel

        self._name = self._model = None
        device, compute_type = self._device()
        if device == "cpu" and any(size in name.lower() for size in SLOW_ON_CPU):
            logger.warning("model %s is slower than real time on most processors", name)
        source = str(ensure_default(self._config.models_dir)) if name == DEFAULT_MODEL else name
        try:
            self._model = WhisperModel(
                source,
                device=device,
                compute_type=compute_type,
                cpu_threads=self._config.threads or len(os.sched_getaffinity(0)),
                download_root=str(self._config.models_dir),
            )
        except (OSError, ValueError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise MemoryError from error
            logger.warning("model %s did not load: %s", name, error)
            raise ConnectorError(
                f'The speech model "{Path(name).name}" could not be loaded: it is neither a model '
                "folder on this server, nor could it be downloaded.",
                code="model_unavailable",
                permanent=True,
            ) from error
        self._name, self._is_on_gpu = name, device == "cuda"
        logger.info("model %s loaded on %s as %s", name, device, compute_type)

    def transcribe(self, request: dict[str, Any], report: Callable[[float], None]) -> dict:
        """The words of one window, times counted from the start of the whole recording.

        `request`: wav, start, end, model, language, hotwords, initial_prompt. `report` gets 0..1.
        A window without speech gives no segments and, unless one was asked for, no language.
        """
        from faster_whisper import BatchedInferencePipeline

        self.load(request["model"])
        start, end = request["start"], request["end"]
        try:
            samples = read_samples(Path(request["wav"]), start, end)
        except (OSError, EOFError, wave.Error) as error:
            raise ConnectorError(
                "The prepared audio could not be read.", code="audio_unreadable", permanent=True
            ) from error
        language = self._known_language(request.get("language"))
        # A pipeline carries the time of the last word over; a new one per window cannot be stale.
        found, info = BatchedInferencePipeline(self._model).transcribe(
            samples,
            language=language,
            beam_size=5 if self._is_on_gpu else 1,
            batch_size=self._config.batch_size or self._usual_batch_size(),
            vad_filter=True,
            word_timestamps=True,
            condition_on_previous_text=False,
            **self._prompts(request.get("hotwords"), request.get("initial_prompt")),
        )
        segments = []
        for segment in found:
            report(min(1.0, segment.end / max(end - start, 0.001)))
            spoken = _spoken(segment, start, end)
            if spoken is not None:
                segments.append(spoken)
        return {
            "segments": as_document(tuple(segments)),
            "language": info.language if info.duration_after_vad else language,
        }

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

    def _usual_batch_size(self) -> int:
        # On two cores 8 took as much processor time as 4 and 370 MB more memory (Whisper base).
        return GPU_BATCH_SIZE if self._is_on_gpu else CPU_BATCH_SIZE

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


def is_out_of_memory(error: BaseException) -> bool:
    """CTranslate2 and torch raise RuntimeError for a full GPU; only the text tells."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "bad_alloc" in text


def _spoken(segment: Any, window_start: float, window_end: float) -> SpokenSegment | None:
    """faster-whisper's segment on the recording's clock; None when it is not speech."""
    if segment.no_speech_prob > NO_SPEECH_PROBABILITY and segment.avg_logprob < LOW_LOG_PROBABILITY:
        return None

    def moved(seconds: float) -> float:
        return round(min(window_start + float(seconds), window_end), 3)

    words = [
        Word(moved(word.start), moved(word.end), word.word.strip())
        for word in segment.words or ()
        if word.word.strip()
    ]
    text = segment.text.strip()
    if segment.compression_ratio > REPETITIVE_COMPRESSION:
        words = without_loops(words)
        text = " ".join(word.text for word in words)
        if is_repetitive(text):
            return None
    if not text:
        return None
    return SpokenSegment(moved(segment.start), moved(segment.end), text, words=tuple(words))


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
