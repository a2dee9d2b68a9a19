"""What one shares and what others share with oneself, as far as it was given by hand; and its end.

What groups give follows from tags and folders and is ended there.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from accounts.models import User
from recordings.models import PublicLink, Share
from recordings.services.public_links import unpublish
from recordings.services.sharing import end_share
from speakr_site.core.pages import AccountPage, ConfirmPage

# Of each kind, the newest; the API has all of a recording's.
SHOWN_MAX = 200
_RECORDING = ("recording__title", "recording__owner")


def given_by(user: User) -> QuerySet[Share]:
    """Shares of the person's own recordings, the newest first."""
    return _described(Share.objects.filter(recording__owner=user))


def given_to(user: User) -> QuerySet[Share]:
    """Shares of others' recordings with them; none while sharing is switched off."""
    is_on = settings.ENABLE_INTERNAL_SHARING
    return _described(Share.objects.filter(user=user) if is_on else Share.objects.none())


def links_of(user: User) -> QuerySet[PublicLink]:
    """Of the person's own recordings, the newest first."""
    links = PublicLink.objects.filter(recording__owner=user).select_related("recording")
    return links.only("token", "expires_at", "created_at", "password", *_RECORDING).order_by("-id")


def _described(shares: QuerySet[Share]) -> QuerySet[Share]:
    """With what a list shows of them and no more. One query."""
    shares = shares.select_related("user", "recording__owner")
    names = ("user__username", "recording__owner__username")
    return shares.only("can_edit", "created_at", *names, *_RECORDING).order_by("-id")


class SharingPage(AccountPage, TemplateView):
    template_name = "pages/sharing/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        me = self.request.user
        links = links_of(me)
        return super().get_context_data(
            given=given_by(me)[:SHOWN_MAX],
            received=given_to(me)[:SHOWN_MAX],
            links=links[:SHOWN_MAX],
            open_links=set(links.open_at(timezone.now()).values_list("pk", flat=True)),
            is_on=settings.ENABLE_INTERNAL_SHARING,
            shown_max=SHOWN_MAX,
            **kwargs,
        )


class EndSharePage(ConfirmPage):
    """The owner takes back what they gave, or whoever got it leaves."""

    template_name = "pages/sharing/end_share.html"
    success_url = reverse_lazy("account-sharing")

    @cached_property
    def share(self) -> Share:
        me = self.request.user
        return get_object_or_404(given_by(me) | given_to(me), pk=self.kwargs["pk"])

    @property
    def is_mine(self) -> bool:
        return self.share.recording.owner_id == self.request.user.pk

    @property
    def saved(self) -> str:
        if self.is_mine:
            return f"{self.share.user} no longer has “{self.share.recording}”."
        return f"You have left “{self.share.recording}”."

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(share=self.share, is_mine=self.is_mine, **kwargs)

    def save(self, form: forms.Form) -> None:
        share = self.share
        end_share(recording=share.recording, user_id=share.user_id, by=self.request.user)


class EndLinkPage(ConfirmPage):
    template_name = "pages/sharing/end_link.html"
    success_url = reverse_lazy("account-sharing")

    @cached_property
    def link(self) -> PublicLink:
        return get_object_or_404(links_of(self.request.user), pk=self.kwargs["pk"])

    @property
    def saved(self) -> str:
        return f"The public link of “{self.link.recording}” has ended."

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(link=self.link, **kwargs)

    def save(self, form: forms.Form) -> None:
        unpublish(recording=self.link.recording, by=self.request.user)
