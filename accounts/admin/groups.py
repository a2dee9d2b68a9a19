"""Groups with their members. Only operators change them, here as in the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.forms import MembershipForm
from accounts.models import Group, Membership
from accounts.services import (
    add_member,
    change_role,
    create_group,
    delete_group,
    remove_member,
    rename_group,
)
from speakr_site.core.errors import NotFound, SpeakrError


class OperatorsOnly:
    """Others of the staff may look, where their permissions say so."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


class MembershipInline(OperatorsOnly, admin.TabularInline):
    model = Membership
    form = MembershipForm
    extra = 0
    autocomplete_fields = ["user", "group"]
    readonly_fields = ["joined_at"]


class WithMemberships(admin.ModelAdmin):
    """A page whose rows of memberships are written by the services."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.or_say(super().changeform_view, request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.or_say(super().delete_view, request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.or_say(super().changelist_view, request, *args, **kwargs)

    def or_say(
        self, view: Callable[..., HttpResponse], request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What a service refuses is said, and nothing of the form is stored."""
        try:
            return view(request, *args, **kwargs)
        except SpeakrError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_formset(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formset: forms.BaseModelFormSet,
        change: bool,  # noqa: FBT001
    ) -> None:
        formset.save(commit=False)
        by = request.user
        for new in formset.new_objects:
            add_member(group=new.group, user=new.user, role=new.role, by=by)
        changed = [membership for membership, _ in formset.changed_objects]
        # Who is to be an admin first: another may have been the last one.
        for known in sorted(changed, key=lambda membership: membership.role != "admin"):
            change_role(group=known.group, user_id=known.user_id, role=known.role, by=by)
        for gone in formset.deleted_objects:
            remove_member(group=gone.group, user_id=gone.user_id, by=by)


@admin.register(Group)
class GroupAdmin(OperatorsOnly, WithMemberships):
    list_display = ["name", "member_count", "created_at"]
    search_fields = ["name"]
    readonly_fields = ["created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    @admin.display(description="members", ordering="member_count")
    def member_count(self, group: Group) -> int:
        return group.member_count

    def save_model(
        self,
        request: HttpRequest,
        obj: Group,
        form: forms.ModelForm,
        change: bool,  # noqa: FBT001
    ) -> None:
        if change:
            rename_group(group=obj, name=obj.name, by=request.user)
        else:
            obj.pk = create_group(name=obj.name, by=request.user).pk

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        self.delete_queryset(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Group]) -> None:
        for group in queryset:
            with suppress(NotFound):
                delete_group(group=group, by=request.user)

    def get_deleted_objects(
        self, objs: Iterable[Group], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A line for each. Django's own lists all that was ever filed under a tag of theirs."""
        lines = [
            f"{group}, members: {group.member_count}; its tags and folders go too, the recordings "
            "under them stay"
            for group in objs
        ]
        return lines, {"groups": len(lines)}, set(), []
