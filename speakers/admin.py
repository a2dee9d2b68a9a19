"""The console's page for known people. Names are changed and rows deleted by the same services as
over the API, so recordings follow.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from speakers.models import Speaker
from speakers.services import delete_speaker, rename_speaker
from speakr_site.core.errors import NotFound, SpeakrError


@admin.register(Speaker)
class SpeakerAdmin(admin.ModelAdmin):
    list_display = ["name", "owner", "use_count", "last_used_at", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__username", "owner__email"]
    search_help_text = "Name, or user name or e-mail of the owner."
    date_hierarchy = "created_at"
    ordering = ["name", "id"]
    show_full_result_count = False
    fields = ["name", "owner", "use_count", "last_used_at", "created_at"]
    readonly_fields = ["owner", "use_count", "last_used_at", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[ModelForm]:
        texts = {
            "name": "A new name holds in all recordings of the owner at once.",
            "use_count": "How often it was given to voices of another recording.",
        }
        return super().get_form(request, obj, help_texts=texts, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except SpeakrError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: Speaker, form: ModelForm, change: Any) -> None:
        rename_speaker(speaker=obj, name=form.cleaned_data["name"], by=request.user)

    def delete_model(self, request: HttpRequest, obj: Speaker) -> None:
        _delete(obj, request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Speaker]) -> None:
        for speaker in queryset:
            _delete(speaker, request)


def _delete(speaker: Speaker, request: HttpRequest) -> None:
    # Gone already: somebody else was faster.
    with suppress(NotFound):
        delete_speaker(speaker=speaker, by=request.user)
