"""The active connector as clients see it."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from recordings import engines
from recordings.connectors import registry
from recordings.connectors.base import Connector
from recordings.pipeline.options import selectable_models
from speakr_site.core import system


def describe_connector() -> dict[str, Any]:
    """Name, capabilities, models to choose from and the default. Loads no engine. One query."""
    policy = system.current()
    connector = engines.connector(policy)
    described = registry.describe(connector)
    if not _tells_speakers_apart(connector):
        described["capabilities"] |= {"diarization": False, "speaker_count_control": False}
    default = policy.transcription_default_model.strip() or described["default_model"]
    return {**described, "models": selectable_models(policy), "default_model": default}


def _tells_speakers_apart(connector: Connector) -> bool:
    """Whether our diarizer does, or the service that the connector asks."""
    return settings.DIARIZER != "none" or (not connector.is_local and settings.ASR_DIARIZE)
