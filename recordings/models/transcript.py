"""What was said: one immutable revision after another, and whose label is whose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce, NullIf

# What a voice is called of which not even a label is known. Contract 0.1, 22.
NAMELESS = "Unknown Speaker"


@dataclass(frozen=True, slots=True)
class Voice:
    """How much of a transcript has one label."""

    segments: int
    seconds: float


class Transcript(models.Model):
    """One revision. A recording points at its current one; a re-run or an edit makes the next.

    `segments`: [{"speaker": label or null, "start": s, "end": s, "text": str}], in order. `words`:
    [[start, end, text, index of its segment]], in order; empty where the engine gave no word times.
    Times are seconds from the start of the file.
    """

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="transcripts"
    )
    number = models.PositiveIntegerField()
    segments = models.JSONField()
    words = models.JSONField(default=list)
    language = models.CharField(max_length=10, null=True, blank=True)
    engine = models.CharField(max_length=40, blank=True)
    model = models.CharField(max_length=120, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The person who edited it; empty when an engine made it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["recording", "number"]
        constraints = [
            models.UniqueConstraint(fields=["recording", "number"], name="transcript_number_once")
        ]

    def __str__(self) -> str:
        return f"revision {self.number}"

    def names(self) -> dict[str | None, str]:
        """label -> name, of the labels that have one; None: of segments without a label. One query.

        Names stand nowhere else: whoever shows a transcript joins them here.
        """
        named = self.speakers.with_shown_name().order_by().values_list("label", "shown_name")
        return {label or None: name for label, name in named if name is not None}

    def voices(self) -> dict[str | None, Voice]:
        """label -> how much of it there is, by first appearance; None: segments without a label."""
        spoken: dict[str | None, list[float]] = {}
        for segment in self.segments:
            seconds = segment["end"] - segment["start"]
            spoken.setdefault(segment["speaker"], []).append(seconds)
        return {label: Voice(len(turns), sum(turns)) for label, turns in spoken.items()}


class RecordingSpeakerQuerySet(models.QuerySet):
    def with_shown_name(self) -> Self:
        """`shown_name`: what the voice is called, or null."""
        return self.annotate(shown_name=NullIf(Coalesce("speaker__name", "name"), models.Value("")))


class RecordingSpeaker(models.Model):
    """A voice of one revision: its label, and the name it goes by once somebody gave it one.

    Labels are numbered anew by every run, so they belong to the revision and not to the recording.
    The empty label is that of the segments without one; it has a row once it was named.
    """

    transcript = models.ForeignKey(Transcript, on_delete=models.CASCADE, related_name="speakers")
    label = models.CharField(max_length=100)
    speaker = models.ForeignKey(
        "speakers.Speaker",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="appearances",
    )
    name = models.CharField(
        max_length=100,
        null=True,
        blank=True,
        help_text="Of a voice that is no known speaker, or no longer one.",
    )
    embedding = models.JSONField(
        null=True, blank=True, help_text="Voice vector of unit length; null when there is none."
    )
    talk_seconds = models.FloatField(default=0)

    objects = RecordingSpeakerQuerySet.as_manager()

    class Meta:
        ordering = ["transcript", "label"]
        constraints = [
            models.UniqueConstraint(
                fields=["transcript", "label"], name="label_once_per_transcript"
            )
        ]

    def __str__(self) -> str:
        """Reads `speaker`; select it first."""
        return self.speaker.name if self.speaker else self.name or self.label or NAMELESS
