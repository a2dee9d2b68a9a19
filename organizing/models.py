"""Where recordings are filed, tags (many on a recording) and folders (one at most), and what they
are called.

Counting what is filed goes by the reverse relation `recordings`, which the room above defines.
"""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models
from django.db.models import Q

from accounts.models import Group
from organizing.querysets import FolderQuerySet, NamingTemplateQuerySet, ShelfQuerySet
from speakr_site.core.languages import language_code
from speakr_site.core.limits import HINTS_MAX_LENGTH, SPEAKERS_MAX

NAME_MAX_LENGTH = 50
NAMING_NAME_MAX_LENGTH, NAMING_MAX_LENGTH = 100, 500
DESCRIPTION_MAX_LENGTH = 500
MODEL_MAX_LENGTH = 120
TAG_COLOR, FOLDER_COLOR = "#3B82F6", "#10B981"

KEEP_FOR_EVER = -1
# A hundred years: beyond some millions of days a date leaves the calendar.
RETENTION_MAX_DAYS = 36_500

ONE_OWNER = "Choose either a person or a group, not both."
SPEAKERS_OUT_OF_ORDER = "default_min_speakers must not be greater than default_max_speakers"
RETENTION_OUT_OF_RANGE = (
    f"retention_days must be from 1 to {RETENTION_MAX_DAYS}, or {KEEP_FOR_EVER} to keep for ever"
)

validate_color = RegexValidator(
    r"^#[0-9A-Fa-f]{6}\Z", f"color must be #RRGGBB, such as {TAG_COLOR}"
)


def validate_language(code: str) -> None:
    if language_code(code) != code:
        raise ValidationError("default_language must be an ISO 639-1 code such as en")


def validate_retention(days: int) -> None:
    if days != KEEP_FOR_EVER and not 1 <= days <= RETENTION_MAX_DAYS:
        raise ValidationError(RETENTION_OUT_OF_RANGE)


def are_in_order(minimum: int | None, maximum: int | None) -> bool:
    """Whether two bounds, either of which may be missing, leave anything between them."""
    return minimum is None or maximum is None or minimum <= maximum


class Shelf(models.Model):
    """What tags and folders share. One belongs to a person or to a group, never to both.

    The `default_*` columns are used for recordings filed here where the request says nothing
    (recordings/pipeline/options.py). `retention_days`: None, from 1 up, or KEEP_FOR_EVER.
    `retention_lowered_at`: when it last came to keep for a shorter time, or may have.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name="person",
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    custom_prompt = models.TextField(
        null=True,
        blank=True,
        validators=[MaxLengthValidator(HINTS_MAX_LENGTH)],
        help_text="What summaries of these recordings should look at.",
    )
    default_language = models.CharField(
        max_length=10,
        null=True,
        blank=True,
        validators=[validate_language],
        help_text="ISO 639-1; empty leaves it to the person's preference.",
    )
    default_min_speakers = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(SPEAKERS_MAX)]
    )
    default_max_speakers = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(SPEAKERS_MAX)]
    )
    default_hotwords = models.TextField(
        null=True,
        blank=True,
        validators=[MaxLengthValidator(HINTS_MAX_LENGTH)],
        help_text="Words to listen for (names, products), comma-separated.",
    )
    default_initial_prompt = models.TextField(
        null=True,
        blank=True,
        validators=[MaxLengthValidator(HINTS_MAX_LENGTH)],
        help_text="What these recordings are about, in a sentence.",
    )
    default_transcription_model = models.CharField(
        max_length=MODEL_MAX_LENGTH, null=True, blank=True
    )
    retention_days = models.IntegerField(
        null=True,
        blank=True,
        validators=[validate_retention],
        help_text="-1 keeps for ever; empty leaves it to the server.",
    )
    retention_lowered_at = models.DateTimeField(null=True, editable=False)
    auto_share_on_apply = models.BooleanField(
        default=True,
        help_text="Of a group: its members may read what is filed here, its admins change it.",
    )
    share_with_group_lead = models.BooleanField(
        default=True,
        help_text="Of a group: its admins may read and change what is filed here.",
    )
    naming_template = models.ForeignKey(
        "organizing.NamingTemplate",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="How recordings filed here are called; empty leaves it to the person's default.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ShelfQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """For the console's forms; the API checks the same in its serializers."""
        for name in ("custom_prompt", "default_hotwords", "default_initial_prompt"):
            setattr(self, name, getattr(self, name) or None)
        if not are_in_order(self.default_min_speakers, self.default_max_speakers):
            raise ValidationError({"default_min_speakers": SPEAKERS_OUT_OF_ORDER})

    @property
    def is_of_group(self) -> bool:
        return self.group_id is not None


def _constraints(kind: str) -> list[models.BaseConstraint]:
    """Names once per person or group, and one of the two that it belongs to."""
    return [
        models.UniqueConstraint(
            fields=["owner", "name"],
            condition=Q(group=None),
            name=f"{kind}_once_per_person",
            violation_error_message=f"This person has a {kind} of that name already.",
        ),
        models.UniqueConstraint(
            fields=["group", "name"],
            condition=Q(owner=None),
            name=f"{kind}_once_per_group",
            violation_error_message=f"This group has a {kind} of that name already.",
        ),
        models.CheckConstraint(
            condition=Q(owner=None, group__isnull=False) | Q(owner__isnull=False, group=None),
            name=f"{kind}_of_a_person_or_a_group",
            violation_error_message=ONE_OWNER,
        ),
    ]


class NamingTemplate(models.Model):
    """How recordings of a person are called (naming.py fills it in).

    `pattern`: a regular expression for the stem of the file's name; its named groups are variables
    of the template too.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="naming_templates"
    )
    name = models.CharField(max_length=NAMING_NAME_MAX_LENGTH)
    template = models.CharField(max_length=NAMING_MAX_LENGTH)
    pattern = models.CharField(max_length=NAMING_MAX_LENGTH, null=True, blank=True)
    description = models.CharField(max_length=DESCRIPTION_MAX_LENGTH, null=True, blank=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = NamingTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner"],
                condition=Q(is_default=True),
                name="default_naming_once_per_person",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Tag(Shelf):
    color = models.CharField(
        max_length=7, default=TAG_COLOR, validators=[validate_color], help_text="#RRGGBB"
    )
    protect_from_deletion = models.BooleanField(
        default=False, help_text="Retention leaves recordings with this tag alone."
    )

    class Meta(Shelf.Meta):
        constraints = _constraints("tag")


class Folder(Shelf):
    color = models.CharField(
        max_length=7, default=FOLDER_COLOR, validators=[validate_color], help_text="#RRGGBB"
    )

    objects = FolderQuerySet.as_manager()

    class Meta(Shelf.Meta):
        constraints = _constraints("folder")

    @property
    def protect_from_deletion(self) -> bool:
        """Not a column: a folder protects exactly when it keeps for ever (contract 14)."""
        return self.retention_days == KEEP_FOR_EVER
