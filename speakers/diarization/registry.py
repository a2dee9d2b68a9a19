"""Diarizers by name. Making one loads its models; one instance per process is the caller's part."""

from __future__ import annotations

import importlib
from typing import Any

from speakers.diarization.base import Diarizer

DIARIZERS = {
    "embedded": "speakers.diarization.embedded.EmbeddedDiarizer",
    "pyannote": "speakers.diarization.pyannote.PyannoteDiarizer",
}


def load(name: str, **options: Any) -> Diarizer:
    """A new diarizer; `options` are its constructor's. Raises KeyError or DiarizationError."""
    module_name, class_name = DIARIZERS[name].rsplit(".", 1)
    return getattr(importlib.import_module(module_name), class_name)(**options)
