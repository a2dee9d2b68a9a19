"""Connectors by name. Making one is cheap: nothing starts and nothing loads until it transcribes.

The active instance of a process, and the options it is made with, are the caller's business.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict
from typing import Any

from recordings.connectors.base import Connector

CONNECTORS = {
    "faster_whisper": "recordings.connectors.faster_whisper.FasterWhisperConnector",
    "asr_endpoint": "recordings.connectors.asr_endpoint.AsrEndpointConnector",
}


def names() -> tuple[str, ...]:
    return tuple(CONNECTORS)


def load(name: str, options: Any) -> Connector:
    """A new connector; `options` is the dataclass of its module. Raises KeyError."""
    module_name, class_name = CONNECTORS[name].rsplit(".", 1)
    return getattr(importlib.import_module(module_name), class_name)(options)


def describe(connector: Connector) -> dict[str, Any]:
    """Name, the seven flags and the default model, as GET /transcription reports them."""
    return {
        "connector": connector.name,
        "capabilities": asdict(connector.capabilities),
        "default_model": connector.default_model(),
    }
