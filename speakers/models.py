"""Known people: whose voice a label is, by a name that is kept once."""

from __future__ import annotations

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from speakers.querysets import SpeakerQuerySet

NAME_MAX_LENGTH = 100
MORE_THAN_ONE_LINE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def validate_one_line(name: str) -> None:
    """A line break in a name would forge lines of a transcript."""
    if MORE_THAN_ONE_LINE.search(name):
        raise ValidationError("A name must be one line, without control characters.")


class Speaker(models.Model):
    """Private to its owner. A recording's label points here, so a rename is one row.

    `use_count`: how often the name was given to voices of another recording; `last_used_at`: when
    it was given last.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="speakers"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH, validators=[validate_one_line])
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
