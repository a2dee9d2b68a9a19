"""The engines of this process, made from the settings on first use: one connector, one diarizer,
one engine child.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings

from recordings.connectors import registry
from recordings.connectors.asr_endpoint import AsrEndpointOptions
from recordings.connectors.base import Connector
from recordings.connectors.faster_whisper import FasterWhisperOptions
from recordings.engine_host import EngineDiarizer, EngineHost
from recordings.engine_protocol import EngineConfig
from recordings.pipeline.options import selectable_models
from speakr_site import env
from speakr_site.core.system import SystemSettings

# Python starts and imports; no model is loaded for it.
SECONDS_TO_PING = 30.0


@cache
def _host() -> EngineHost:
    options: dict[str, Any] = {"threads": settings.WHISPER_THREADS}
    if settings.DIARIZER == "pyannote":
        options = {"folder": settings.PYANNOTE_MODEL_DIR}
    return EngineHost(
        EngineConfig(
            models_dir=settings.MODELS_DIR,
            model=settings.WHISPER_MODEL or "base",
            device=settings.WHISPER_DEVICE,
            compute_type=settings.WHISPER_COMPUTE_TYPE,
            batch_size=settings.WHISPER_BATCH_SIZE,
            threads=settings.WHISPER_THREADS,
            diarizer=settings.DIARIZER,
            diarizer_options=options,
            idle_unload_seconds=settings.MODEL_IDLE_UNLOAD_SECONDS,
            environment=env.everything(),
        )
    )


def connector(system: SystemSettings) -> Connector:
    """The active connector, with the operator's settings of now."""
    name = settings.TRANSCRIPTION_CONNECTOR
    if name == "faster_whisper":
        models = tuple(choice["value"] for choice in selectable_models(system))
        options: Any = FasterWhisperOptions(
            host=_host(), window_seconds=settings.WINDOW_SECONDS, models=models
        )
    else:
        options = AsrEndpointOptions(
            base_url=settings.ASR_BASE_URL,
            timeout_seconds=settings.ASR_TIMEOUT or system.asr_timeout_seconds,
            diarize=settings.ASR_DIARIZE,
            return_embeddings=settings.ASR_RETURN_SPEAKER_EMBEDDINGS,
            chunking=settings.ASR_ENABLE_CHUNKING,
            max_duration_seconds=settings.ASR_MAX_DURATION_SECONDS,
            model=settings.TRANSCRIPTION_MODEL or None,
        )
    return registry.load(name, options)


def diarizer() -> EngineDiarizer | None:
    """The diarizer in the engine child, or None where the operator switched it off."""
    return None if settings.DIARIZER == "none" else EngineDiarizer(_host())


def ping() -> None:
    """Starts the engine child, unless it runs, and hears from it. Raises ConnectorError."""
    _host().ask("ping", {}, deadline_seconds=SECONDS_TO_PING, should_stop=lambda: False)


def close() -> None:
    """Ends the engine child of this process, if there is one."""
    if _host.cache_info().currsize:
        _host().close()
        _host.cache_clear()
