"""Passwords of public links: typing one, and the cookie that says that it was typed.

The cookie stands for one link and one password: a new password, or a new link, locks the page
again.
"""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core import signing
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.urls import reverse

from recordings.models import PublicLink
from speakr_site.core import attempts

TRIES_A_MINUTE = 5
UNLOCKED_FOR = timedelta(hours=12)
COOKIE = "unlocked"
# More than the longest password takes, percent-encoded.
FORM_BYTES_MAX = 2000


class UnlockForm(forms.Form):
    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True})
    )


def is_locked(request: HttpRequest, link: PublicLink) -> bool:
    if not link.password:
        return False
    try:
        _signer(link).unsign(request.COOKIES.get(COOKIE, ""), max_age=UNLOCKED_FOR)
    except signing.BadSignature:
        return True
    return False


def seconds_to_wait(request: HttpRequest, link: PublicLink) -> int | None:
    """Counts a try by this address; None while it may be made."""
    # Before the password is looked at, or tries at once would outrun the count.
    return attempts.failed(request, f"public link {link.pk}", limit=TRIES_A_MINUTE)


def is_opened_by(request: HttpRequest, link: PublicLink) -> bool:
    """Whether the form that was sent has the password."""
    form = UnlockForm(_sent(request))
    return form.is_valid() and check_password(form.cleaned_data["password"], link.password)


def remember(response: HttpResponse, link: PublicLink) -> None:
    response.set_cookie(
        COOKIE,
        _signer(link).sign(""),
        path=reverse("public-page", args=[link.token]),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _signer(link: PublicLink) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"public link {link.token} {link.password}")


def _sent(request: HttpRequest) -> QueryDict:
    """The form, or an empty one. Read here and not by Django, which would take files from
    anybody.
    """
    try:
        body = request.read(FORM_BYTES_MAX + 1)
        return QueryDict(body if len(body) <= FORM_BYTES_MAX else b"")
    except (SuspiciousOperation, UnreadablePostError):
        return QueryDict()
