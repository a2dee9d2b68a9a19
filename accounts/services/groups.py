"""Every write about groups and about who is in them.

Each takes the group's lock and only then asks who may, and what must hold: of two that come at
once, the second meets what the first left. Where the docstring names nobody else, `by` must be an
operator; NotAllowed is raised otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, models, transaction

from accounts.models import Group, Membership, User
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import Conflict, NotAllowed, NotFound

NAME_TAKEN = "A group with this name already exists"
ALREADY_A_MEMBER = "This user is already a member"
LAST_ADMIN = "The last admin of a group cannot leave or be demoted"

Role = Membership.Role


def require_operator(by: User) -> None:
    if not by.is_admin:
        raise NotAllowed("Only operators can create, rename and delete groups")


def require_group_admin(group: Group, by: User) -> None:
    """An operator will do too."""
    administered = Membership.objects.filter(group=group, user=by, role=Role.ADMIN)
    if not by.is_admin and not administered.exists():
        raise NotAllowed("Only admins of the group can manage its members")


@transaction.atomic
def create_group(*, name: str, by: User) -> Group:
    """An empty one. Raises Conflict when the name is taken."""
    require_operator(by)
    with _refusing(NAME_TAKEN):
        group = Group.objects.create(name=name)
    record_audit(by=by, action="group.create", target=group, detail=name)
    return group


@transaction.atomic
def rename_group(*, group: Group, name: str, by: User) -> None:
    """Raises Conflict when the name is taken, NotFound when the group is gone."""
    before = _locked(group).name
    require_operator(by)
    if name == before:
        return
    with _refusing(NAME_TAKEN):
        Group.objects.filter(pk=group.pk).update(name=name)
    record_audit(by=by, action="group.rename", target=group, detail=f"{before} to {name}")


@transaction.atomic
def delete_group(*, group: Group, by: User) -> None:
    """And its tags and folders; recordings that were filed under them stay. Raises NotFound."""
    group = _locked(group, no_key=False)
    require_operator(by)
    _lock_what_goes_along(group)
    record_audit(by=by, action="group.delete", target=group, detail=group.name)
    group.delete()


@transaction.atomic
def add_member(*, group: Group, user: User, role: str, by: User) -> Membership:
    """`by`: an operator, or an admin of the group.

    Raises Conflict for who is a member already, NotFound when the group or the user is gone.
    """
    group = _locked(group)
    require_group_admin(group, by)
    if not User.objects.select_for_update(no_key=True).filter(pk=user.pk).exists():
        raise NotFound("User not found")
    with _refusing(ALREADY_A_MEMBER):
        membership = Membership.objects.create(group=group, user=user, role=role)
    _put_on_record("member.add", membership, role, by)
    return membership


@transaction.atomic
def change_role(*, group: Group, user_id: int, role: str, by: User) -> Membership:
    """`by`: an operator, or an admin of the group.

    Raises NotFound for who is no member, Conflict for the last admin.
    """
    group = _locked(group)
    require_group_admin(group, by)
    membership = _member(group, user_id)
    if membership.role == role:
        return membership
    _require_another_admin(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _put_on_record("member.role", membership, f"now {role}", by)
    return membership


@transaction.atomic
def remove_member(*, group: Group, user_id: int, by: User) -> None:
    """`by`: as in `change_role`, or who leaves. What the group gave them ends at once.

    Raises as `change_role` does.
    """
    group = _locked(group)
    if by.pk != user_id:
        require_group_admin(group, by)
    membership = _member(group, user_id)
    _require_another_admin(membership)
    _put_on_record("member.remove", membership, membership.role, by)
    membership.delete()


def _locked(group: Group, *, no_key: bool = True) -> Group:
    """`no_key` lets others file under the group meanwhile. SQLite has one writer at a time."""
    locked = Group.objects.select_for_update(no_key=no_key).filter(pk=group.pk).first()
    if locked is None:
        raise NotFound("Group not found")
    return locked


def _lock_what_goes_along(group: Group) -> None:
    """Otherwise PostgreSQL would refuse the deletion at its end for a recording that was filed
    under one of these meanwhile. They belong to rooms above, so the models name them.
    """
    for relation in Group._meta.get_fields(include_hidden=True):
        if getattr(relation, "on_delete", None) is models.CASCADE:
            rows = relation.related_model._base_manager.filter(**{relation.field.name: group})
            list(rows.select_for_update().values_list("pk"))


def _member(group: Group, user_id: int) -> Membership:
    rows = Membership.objects.select_related("user", "group")
    found = rows.filter(group=group, user=user_id).first()
    if found is None:
        raise NotFound("Member not found")
    return found


def _require_another_admin(membership: Membership) -> None:
    """Besides this one, if it is an admin's: one who can log in."""
    others = Membership.objects.filter(
        group=membership.group_id, role=Role.ADMIN, user__is_active=True
    )
    if membership.role == Role.ADMIN and not others.exclude(pk=membership.pk).exists():
        raise Conflict(LAST_ADMIN)


@contextmanager
def _refusing(sentence: str) -> Iterator[None]:
    """A savepoint; what the database finds to be there already becomes a sentence."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise Conflict(sentence) from None


def _put_on_record(action: str, membership: Membership, what: str, by: User) -> None:
    detail = f"{membership.user}, {what}, in {membership.group}"
    record_audit(by=by, action=action, target=membership.group, detail=detail)
