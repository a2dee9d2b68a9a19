"""Which tags, folders and naming templates a person may use and which they may change; how they
are shown.
"""

from __future__ import annotations

from typing import Self

from django.db import connection, models
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, When
from django.db.models.functions import Collate
from django.db.models.lookups import IsNull

from accounts.models import Membership, User

# What a group's tag or folder opens to the group's admins, to read and to change, and what to all
# of its members, to read: `opening_to` and `openings` state the same rule from both sides.
OPEN_TO_ADMINS = Q(auto_share_on_apply=True) | Q(share_with_group_lead=True)
OPEN_TO_MEMBERS = Q(auto_share_on_apply=True)


def theirs(user: User, path: str = "") -> Q:
    """A person's own, and those of the groups that they are in. `path`: how a row leads to the
    shelf, as "tag__".
    """
    groups = Membership.objects.filter(user=user).values("group")
    return Q(**{f"{path}owner": user}) | Q(**{f"{path}group__in": groups})


class ShelfQuerySet(models.QuerySet):
    """Being an operator opens nothing here; a group's own admins rule over what is the group's."""

    def visible_to(self, user: User) -> Self:
        """Their own, and those of the groups that they are in."""
        return self.filter(theirs(user))

    def editable_by(self, user: User) -> Self:
        """Their own, and those of the groups that they administer."""
        administered = Membership.objects.filter(user=user, role=Membership.Role.ADMIN)
        return self.filter(Q(owner=user) | Q(group__in=administered.values("group")))

    def opening_to(self, user: User, *, to_edit: bool) -> Self:
        """Those of groups that open what is filed under them to `user`: to all members, who may
        read, or to the group's admins, who may change it too.
        """
        is_admin = Q(group__memberships__role=Membership.Role.ADMIN)
        opened = is_admin & OPEN_TO_ADMINS
        if not to_edit:
            opened |= OPEN_TO_MEMBERS
        # One call, so that every condition is about the same membership. Joined: a database then
        # goes from the person to their groups and on; out of `IN` it would look at every shelf.
        return self.filter(opened, group__memberships__user=user)

    def openings(self) -> models.QuerySet:
        """A plain dict for each of them and each person to whom it opens what is filed under it,
        as far as they are active: `id`, `name`, `group_name`, `user_id`, `username`, `can_edit`,
        `joined_at`.
        """
        member = "group__memberships"
        is_admin = Q(**{f"{member}__role": Membership.Role.ADMIN})
        # One call, so that every condition is about the same membership.
        opened = self.filter(
            is_admin & OPEN_TO_ADMINS | OPEN_TO_MEMBERS, **{f"{member}__user__is_active": True}
        )
        return opened.order_by().values(
            "id",
            "name",
            group_name=F("group__name"),
            user_id=F(f"{member}__user"),
            username=F(f"{member}__user__username"),
            can_edit=Case(When(is_admin, then=True), default=False),
            joined_at=F(f"{member}__joined_at"),
        )

    def described_for(self, user: User) -> Self:
        """With `user_role` (None for a person's own, and outside of the group), `can_edit` and the
        naming template.
        """
        role = Membership.objects.filter(user=user, group=OuterRef("group")).values("role")
        return self.select_related("naming_template").annotate(
            user_role=Subquery(role),
            can_edit=Case(
                When(Q(owner=user) | Q(user_role=Membership.Role.ADMIN), then=True), default=False
            ),
        )

    def with_recording_count(self) -> Self:
        """Whoever owns the recordings. A subquery: grouping a join would sort the prompts too."""
        counted = self.model._base_manager.filter(pk=OuterRef("pk")).order_by()
        counted = counted.values("pk").annotate(count=Count("recordings"))
        return self.annotate(recording_count=Subquery(counted.values("count")))

    def in_list_order(self) -> Self:
        """Those of persons by name, then those of groups by name; by code point, whatever collation
        the database was made with.
        """
        is_postgresql = connection.vendor == "postgresql"
        name = Collate("name", "C") if is_postgresql else F("name")
        return self.order_by(IsNull(F("group"), False), name, "id")  # noqa: FBT003


class NamingTemplateQuerySet(models.QuerySet):
    """Templates are private: neither a group nor being an operator opens anybody else's. What is
    filed under a tag or folder of a group is called by the template that its admin chose, and who
    sees the tag or folder sees the template's name.
    """

    def for_recording(self, owner: User, template_id: int | None) -> models.Model | None:
        """The one that a tag or folder names, else the owner's default. Two queries at most."""
        named = self.filter(pk=template_id).first() if template_id is not None else None
        return named or self.filter(owner=owner, is_default=True).first()

    def visible_to(self, user: User) -> Self:
        return self.filter(owner=user)

    def editable_by(self, user: User) -> Self:
        return self.filter(owner=user)


class FolderQuerySet(ShelfQuerySet):
    def described_for(self, user: User) -> Self:
        """Besides, with `recording_count` and the group."""
        return super().described_for(user).select_related("group").with_recording_count()
