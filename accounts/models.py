"""Who: people with their preferences, groups of them, the tokens that programs present for them.

Who may do what with a group beyond seeing it is asked in services/groups.py, under its lock.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Count, OuterRef, Prefetch, Q, Subquery, When
from django.db.models.functions import Upper
from django.utils import timezone

from accounts.validators import (
    validate_output_language,
    validate_timezone,
    validate_transcription_language,
    validate_ui_language,
)
from speakr_site.core.ledger import Claimable, LedgerQuerySet

TOKEN_BYTES = 32
TOKEN_NAME = "Unnamed Token"
# A hundred years: beyond some millions of days a date leaves the calendar.
TOKEN_MAX_DAYS = 36_500
LAST_USED_PRECISION = timedelta(minutes=1)
ADDRESS_LENGTH = 120
EMAIL_TAKEN = "A user with that e-mail exists already."
# The columns that are `preferences` on the wire, and on their page.
PREFERENCES = (
    "ui_language",
    "timezone",
    "transcription_language",
    "output_language",
    "extract_events",
    "auto_speaker_labelling",
    "auto_speaker_labelling_threshold",
    "auto_summarization",
    "show_timestamps_simple_view",
    "editor_autosave",
    "diarize",
)


class PeopleManager(UserManager):
    def named(self, text: str) -> User | None:
        """The active person with exactly this e-mail, in any case, or this user name. An e-mail
        wins: somebody else may have taken it as a user name. One query.
        """
        has_email = Q(email__iexact=text)
        found = self.filter(has_email | Q(username=text), is_active=True)
        return found.order_by(Case(When(has_email, then=0), default=1)).first()


class User(AbstractUser):
    """A person. An operator (`is_admin` on the wire) is a superuser of the console; nothing more in
    the API.
    """

    first_name = None
    last_name = None

    username = models.CharField(
        max_length=20,
        unique=True,
        validators=[AbstractUser.username_validator],
        error_messages={"unique": "A user with that name already exists."},
    )
    email = models.EmailField(max_length=ADDRESS_LENGTH)
    name = models.CharField(max_length=100, null=True, blank=True)
    job_title = models.CharField(max_length=100, null=True, blank=True)
    company = models.CharField(max_length=100, null=True, blank=True)
    email_verified = models.BooleanField(default=False)
    can_share_publicly = models.BooleanField(default=True)
    sso_provider = models.CharField(max_length=60, null=True, blank=True, editable=False)
    reset_mailed_at = models.DateTimeField(
        null=True, editable=False, help_text="When a mail with a link for a new password was begun."
    )

    ui_language = models.CharField(
        max_length=10, null=True, blank=True, default="en", validators=[validate_ui_language]
    )
    timezone = models.CharField(
        max_length=60,
        null=True,
        blank=True,
        validators=[validate_timezone],
        help_text="IANA name; empty means the server's.",
    )
    transcription_language = models.CharField(
        max_length=10,
        null=True,
        blank=True,
        validators=[validate_transcription_language],
        help_text="Language spoken in this person's recordings (ISO 639-1); empty means detect it.",
    )
    output_language = models.CharField(
        max_length=50, null=True, blank=True, validators=[validate_output_language]
    )
    transcription_hotwords = models.TextField(null=True, blank=True)
    transcription_initial_prompt = models.TextField(null=True, blank=True)
    summary_prompt = models.TextField(null=True, blank=True)
    extract_events = models.BooleanField(default=False)
    auto_speaker_labelling = models.BooleanField(default=False)
    auto_speaker_labelling_threshold = models.FloatField(
        default=0.6,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Cosine similarity from which a known voice is named by itself, 0 to 1.",
    )
    auto_summarization = models.BooleanField(default=True)
    show_timestamps_simple_view = models.BooleanField(default=False)
    editor_autosave = models.BooleanField(default=False)
    diarize = models.BooleanField(default=False)

    monthly_transcription_minutes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Budget of audio a calendar month (UTC), in minutes; empty or 0: no limit.",
    )
    monthly_tokens = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Budget of language-model tokens a calendar month (UTC); empty or 0: no limit.",
    )

    objects = PeopleManager()

    REQUIRED_FIELDS = ["email"]

    class Meta(AbstractUser.Meta):
        constraints = [
            # Upper and not Lower: Django compares so, and PostgreSQL then uses the index.
            models.UniqueConstraint(
                Upper("email"), name="email_once_in_any_case", violation_error_message=EMAIL_TAKEN
            )
        ]

    @property
    def is_admin(self) -> bool:
        return self.is_superuser

    def get_full_name(self) -> str:
        return self.name or self.username

    def get_short_name(self) -> str:
        return self.name or self.username


class GroupQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        """Those that they are in; an operator sees all."""
        if user.is_admin:
            return self
        return self.filter(pk__in=Membership.objects.filter(user=user).values("group"))

    def described_for(self, user: User) -> Self:
        """With `member_count` and `role`, which is None for who is not in it."""
        role = Membership.objects.filter(user=user, group=OuterRef("pk")).values("role")
        return self.annotate(member_count=Count("memberships"), role=Subquery(role))

    def with_members(self) -> Self:
        """By user name. One more query."""
        members = Membership.objects.select_related("user").order_by("user__username")
        members = members.only("group", "role", "joined_at", "user__username")
        return self.prefetch_related(Prefetch("memberships", members))


class Group(models.Model):
    name = models.CharField(max_length=100, unique=True)
    members = models.ManyToManyField(User, through="Membership", related_name="speakr_groups")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        ADMIN = "admin"
        MEMBER = "member"

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "user"], name="membership_once_per_group")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.group}"


class ApiTokenQuerySet(models.QuerySet):
    def usable(self) -> Self:
        """Neither revoked nor expired, and its person is active."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
            revoked_at=None,
            user__is_active=True,
        )

    def visible_to(self, user: User) -> Self:
        """Their own, until revoked; expired ones too, so that they can be told from lost ones."""
        return self.filter(user=user, revoked_at=None)

    def presented(self, secret: str) -> Self:
        """The usable token with this secret. One query."""
        return self.usable().filter(digest=digest(secret)).select_related("user")


class ApiToken(models.Model):
    """Only the digest is kept: the secret has 256 random bits, so a plain SHA-256 cannot be
    searched.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, default=TOKEN_NAME)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="children",
        help_text="The token that this one was made with, and that it ends with.",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty means it does not expire."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    def touch(self) -> None:
        """Remembers the use, at most once a minute."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > LAST_USED_PRECISION:
            ApiToken.objects.filter(pk=self.pk).update(last_used_at=now)


class ResetRequestQuerySet(LedgerQuerySet):
    def claim_next(self, *, seconds: int) -> ResetRequest | None:
        """Takes the one that is due longest, or nothing. Safe from any number of workers."""
        while True:
            row = self.available(timezone.now()).order_by("available_at", "pk").first()
            if row is None or self.claim(row, seconds=seconds):
                return row


class ResetRequest(Claimable):
    """Somebody typed this to be sent a link for a new password. Gone once it is answered, or once
    it is clear that there is nobody to answer.
    """

    address = models.CharField(max_length=ADDRESS_LENGTH)
    requested_at = models.DateTimeField(auto_now_add=True)
    failures = models.PositiveSmallIntegerField(default=0)

    objects = ResetRequestQuerySet.as_manager()

    def __str__(self) -> str:
        return f"reset request {self.pk}"


def new_secret() -> str:
    """43 URL-safe characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(secret: str) -> str:
    """SHA-256 as 64 hex characters."""
    return hashlib.sha256(secret.encode()).hexdigest()
