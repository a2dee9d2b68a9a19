"""What was said: one immutable revision after another, and whose label is whose."""

from __future__ import annotations

from django.conf import settings
from django.db import models


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

    def names(self) -> dict[str, str]:
        """label -> name, of the labels that have one. One query."""
        named = self.speakers.exclude(name=None).exclude(name="")
        return dict(named.values_list("label", "name"))


class RecordingSpeaker(models.Model):
    """A voice of one revision: its label, and the name it goes by once somebody gave it one.

    Labels are numbered anew by every run, so they belong to the revision and not to the recording.
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

    class Meta:
        ordering = ["transcript", "label"]
        constraints = [
            models.UniqueConstraint(
                fields=["transcript", "label"], name="label_once_per_transcript"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.label
