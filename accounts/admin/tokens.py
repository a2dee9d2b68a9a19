"""API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import TOKEN_MAX_DAYS, ApiToken
from accounts.services import issue_token, revoke_token


def within_reach(moment: datetime) -> None:
    if moment > timezone.now() + timedelta(days=TOKEN_MAX_DAYS):
        raise forms.ValidationError(f"Choose a day within the next {TOKEN_MAX_DAYS} days.")


class UsableFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "usable"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [("yes", "Usable"), ("no", "Revoked or expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        usable = ApiToken.objects.usable().values("pk")
        if self.value() == "yes":
            return queryset.filter(pk__in=usable)
        return queryset.exclude(pk__in=usable) if self.value() == "no" else queryset


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """The secret is shown once; afterwards a token can only be renamed or ended."""

    list_display = ["name", "user", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_select_related = ["user"]
    list_filter = [UsableFilter]
    search_fields = ["name", "user__username"]
    autocomplete_fields = ["user"]
    fields = ["user", "name", "expires_at"]
    actions = ["revoke"]
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> list[str]:
        return [*self.fields, "created_at", "last_used_at", "revoked_at"] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> list[str]:
        shown = ["user", "expires_at", "created_at", "last_used_at", "revoked_at"]
        return shown if obj else []

    def save_model(
        self,
        request: HttpRequest,
        obj: ApiToken,
        form: forms.ModelForm,
        change: bool,  # noqa: FBT001
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        token, secret = issue_token(
            user=obj.user, name=obj.name, expires_at=obj.expires_at, by=request.user
        )
        obj.pk = token.pk
        self.message_user(
            request, f"Copy the token now, it is not shown again: {secret}", messages.WARNING
        )

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """Ended first, as the trail has it."""
        revoke_token(token=obj, by=request.user)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.select_related("user"):
            revoke_token(token=token, by=request.user)
        super().delete_queryset(request, queryset)

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        tokens = list(queryset.select_related("user"))
        for token in tokens:
            revoke_token(token=token, by=request.user)
        self.message_user(request, f"{len(tokens)} tokens can no longer be used.")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "name":
            field.help_text = "What the token is for: one name for each client."
        if db_field.name == "expires_at":
            field.validators = [*field.validators, within_reach]
        return field
