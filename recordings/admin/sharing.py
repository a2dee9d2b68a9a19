"""The console's pages for shares and public links: owners make them, an operator may look at them
and end them.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin
from django.db import models
from django.db.models import Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from recordings.models import PublicLink, Recording, Share
from recordings.models.sharing import Access, Source, access_to
from recordings.services.public_links import close_as_operator
from recordings.services.sharing import end_as_operator

# Content, or long: neither lists nor forms need them.
UNSEEN = ("notes", "summary", "prompt_variables", "warnings")
# Who has the token has the address; who has the hash may try passwords on it.
SECRET = ("token", "password")


def access_lines(recording: Recording) -> str | None:
    """Who besides its owner may read or change it and why; None: nobody."""
    lines = ([_line(way)] for way in access_to(recording))
    return format_html_join("", "<p>{}</p>", lines) or None


def link_line(recording: Recording) -> str | None:
    """Whether its public link answers, leading to the link; None: it has none."""
    link = described(PublicLink.objects.filter(recording=recording)).first()
    if link is None:
        return None
    url = reverse("admin:recordings_publiclink_change", args=[link.pk])
    said = "Open to whoever has its address" if link.is_open else "There, and does not answer"
    return format_html('<a href="{}">{}</a>', url, said)


def described(links: QuerySet[PublicLink]) -> QuerySet[PublicLink]:
    """With `is_open` and `has_password`, and without what must not be seen."""
    answering = PublicLink.objects.open_at(timezone.now()).filter(pk=OuterRef("pk"))
    has_password = ExpressionWrapper(~Q(password=""), models.BooleanField())
    return links.defer(*SECRET).annotate(is_open=Exists(answering), has_password=has_password)


def _line(way: Access) -> str:
    may = "may read and change it" if way.can_edit else "may read it"
    if way.source == Source.MANUAL:
        return f"{way.username} {may}: given by the owner"
    return f"{way.username} {may}: by the {way.source} {way.source_name} of {way.group_name}"


class EndedHere(admin.ModelAdmin):
    """What its owner makes over the API; here a service deletes it. `line(row)` names one."""

    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request).select_related("recording__owner")
        return rows.defer(*(f"recording__{name}" for name in UNSEEN))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: Share | PublicLink) -> None:
        self.delete_queryset(request, [obj])

    def get_deleted_objects(
        self, objs: Iterable[Share | PublicLink], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A line for each that says whose it is."""
        lines = [self.line(row) for row in objs]
        return lines, {self.opts.verbose_name_plural: len(lines)}, set(), []

    @admin.display(ordering="recording__owner__username")
    def owner(self, row: Share | PublicLink) -> str:
        return str(row.recording.owner)


@admin.register(Share)
class ShareAdmin(EndedHere):
    list_display = ["recording", "owner", "user", "can_edit", "created_at"]
    fields = ["recording", "owner", "user", "can_edit", "created_at"]
    readonly_fields = ["owner"]
    list_filter = ["can_edit"]
    date_hierarchy = "created_at"
    search_fields = [
        "recording__title",
        "recording__owner__username",
        "recording__owner__email",
        "user__username",
        "user__email",
    ]
    search_help_text = "Title of the recording, user name or e-mail of its owner or of who got it."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Share]:
        return super().get_queryset(request).select_related("user")

    def line(self, share: Share) -> str:
        return f"{share.recording} of {share.recording.owner}, shared with {share.user}"

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Share]) -> None:
        end_as_operator(shares=queryset, by=request.user)


@admin.register(PublicLink)
class PublicLinkAdmin(EndedHere):
    list_display = ["recording", "owner", "answers", "guarded", "created_at", "expires_at"]
    fields = [
        "recording",
        "owner",
        "answers",
        "guarded",
        "share_summary",
        "share_notes",
        "created_at",
        "expires_at",
    ]
    readonly_fields = ["owner", "answers", "guarded"]
    date_hierarchy = "created_at"
    search_fields = ["recording__title", "recording__owner__username", "recording__owner__email"]
    search_help_text = "Title of the recording, user name or e-mail of its owner."

    def get_queryset(self, request: HttpRequest) -> QuerySet[PublicLink]:
        return described(super().get_queryset(request))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Django allows any own column: `?token__startswith=` would read the token bit by bit."""
        asked = lookup.partition("__")[0]
        return asked not in SECRET and super().lookup_allowed(lookup, value, request)

    def line(self, link: PublicLink) -> str:
        return f"Public link of {link.recording} of {link.recording.owner}"

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[PublicLink]) -> None:
        close_as_operator(links=queryset, by=request.user)

    @admin.display(boolean=True)
    def answers(self, link: PublicLink) -> bool:
        """Not past its end, and neither a switch nor a right of the owner's is off."""
        return bool(link.is_open)

    @admin.display(boolean=True, description="has a password")
    def guarded(self, link: PublicLink) -> bool:
        return link.has_password
