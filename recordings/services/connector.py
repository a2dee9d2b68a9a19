"""The active connector as clients see it."""

from __future__ import annotations

from typing import Any

from recordings import engines
from recordings.connectors import registry
from recordings.pipeline.options import selectable_models
from speakr_site.core import system


def describe_connector() -> dict[str, Any]:
    """Name, capabilities, models to choose from and the default. Loads no engine."""
    policy = system.current()
    described = registry.describe(engines.connector(policy))
    default = policy.transcription_default_model or described["default_model"]
    return {**described, "models": selectable_models(policy), "default_model": default}
