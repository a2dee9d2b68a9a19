"""Links for a new password, by mail.

A request for one only leaves a row with what somebody typed, so that its answer and its cost tell
nothing about who has an account. A worker looks up the person and sends the mail; the link's token
is made at that moment and kept nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import EmailMessage
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import ResetRequest, User
from speakr_site.core.errors import Busy
from speakr_site.core.queue import ring

logger = logging.getLogger(__name__)

BELL = "mail"
MAX_WAITING = 1000
MAIL_EVERY = timedelta(minutes=1)
GIVE_UP_AFTER = timedelta(hours=1)
LONGEST_PAUSE_MINUTES = 16
# Longer than the lane lets any worker run: nobody else sends while one may still be sending.
LEASE_SECONDS = 120

Status = ResetRequest.Status


class ResetTokens(PasswordResetTokenGenerator):
    """Django's, by a clock that does not jump with daylight saving: an hour is an hour."""

    def _now(self) -> datetime:
        return timezone.now().replace(tzinfo=None)


reset_tokens = ResetTokens()


def resets_are_offered() -> bool:
    """Whether mail can be sent and a link in it would lead here."""
    return bool(settings.EMAIL_HOST and settings.PUBLIC_URL)


def request_reset(*, address: str) -> None:
    """`address`: a user name or e-mail as typed, of at most ADDRESS_LENGTH characters. Raises Busy
    while too many wait. The same two writes for every address.
    """
    if ResetRequest.objects.count() >= MAX_WAITING:
        raise Busy
    ResetRequest.objects.create(address=address)
    ring(BELL)


def answer_requests(*, should_stop: Callable[[], bool]) -> bool:
    """Answers what is due, longest first; whether something due is left.

    A request that a lost worker held is taken up again; one that could not be answered for an hour
    is given up, and the log says so.
    """
    _take_back(timezone.now())
    while not should_stop():
        row = ResetRequest.objects.claim_next(seconds=LEASE_SECONDS)
        if row is None:
            return False
        _answer(row)
    return ResetRequest.objects.available(timezone.now()).exists()


def _take_back(now: datetime) -> None:
    rows = ResetRequest.objects
    rows.expired(now).update(status=Status.QUEUED, claim_token=None, lease_expires_at=None)
    old = rows.filter(status=Status.QUEUED, requested_at__lt=now - GIVE_UP_AFTER)
    for row in old:
        if rows.claim(row):
            rows.held(row.claim_token).delete()
            logger.error("%s was given up: no mail could be sent for an hour", row)


def _answer(row: ResetRequest) -> None:
    user = User.objects.named(row.address)
    if user is not None and user.has_usable_password() and _begin_mail(user):
        try:
            _send_link(user)
        # ValueError: an address that cannot stand in a mail.
        except (OSError, ValueError) as error:
            _put_off(row, user, error)
            return
        # One mail answers them all.
        ResetRequest.objects.filter(address=row.address, status=Status.QUEUED).delete()
    ResetRequest.objects.held(row.claim_token).delete()


def _begin_mail(user: User) -> bool:
    """False while a mail to this person was begun less than a minute ago, by whichever worker."""
    now = timezone.now()
    long_ago = Q(reset_mailed_at=None) | Q(reset_mailed_at__lte=now - MAIL_EVERY)
    return User.objects.filter(long_ago, pk=user.pk).update(reset_mailed_at=now) == 1


def _send_link(user: User) -> None:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("reset-confirm", args=[uid, reset_tokens.make_token(user)])
    context = {
        "user": user,
        "site": settings.PUBLIC_URL,
        "link": settings.PUBLIC_URL + path,
    }
    EmailMessage(
        "A new password for Speakr",
        render_to_string("mails/reset.txt", context),
        to=[user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def _put_off(row: ResetRequest, user: User, error: Exception) -> None:
    """To be tried again after 1, 2, 4, 8 minutes and so on; another request may be sooner."""
    User.objects.filter(pk=user.pk).update(reset_mailed_at=None)
    pause = timedelta(minutes=min(2**row.failures, LONGEST_PAUSE_MINUTES))
    ResetRequest.objects.release(
        row.claim_token,
        Status.QUEUED,
        available_at=timezone.now() + pause,
        failures=row.failures + 1,
    )
    logger.warning("%s: no mail could be sent: %s", row, _reason(error))


def _reason(error: Exception) -> str:
    """Without what the server said, in which the address may stand."""
    known: object = getattr(error, "strerror", None)
    if isinstance(error, SMTPResponseException):
        known = error.smtp_code
    elif isinstance(error, SMTPRecipientsRefused):
        known = next((code for code, _ in error.recipients.values()), None)
    return f"{type(error).__name__} {known or ''}".strip()
