"""Whose speakers a person may use, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.db.models import F

from accounts.models import User


class SpeakerQuerySet(models.QuerySet):
    """Speakers are private: neither a group nor being an operator opens anybody else's."""

    def visible_to(self, user: User) -> Self:
        return self.filter(owner=user)

    def editable_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def for_list(self) -> Self:
        """Most used first, then most lately used; who was never used last. Contract, section 13."""
        return self.order_by("-use_count", F("last_used_at").desc(nulls_last=True), "id")

    def ids_by_name(self, names: Iterable[str]) -> dict[str, int]:
        """name -> id, of those of these names that there are. One query."""
        return dict(self.filter(name__in=set(names)).values_list("name", "id"))
