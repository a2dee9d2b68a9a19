"""Every write about people and their tokens."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiToken, User, digest, new_secret
from speakr_site.core.audit import record_audit


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
def issue_token(
    *, user: User, name: str, expires_at: datetime | None = None, by: User | None = None
) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody can ask for again.

    `by`: the operator who makes it for somebody else; that is put on record.
    """
    secret = new_secret()
    token = ApiToken.objects.create(
        user=user, name=name, digest=digest(secret), expires_at=expires_at
    )
    _put_on_record("token.issue", token, by)
    return token, secret


@transaction.atomic
def replace_token(
    *, user: User, name: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Like `issue_token`; the person's earlier tokens of that name end at the same moment."""
    for earlier in ApiToken.objects.filter(user=user, name=name, revoked_at=None):
        revoke_token(token=earlier)
    return issue_token(user=user, name=name, expires_at=expires_at)


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User | None = None) -> None:
    """Ends a token at once and for good. One that has ended stays as it is."""
    ended = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    if ended:
        _put_on_record("token.revoke", token, by)


def _put_on_record(action: str, token: ApiToken, by: User | None) -> None:
    if by is not None and by.pk != token.user_id:
        record_audit(by=by, action=action, target=token, detail=f"{token.name} of {token.user}")
