"""Every write about tokens.

A token that was made with another is its child, and ends no later than that one, whether by date,
by revocation or by a new password. Each write first takes the lock of the person whose tokens they
are, so that no child is made while its parent ends.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import ApiToken, User, digest, new_secret
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import NotAllowed, NotFound

LOGGED_OUT = "This log-in has ended"


@transaction.atomic
def issue_token(
    *,
    user: User,
    name: str,
    expires_at: datetime | None = None,
    by: User | None = None,
    parent: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody can ask for again.

    `by`: who makes it; None is the command line. `parent`: the token that it is made with; a moment
    later than that one's becomes that one's. Raises NotAllowed when the parent, or the password
    that `user` was loaded with, has ended meanwhile.
    """
    if _locked_password(user) != user.password:
        raise NotAllowed(LOGGED_OUT)
    if parent is not None:
        expires_at = _within(parent, expires_at)
    secret = new_secret()
    token = ApiToken.objects.create(
        user=user, name=name, digest=digest(secret), expires_at=expires_at, parent=parent
    )
    _put_on_record("token.issue", token, by)
    return token, secret


@transaction.atomic
def replace_token(
    *, user: User, name: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Like `issue_token`; the person's earlier tokens of that name end at the same moment."""
    _locked_password(user)
    _revoke(ApiToken.objects.filter(user=user, name=name), by=None)
    return issue_token(user=user, name=name, expires_at=expires_at)


def rename_token(*, token: ApiToken, name: str, by: User) -> None:
    """Raises NotFound when it is not `by`'s, or has been revoked."""
    if not ApiToken.objects.visible_to(by).filter(pk=token.pk).update(name=name):
        raise NotFound("Token not found")
    token.name = name


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User | None = None) -> None:
    """Ends a token with its children, at once and for good. One that has ended stays as it is."""
    _locked_password(token.user)
    _revoke(ApiToken.objects.filter(pk=token.pk), by=by)


@transaction.atomic
def end_tokens(*, user: User, by: User | None) -> None:
    """Revokes all that a person has."""
    _locked_password(user)
    _revoke(ApiToken.objects.filter(user=user), by=by)


def _locked_password(user: User) -> str | None:
    """The hash as it is now; None when the person is gone. SQLite has one writer at a time."""
    rows = User.objects.select_for_update(no_key=True).filter(pk=user.pk)
    return rows.values_list("password", flat=True).first()


def _within(parent: ApiToken, expires_at: datetime | None) -> datetime | None:
    """The earlier of two moments, of which None is never."""
    parent = ApiToken.objects.usable().filter(pk=parent.pk).first()
    if parent is None:
        raise NotAllowed(LOGGED_OUT)
    return min(filter(None, (expires_at, parent.expires_at)), default=None)


def _revoke(tokens: QuerySet[ApiToken], *, by: User | None) -> None:
    """Call with the lock. The children of one that is revoked already are revoked too."""
    now = timezone.now()
    while ending := list(tokens.filter(revoked_at=None).select_related("user")):
        keys = [token.pk for token in ending]
        ApiToken.objects.filter(pk__in=keys).update(revoked_at=now)
        for token in ending:
            _put_on_record("token.revoke", token, by)
        tokens = ApiToken.objects.filter(parent__in=keys)


def _put_on_record(action: str, token: ApiToken, by: User | None) -> None:
    record_audit(by=by, action=action, target=token, detail=f"{token.name} of {token.user}")
