"""What the engine host and its child agree on: the configuration and the lines of their pipes.

One JSON object per line. Host to child: first the configuration, then requests {"id", "op", ...}.
Child to host: {"id", "progress"} any number of times, then {"id", "result"} or
{"id", "error", "message", "permanent"}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHILD_COMMAND = (sys.executable, "-m", "recordings.engine_child")
_NOT_FOR_THE_CHILD = ("environment", "command")


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How an engine child is set up.

    `model`: a size ("base"), a folder, or a name on the model hub. `device`: "auto", "cpu" or
    "cuda". `compute_type`: "auto" or one of CTranslate2's. `batch_size`: 0 means one per thread on
    a CPU, at most 4, and 16 on a GPU. `threads`: 0 means one per processor.
    `idle_unload_seconds`: the child ends after so long without a request; 0 means never.
    `environment`: what the child may see of the caller's environment; the host filters it.
    """

    models_dir: Path
    model: str = "base"
    device: str = "auto"
    compute_type: str = "auto"
    batch_size: int = 0
    threads: int = 0
    diarizer: str = "embedded"
    diarizer_options: Mapping[str, Any] = field(default_factory=dict)
    idle_unload_seconds: float = 600.0
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    command: tuple[str, ...] = CHILD_COMMAND

    def as_message(self) -> dict[str, Any]:
        message = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in _NOT_FOR_THE_CHILD
        }
        # The child has its own working folder, so a relative path would mean another place there.
        message["models_dir"] = str(self.models_dir.resolve())
        message["diarizer_options"] = dict(self.diarizer_options)
        return message

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> EngineConfig:
        return cls(**{**message, "models_dir": Path(message["models_dir"])})


def encode(message: Mapping[str, Any]) -> bytes:
    """One line. Values that JSON lacks (NaN, infinity) raise ValueError."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def decode(line: bytes | str) -> dict[str, Any]:
    return json.loads(line)
