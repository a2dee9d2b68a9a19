"""How a person wants transcripts as text."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q

from accounts.models import User

NAME_MAX_LENGTH = 100
TEMPLATE_MAX_LENGTH = 1_000
DESCRIPTION_MAX_LENGTH = 500


class TranscriptTemplateQuerySet(models.QuerySet):
    """Templates are private: neither a group nor being an operator opens anybody else's."""

    def visible_to(self, user: User) -> Self:
        return self.filter(owner=user)

    def editable_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def default_of(self, user: User) -> str | None:
        """The text of the person's default template; None without one. One query."""
        default = self.filter(owner=user, is_default=True)
        return default.values_list("template", flat=True).first()


class TranscriptTemplate(models.Model):
    """What each segment of a transcript looks like in text (recordings/exports/text.py).

    Written by services/templates.py, which knows further limits.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="transcript_templates"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    template = models.TextField(validators=[MaxLengthValidator(TEMPLATE_MAX_LENGTH)])
    description = models.CharField(max_length=DESCRIPTION_MAX_LENGTH, null=True, blank=True)
    is_default = models.BooleanField(
        default=False, help_text="Whether transcripts are shown to this person by it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TranscriptTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(is_default=True),
                name="default_template_once_per_person",
            )
        ]

    def __str__(self) -> str:
        return self.name
