"""Which tags and folders a person may use, and which of them they may change."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from accounts.models import Membership, User


class ShelfQuerySet(models.QuerySet):
    """Being an operator opens nothing here; a group's own admins rule over what is the group's."""

    def visible_to(self, user: User) -> Self:
        """Their own, and those of the groups that they are in."""
        return self.filter(
            Q(owner=user) | Q(group__in=Membership.objects.filter(user=user).values("group"))
        )

    def editable_by(self, user: User) -> Self:
        """Their own, and those of the groups that they administer."""
        administered = Membership.objects.filter(user=user, role=Membership.Role.ADMIN)
        return self.filter(Q(owner=user) | Q(group__in=administered.values("group")))
