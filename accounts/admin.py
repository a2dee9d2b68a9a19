"""The console's section People: users, groups with their members, API tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.contrib.auth import forms as auth_forms
from django.contrib.auth.models import Group as DjangoGroup
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.models import ApiToken, Group, Membership, User
from accounts.services import issue_token, revoke_token

# Nothing here uses it, and two things called group would confuse.
admin.site.unregister(DjangoGroup)


class UniqueEmail(forms.ModelForm):
    """People may log in with their e-mail, so its case must not tell two of them apart."""

    def clean_email(self) -> str:
        email = User.objects.normalize_email(self.cleaned_data["email"])
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("A user with that e-mail exists already.")
        return email


class AddUserForm(UniqueEmail, auth_forms.AdminUserCreationForm):
    class Meta(auth_forms.AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "email")


class ChangeUserForm(UniqueEmail, auth_forms.UserChangeForm):
    class Meta(auth_forms.UserChangeForm.Meta):
        model = User


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user", "group"]
    readonly_fields = ["joined_at"]


@admin.register(User)
class UserAdmin(auth_admin.UserAdmin):
    form = ChangeUserForm
    add_form = AddUserForm
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


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):
    list_display = ["name", "member_count", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(description="members", ordering="member_count")
    def member_count(self, group: Group) -> int:
        return group.member_count


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
        return field
