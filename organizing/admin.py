"""The console's section Organizing: tags and folders, whoever they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html

from accounts.models import Membership
from organizing.models import KEEP_FOR_EVER, ONE_OWNER, Folder, NamingTemplate, Tag
from organizing.services import delete_as_operator, store_as_operator
from speakr_site.core.errors import InvalidInput, NotFound

SWATCH = (
    '<span style="background:{};display:inline-block;width:1em;height:1em;vertical-align:middle">'
    "</span> {}"
)


class ShelfForm(forms.ModelForm):
    """Whose it is stands for good: recordings of others lie there already. A naming template is one
    of theirs, so that it can be chosen once it is known who they are.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            # Disabled and not read-only: the names taken by the same person or group count still.
            for name in self.fields.keys() & {"owner", "group"}:
                self.fields[name].disabled = True
        if "naming_template" in self.fields:
            self.fields["naming_template"].queryset = self._templates()

    def _templates(self) -> QuerySet:
        shelf = self.instance
        templates = NamingTemplate.objects.filter(owner=shelf.owner_id)
        if shelf.is_of_group:
            members = Membership.objects.filter(group=shelf.group_id).values("user")
            templates = NamingTemplate.objects.filter(owner__in=members)
        # The one it has may be of somebody who left the group.
        return templates | NamingTemplate.objects.filter(pk=shelf.naming_template_id)


class OwnerFilter(admin.SimpleListFilter):
    title = "owner"
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [("person", "A person"), ("group", "A group")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "person":
            return queryset.filter(group=None)
        return queryset.filter(owner=None) if self.value() == "group" else queryset


class ShelfAdmin(admin.ModelAdmin):
    form = ShelfForm
    list_display = ["name", "swatch", "owner", "group", "keeping", "recording_count", "created_at"]
    list_select_related = ["owner", "group"]
    list_filter = [OwnerFilter, "group"]
    search_fields = ["name", "owner__username", "owner__email", "group__name"]
    search_help_text = "Name, user name or e-mail of the person, name of the group."
    autocomplete_fields = ["owner", "group"]
    readonly_fields = ["recording_count", "created_at"]
    show_full_result_count = False
    keeping_fields = ["retention_days"]

    def get_fieldsets(self, request: HttpRequest, obj: Tag | Folder | None = None) -> list:
        filed = ["recording_count", "created_at"] if obj else []
        return [
            (
                None,
                {
                    "description": f"{ONE_OWNER} Afterwards that stays as it is.",
                    "fields": ["name", "color", "owner", "group", *filed],
                },
            ),
            (
                "Transcription",
                {
                    "description": "Used where the request for a recording filed here says "
                    "nothing.",
                    "fields": [
                        "default_language",
                        "default_min_speakers",
                        "default_max_speakers",
                        "default_hotwords",
                        "default_initial_prompt",
                        "default_transcription_model",
                    ],
                },
            ),
            ("Summary", {"fields": ["custom_prompt"]}),
            *([("Title", {"fields": ["naming_template"]})] if obj else []),
            ("Keeping", {"fields": self.keeping_fields}),
            (
                "Sharing",
                {
                    "description": "Of a group alone; on a person's own these do nothing.",
                    "fields": ["auto_share_on_apply", "share_with_group_lead"],
                },
            ),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).with_recording_count()

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A name that was taken, or a template deleted, while the form was open: said instead of
        stored.
        """
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (InvalidInput, NotFound) as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self, request: HttpRequest, obj: Tag | Folder, form: forms.ModelForm, change: Any
    ) -> None:
        store_as_operator(shelf=obj, by=request.user)

    def delete_model(self, request: HttpRequest, obj: Tag | Folder) -> None:
        delete_as_operator(shelves=[obj], by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        delete_as_operator(shelves=queryset.select_related("owner", "group"), by=request.user)

    def get_deleted_objects(
        self, objs: Iterable[Tag | Folder], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A line for each. Django's own lists every recording that carries a tag."""
        shelves = list(objs)
        lines = [
            f"{shelf} of {shelf.owner or shelf.group}, recordings: {shelf.recording_count}"
            for shelf in shelves
        ]
        return lines, {str(self.opts.verbose_name_plural): len(shelves)}, set(), []

    @admin.display(description="color", ordering="color")
    def swatch(self, shelf: Tag | Folder) -> str:
        return format_html(SWATCH, shelf.color, shelf.color)

    @admin.display(description="recordings", ordering="recording_count")
    def recording_count(self, shelf: Tag | Folder) -> int:
        return shelf.recording_count

    @admin.display(description="kept", ordering="retention_days")
    def keeping(self, shelf: Tag | Folder) -> str | None:
        if shelf.protect_from_deletion or shelf.retention_days == KEEP_FOR_EVER:
            return "for ever"
        return None if shelf.retention_days is None else f"{shelf.retention_days} days"


@admin.register(Tag)
class TagAdmin(ShelfAdmin):
    keeping_fields = ["protect_from_deletion", "retention_days"]


@admin.register(Folder)
class FolderAdmin(ShelfAdmin):
    pass
