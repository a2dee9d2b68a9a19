"""The local engine: faster-whisper in the engine child. This side only asks; it loads nothing.

Who spoke is the diarizer's business, in the same child (`engine_host.EngineDiarizer`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from recordings.connectors.base import (
    Capabilities,
    ConnectorError,
    Limits,
    OnProgress,
    ShouldStop,
    Transcript,
    TranscriptionRequest,
    from_document,
)
from recordings.connectors.weights import DEFAULT_MODEL
from recordings.engine_host import EngineHost

logger = logging.getLogger(__name__)

# The sizes that faster-whisper 1.2 knows by name (faster_whisper/utils.py).
# fmt: off
SIZES = frozenset({
    "tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en",
    "large", "large-v1", "large-v2", "large-v3", "large-v3-turbo", "turbo", "distil-small.en",
    "distil-medium.en", "distil-large-v2", "distil-large-v3", "distil-large-v3.5",
})
# fmt: on

# Names of remote services: settings and clients that were made for those keep working here.
REMOTE_PREFIXES = ("whisper-1", "gpt-", "voxtral", "universal", "slam-", "vibevoice")

DOWNLOAD_SECONDS = 3600.0
SECONDS_TO_START = 120.0
SECONDS_PER_AUDIO_SECOND = 10.0


@dataclass(frozen=True, slots=True)
class FasterWhisperOptions:
    """`window_seconds`: the longest window, bounds memory. `models`: further names to allow."""

    host: EngineHost
    window_seconds: float = 600.0
    models: tuple[str, ...] = ()


class FasterWhisperConnector:
    """Whisper on this machine, CPU or GPU."""

    name = "faster_whisper"
    is_local = True
    capabilities = Capabilities(
        diarization=True,
        speaker_count_control=True,
        hotwords=True,
        initial_prompt=True,
        timestamps=True,
        language_detection=True,
        chunking=True,
    )

    def __init__(self, options: FasterWhisperOptions) -> None:
        self._host = options.host
        self._allowed = SIZES | set(options.models)
        self._default = local_model(options.host.config.model) or DEFAULT_MODEL
        self.limits = Limits(window_seconds=options.window_seconds)

    def default_model(self) -> str | None:
        return _shown(self._default)

    def transcribe(
        self,
        request: TranscriptionRequest,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress | None = None,
    ) -> Transcript:
        """One window. Raises ConnectorError or TranscriptionCancelled."""
        model = self._model_for(request.model)
        # Loading has its own deadline: a first download must not eat up the window's.
        self._host.ask(
            "load", {"model": model}, deadline_seconds=DOWNLOAD_SECONDS, should_stop=should_stop
        )
        heard = self._host.ask(
            "transcribe",
            {
                "wav": str(request.wav.resolve()),
                "start": request.start,
                "end": request.end,
                "model": model,
                "language": request.language,
                "hotwords": request.hotwords,
                "initial_prompt": request.initial_prompt,
            },
            deadline_seconds=SECONDS_TO_START
            + SECONDS_PER_AUDIO_SECOND * (request.end - request.start),
            should_stop=should_stop,
            on_progress=on_progress,
        )
        return Transcript(
            segments=from_document(heard["segments"]),
            language=heard["language"],
            model=_shown(model),
        )

    def close(self) -> None:
        self._host.close()

    def _model_for(self, requested: str | None) -> str:
        model = local_model(requested)
        if model in (None, self._default, _shown(self._default)):
            return self._default
        # A request comes from a user: any other name could be a folder of this server or fill the
        # disk with downloads.
        if model not in self._allowed:
            raise ConnectorError(
                f'The speech model "{model}" is not one of this server\'s.',
                code="model_unavailable",
                permanent=True,
            )
        return model


def local_model(name: str | None) -> str | None:
    """The name without surrounding space; None for none at all and for a remote service's model."""
    name = (name or "").strip()
    if name.lower().startswith(REMOTE_PREFIXES):
        logger.warning("model %s is a remote service's: the local default is used", name)
        return None
    return name or None


def _shown(model: str) -> str:
    """A model folder by its last part: where it lies is nobody's business."""
    return Path(model).name if Path(model).is_absolute() else model
