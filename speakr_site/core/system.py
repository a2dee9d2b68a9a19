"""System settings: what an operator changes while the server runs. Definitions here, form in the
admin (django-constance), values in the database.

`current()` is one query; call it once at the edge of a request or job and pass the snapshot down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

MEGABYTE = 1024 * 1024

FIELDS = {
    "flag": ["speakr_site.core.forms.FlagField", {"required": False}],
    "megabytes": ["django.forms.IntegerField", {"min_value": 1, "max_value": 1_000_000}],
    "seconds": ["django.forms.IntegerField", {"min_value": 1, "max_value": 1_000_000}],
    "line": ["django.forms.CharField", {"required": False, "max_length": 200}],
    "paragraph": [
        "django.forms.CharField",
        {"required": False, "widget": "django.forms.Textarea", "max_length": 10_000},
    ],
    "models": ["speakr_site.core.forms.ModelListField", {"required": False}],
}

CONFIG = {
    "enable_folders": (
        False,
        "Recordings can be filed in folders, besides carrying tags.",
        "flag",
    ),
    "max_file_size_mb": (
        250,
        "Largest upload, in megabytes (1 MB = 1024 x 1024 bytes).",
        "megabytes",
    ),
    "max_audio_only_video_size_mb": (
        1000,
        "Largest video of which only the audio is kept, in megabytes. The extracted audio must "
        "still fit the limit above.",
        "megabytes",
    ),
    "transcription_default_model": (
        "",
        "Model used when a request names none. Empty: the connector's own default.",
        "line",
    ),
    "transcription_models_visible_json": (
        "",
        "Models that users may choose, as a JSON list: "
        '["base", {"value": "small", "label": "Small, slower"}]. '
        "Empty: the environment's list.",
        "models",
    ),
    "admin_default_hotwords": (
        "",
        "Words to listen for (names, products), comma-separated; used when neither the request "
        "nor the user gives any.",
        "paragraph",
    ),
    "admin_default_initial_prompt": (
        "",
        "What the recordings are about, in a sentence; used when neither the request nor the user "
        "gives one.",
        "paragraph",
    ),
    "disable_auto_summarization": (
        False,
        "Nothing is summarized unless somebody asks for it, whatever people prefer. Titles and "
        "events are made all the same.",
        "flag",
    ),
    "admin_default_summary_prompt": (
        "",
        "What summaries should look at; used where no request, no tag, no folder and no person "
        "says it. {{ name }} is filled in from what came with the upload (prompt_variables).",
        "paragraph",
    ),
    "asr_timeout_seconds": (
        1800,
        "Longest wait for one answer of an asr_endpoint service, in seconds. ASR_TIMEOUT, where "
        "set, is used instead.",
        "seconds",
    ),
}

FIELDSETS = {
    "Features": ("enable_folders",),
    "Uploads": ("max_file_size_mb", "max_audio_only_video_size_mb"),
    "Transcription": (
        "transcription_default_model",
        "transcription_models_visible_json",
        "admin_default_hotwords",
        "admin_default_initial_prompt",
        "asr_timeout_seconds",
    ),
    "Summaries": ("disable_auto_summarization", "admin_default_summary_prompt"),
}


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """The settings as they were at one moment."""

    enable_folders: bool
    max_file_size_mb: int
    max_audio_only_video_size_mb: int
    transcription_default_model: str
    transcription_models_visible_json: str
    admin_default_hotwords: str
    admin_default_initial_prompt: str
    disable_auto_summarization: bool
    admin_default_summary_prompt: str
    asr_timeout_seconds: int

    @property
    def visible_models(self) -> list[dict[str, str]]:
        """The operator's list as [{value, label}]; entries without a value are left out."""
        return model_choices(self.transcription_models_visible_json)


def current() -> SystemSettings:
    """A snapshot of all settings. One query.

    Asks constance's table itself: constance would answer with the defaults while the database is
    away, and a job would go on with a policy that nobody set.
    """
    # settings.py imports this module before there are models.
    from constance.codecs import loads
    from constance.models import Constance

    rows = Constance.objects.filter(key__in=CONFIG).values_list("key", "value")
    return replace(defaults(), **{key: loads(value) for key, value in rows})


def defaults() -> SystemSettings:
    """The settings as they are shipped, for when the database cannot be asked."""
    values: dict[str, Any] = {name: default for name, (default, *_) in CONFIG.items()}
    return SystemSettings(**values)


def model_choices(document: str) -> list[dict[str, str]]:
    """[{value, label}] from the JSON that the operator wrote; [] when empty. Raises ValueError for
    bad JSON.
    """
    if not document.strip():
        return []
    entries = json.loads(document)
    if not isinstance(entries, list):
        raise ValueError("a JSON list is expected")
    choices = []
    for entry in entries:
        if isinstance(entry, str):
            entry = {"value": entry}
        if not isinstance(entry, dict):
            continue
        value, label = entry.get("value"), entry.get("label")
        if isinstance(value, str) and value.strip():
            label = label.strip() if isinstance(label, str) else ""
            choices.append({"value": value.strip(), "label": label or value.strip()})
    return choices
