"""Known people: whose voice a label is, by a name that is kept once."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from speakers.querysets import SpeakerQuerySet

NAME_MAX_LENGTH = 100


class Speaker(models.Model):
    """Private to its owner. A recording's label points here, so a rename is one row.

    `use_count`: in how many recordings; `last_used_at`: when it was first named in the latest.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="speakers"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    use_count = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SpeakerQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="speaker_once_per_person")
        ]

    def __str__(self) -> str:
        return self.name
