"""Every write about a person: who they are, what they prefer, what lets them in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction

from accounts.models import EMAIL_TAKEN, User
from accounts.services.tokens import end_tokens
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import Conflict, NotAllowed

CHANGED_MEANWHILE = "The password or e-mail of this account has just been changed"
ONLY_OPERATORS = "Only operators can delete people"
# Each time something came to hang on the person in the moment of their deletion.
TRIES = 10
DOORS = ("username", "email", "is_active", "is_staff", "is_superuser", "user_permissions")


@transaction.atomic
def ensure_user(
    *, username: str, email: str, password: str, is_admin: bool = False
) -> tuple[User, bool]:
    """The person with this name and e-mail, and whether they were made just now.

    One who exists is left as they are. Raises Django's ValidationError for a bad value, and for a
    name or e-mail that belongs to somebody else.
    """
    existing = User.objects.filter(username=username).first()
    if existing is not None and existing.email.lower() == email.lower():
        if is_admin and not existing.is_admin:
            raise ValidationError(f"{username} exists already and is not an operator.")
        return existing, False
    user = User(
        username=username,
        email=User.objects.normalize_email(email),
        is_staff=is_admin,
        is_superuser=is_admin,
    )
    user.full_clean(exclude=["password"], validate_constraints=False)
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError({"email": EMAIL_TAKEN})
    validate_password(password, user)
    user.set_password(password)
    user.save()
    return user, True


@transaction.atomic
def store_as_operator(*, user: User, changed: Collection[str], by: User) -> None:
    """The console's save; `changed`: names of columns. What opens or closes doors is on record."""
    user.save()
    if doors := [name for name in DOORS if name in changed]:
        record_audit(by=by, action="user.access", target=user, detail=f"{user}: {', '.join(doors)}")


def update_profile(*, user: User, changes: Mapping[str, Any]) -> None:
    """Writes the given columns, already validated, and no others; `user` has them then."""
    User.objects.filter(pk=user.pk).update(**changes)
    for name, value in changes.items():
        setattr(user, name, value)


def set_auto_summarization(*, user: User, enabled: bool) -> None:
    update_profile(user=user, changes={"auto_summarization": enabled})


@transaction.atomic
def set_password(
    *, user: User, password: str | None, by: User | None, keep_tokens: bool = False, how: str = ""
) -> None:
    """Ends every session, because those know the password's hash (Django), and every token unless
    they are to be kept.

    `password`: already validated; None when nobody is to log in with one. `by`: None is the command
    line. `how`: for the trail.
    """
    user.set_password(password)
    user.save(update_fields=["password"])
    record_audit(by=by, action="user.password", target=user, detail=f"{user}{how}")
    if not keep_tokens:
        end_tokens(user=user, by=by)


@transaction.atomic
def change_password(*, user: User, password: str, keep_tokens: bool = False) -> None:
    """By themselves, who gave the current one. As `set_password`; raises as `change_email`."""
    _require_unchanged(user)
    set_password(user=user, password=password, by=user, keep_tokens=keep_tokens)


@transaction.atomic
def reset_password(*, user: User, password: str) -> None:
    """By the link in a mail, which was good when `user` was loaded. As `set_password`, tokens
    included; raises as `change_email`: of two that come at once with one link, one is too late.
    """
    _require_unchanged(user)
    set_password(user=user, password=password, by=user, how=", by a link in a mail")


@transaction.atomic
def change_email(*, user: User, email: str) -> None:
    """By themselves, who gave the current password; links that were mailed before are dead then.

    Raises NotAllowed when the password or e-mail that `user` was loaded with has changed meanwhile,
    or they may no longer log in; Conflict when somebody else has the new one, in any case.
    """
    _require_unchanged(user)
    try:
        with transaction.atomic():
            changes = {"email": User.objects.normalize_email(email), "email_verified": False}
            update_profile(user=user, changes=changes)
    except IntegrityError:
        raise Conflict(EMAIL_TAKEN) from None
    record_audit(by=user, action="user.email", target=user, detail=str(user))


def delete_people(*, people: Iterable[User], by: User) -> None:
    """The console's deletion, each in a transaction of its own; who is gone already is passed over,
    and `by` themselves come last.

    Raises NotAllowed for who is no operator, or no longer; Conflict for a person whom something
    protects, as `protected_by` has it. Those before are gone then.
    """
    for user in sorted(people, key=lambda user: (user.pk == by.pk, user.pk)):
        _delete(user, by)


def protected_by(user: User) -> str:
    """What must go before this person can, such as "2 recordings"; "" when nothing must. Rooms
    above have it, so the models name it.
    """
    counts = {
        relation.related_model._meta: relation.related_model._base_manager.filter(
            **{relation.field.name: user}
        ).count()
        for relation in User._meta.get_fields(include_hidden=True)
        if getattr(relation, "on_delete", None) is models.PROTECT
    }
    return ", ".join(
        f"{count} {meta.verbose_name if count == 1 else meta.verbose_name_plural}"
        for meta, count in counts.items()
        if count
    )


@transaction.atomic
def _delete(user: User, by: User) -> None:
    # In one order, so that of two who delete one another the second finds themselves gone.
    rows = User.objects.select_for_update(no_key=True).filter(pk__in={user.pk, by.pk})
    people = {row.pk: row for row in rows.order_by("pk")}
    if by.pk not in people or not people[by.pk].is_admin:
        raise NotAllowed(ONLY_OPERATORS)
    if user.pk not in people:
        return
    for _ in range(TRIES):
        if what := protected_by(user):
            raise Conflict(f"{user} still owns {what}: delete that first")
        with suppress(IntegrityError), transaction.atomic():
            record_audit(by=by, action="user.delete", target=user, detail=str(user))
            User.objects.get(pk=user.pk).delete()
            _require_nothing_came()
            return
    raise Conflict(f"{user} is given something just now; try again")


def _require_nothing_came() -> None:
    """Raises IntegrityError for what began to refer to a deleted row after its dependents were
    collected; the database itself would refuse the whole transaction for it, at its end.

    The person's row is not locked against that before it goes: who refers to it holds other rows
    which the deletion needs, and both would wait for ever. SQLite has one writer at a time.
    """
    if connection.features.has_select_for_update:
        connection.check_constraints()


def _require_unchanged(user: User) -> None:
    """Takes the person's lock; SQLite has one writer at a time."""
    rows = User.objects.select_for_update(no_key=True)
    if not rows.filter(
        pk=user.pk, password=user.password, email=user.email, is_active=True
    ).exists():
        raise NotAllowed(CHANGED_MEANWHILE)
