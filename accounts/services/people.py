"""Every write about a person: who they are, what they prefer, their password."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from accounts.services.tokens import end_tokens
from speakr_site.core.audit import record_audit

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
    user.full_clean(exclude=["password"])
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError({"email": "A user with that e-mail exists already."})
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
def set_password(*, user: User, password: str | None, by: User) -> None:
    """Ends every token, and every session: those know the password's hash (Django).

    `password`: already validated; None when nobody is to log in with one.
    """
    user.set_password(password)
    user.save(update_fields=["password"])
    record_audit(by=by, action="user.password", target=user, detail=str(user))
    end_tokens(user=user, by=by)
