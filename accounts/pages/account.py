"""Who one is, and the groups one is in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.utils.functional import cached_property

from accounts.models import Membership, User
from accounts.services import remove_member, update_profile
from speakr_site.core.pages import ConfirmPage, EditPage


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["name", "job_title", "company"]
        help_texts = {"name": "What to call you; without it, your user name."}


class OwnPage(EditPage):
    """Some columns of the person who is logged in."""

    @property
    def row(self) -> User:
        return self.request.user

    def save(self, form: forms.ModelForm) -> None:
        update_profile(user=self.row, changes=form.cleaned_data)


class ProfilePage(OwnPage):
    form_class = ProfileForm
    template_name = "pages/account/profile.html"
    success_url = reverse_lazy("account")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        memberships = Membership.objects.filter(user=self.request.user).select_related("group")
        memberships = memberships.order_by("group__name")
        return super().get_context_data(memberships=memberships, **kwargs)


class LeaveGroupPage(ConfirmPage):
    """Of a group that one is in; there is no page about any other."""

    template_name = "pages/account/leave_group.html"
    success_url = reverse_lazy("account")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(group=self.membership.group, **kwargs)

    @cached_property
    def membership(self) -> Membership:
        mine = Membership.objects.filter(user=self.request.user).select_related("group")
        return get_object_or_404(mine, group__pk=self.kwargs["pk"])

    @property
    def saved(self) -> str:
        return f"You have left {self.membership.group}."

    def save(self, form: forms.Form) -> None:
        me = self.request.user
        remove_member(group=self.membership.group, user_id=me.pk, by=me)
