"""People, with the groups that they are in."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth import admin as auth_admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from accounts.admin.groups import MembershipInline, WithMemberships
from accounts.forms import AddUserForm, ChangeUserForm, PasswordForm
from accounts.models import User
from accounts.services import delete_people, protected_by, store_as_operator

GOES_ALONG = (
    "memberships, tokens, webhooks, tags, folders, speakers, templates, usage and what others "
    "shared with them go too; work that they asked for on recordings of others ends"
)


@admin.register(User)
class UserAdmin(WithMemberships, auth_admin.UserAdmin):
    form = ChangeUserForm
    add_form = AddUserForm
    change_password_form = PasswordForm
    list_display = ["username", "email", "name", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_superuser", "is_staff", "memberships__group"]
    search_fields = ["username", "email", "name"]
    filter_horizontal = ["user_permissions"]
    readonly_fields = ["last_login", "date_joined", "sso_provider"]
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (
            "Person",
            {"fields": ["name", "email", "email_verified", "job_title", "company", "sso_provider"]},
        ),
        (
            "Access",
            {
                "description": "Who is not active can neither log in nor use a token. An operator "
                "is a superuser with staff status; that opens this console, but nobody's "
                "recordings in the API.",
                "fields": [
                    "is_active",
                    "is_staff",
                    "is_superuser",
                    "can_share_publicly",
                    "user_permissions",
                ],
            },
        ),
        (
            "Budgets",
            {
                "description": "What this person may use in a calendar month (UTC); Transcription "
                "usage and Token usage show what they used. When the minutes are used up, uploads "
                "are kept but not transcribed, until the month ends or the budget is raised.",
                "fields": ["monthly_transcription_minutes", "monthly_tokens"],
            },
        ),
        (
            "Language and place",
            {
                "fields": ["ui_language", "output_language", "timezone"],
                "classes": ["collapse"],
            },
        ),
        (
            "Transcription",
            {
                "description": "Used when neither the request nor the recording says otherwise.",
                "fields": [
                    "transcription_language",
                    "transcription_hotwords",
                    "transcription_initial_prompt",
                    "diarize",
                    "auto_speaker_labelling",
                    "auto_speaker_labelling_threshold",
                ],
                "classes": ["collapse"],
            },
        ),
        (
            "Afterwards",
            {
                "fields": [
                    "auto_summarization",
                    "extract_events",
                    "show_timestamps_simple_view",
                    "editor_autosave",
                ],
                "classes": ["collapse"],
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "email", "usable_password", "password1", "password2"],
            },
        ),
    ]

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list:
        return self.inlines if obj else []

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: forms.ModelForm,
        change: bool,  # noqa: FBT001
    ) -> None:
        changed = form.changed_data if change else []
        store_as_operator(user=obj, changed=changed, by=request.user)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As the service has it, since memberships go along."""
        return request.user.is_superuser

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_people(people=[obj], by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        delete_people(people=queryset, by=request.user)

    def get_deleted_objects(
        self, objs: Iterable[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A line for each. Django's own lists every row that goes, and asks for rights on each."""
        people = list(objs)
        protected = [f"{what} of {user}" for user in people if (what := protected_by(user))]
        lines = [f"{user}, {user.email}: {GOES_ALONG}" for user in people]
        return lines, {"people": len(people)}, set(), protected

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """One's own e-mail takes the current password; the account's page asks for it."""
        own = ["email"] if obj == request.user else []
        return [*super().get_readonly_fields(request, obj), *own]

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponseBase:
        """One's own takes the current one."""
        # By the row: Django takes "01" for 1.
        if self.get_object(request, unquote(id)) == request.user:
            return redirect("admin:password_change")
        return super().user_change_password(request, id, form_url)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> User | None:
        """With `changed_by`, as `PasswordForm` needs it."""
        user = super().get_object(request, object_id, from_field)
        if user is not None:
            user.changed_by = request.user
        return user
