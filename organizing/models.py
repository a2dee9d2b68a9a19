"""Where recordings are filed: tags (many on a recording) and folders (one at most)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Group
from organizing.querysets import ShelfQuerySet

NAME_MAX_LENGTH = 50
KEEP_FOR_EVER = -1


class Shelf(models.Model):
    """What tags and folders share. One belongs to a person or to a group, never to both.

    The `default_*` columns are used for recordings filed here where the request says nothing
    (pipeline/options.py). `retention_days`: None, from 1 up, or KEEP_FOR_EVER.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    color = models.CharField(max_length=7, help_text="#RRGGBB")
    custom_prompt = models.TextField(null=True, blank=True)
    default_language = models.CharField(max_length=10, null=True, blank=True)
    default_min_speakers = models.PositiveSmallIntegerField(null=True, blank=True)
    default_max_speakers = models.PositiveSmallIntegerField(null=True, blank=True)
    default_hotwords = models.TextField(null=True, blank=True)
    default_initial_prompt = models.TextField(null=True, blank=True)
    default_transcription_model = models.CharField(max_length=120, null=True, blank=True)
    protect_from_deletion = models.BooleanField(default=False)
    retention_days = models.IntegerField(
        null=True, blank=True, help_text="-1 keeps for ever; empty leaves it to the server."
    )
    auto_share_on_apply = models.BooleanField(
        default=True, help_text="Of a group: its members may see what is filed here."
    )
    share_with_group_lead = models.BooleanField(
        default=True, help_text="Of a group: its admins may edit what is filed here."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ShelfQuerySet.as_manager()

    class Meta:
        abstract = True
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Tag(Shelf):
    color = models.CharField(max_length=7, default="#3B82F6", help_text="#RRGGBB")

    class Meta(Shelf.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(group=None), name="tag_once_per_person"
            ),
            models.UniqueConstraint(
                fields=["group", "name"], condition=Q(owner=None), name="tag_once_per_group"
            ),
            models.CheckConstraint(
                condition=Q(owner=None, group__isnull=False) | Q(owner__isnull=False, group=None),
                name="tag_of_a_person_or_a_group",
            ),
        ]


class Folder(Shelf):
    color = models.CharField(max_length=7, default="#10B981", help_text="#RRGGBB")

    class Meta(Shelf.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "name"], condition=Q(group=None), name="folder_once_per_person"
            ),
            models.UniqueConstraint(
                fields=["group", "name"], condition=Q(owner=None), name="folder_once_per_group"
            ),
            models.CheckConstraint(
                condition=Q(owner=None, group__isnull=False) | Q(owner__isnull=False, group=None),
                name="folder_of_a_person_or_a_group",
            ),
        ]
