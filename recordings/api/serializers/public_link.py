"""What a public link takes and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from recordings.models import PublicLink
from speakr_site.core.api.fields import KeptMomentField, StrictBooleanField, TextField, utc_text

PASSWORD_MAX = 128


class PublicLinkBodySerializer(serializers.Serializer):
    share_summary = StrictBooleanField(
        required=False, help_text="Whether the page shows the summary; at first, it does."
    )
    share_notes = StrictBooleanField(
        required=False, help_text="Whether the page shows the owner's notes; at first, it does not."
    )
    expires_at = KeptMomentField(
        required=False,
        allow_null=True,
        end_of_day=True,
        help_text="From when on the page does not answer, in the future; a date without a time "
        "includes that day; null: never.",
    )
    password = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        max_length=PASSWORD_MAX,
        help_text='What visitors must type to see anything; null or "" takes it away.',
    )


class PublicLinkSerializer(serializers.Serializer):
    url = serializers.URLField(help_text="The address of the page.")
    share_summary = serializers.BooleanField()
    share_notes = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    has_password = serializers.BooleanField()
    created_at = serializers.DateTimeField()


def public_link(link: PublicLink, *, url: str) -> dict[str, Any]:
    """A link as the wire has it, in the shape of PublicLinkSerializer."""
    return {
        "url": url,
        "share_summary": link.share_summary,
        "share_notes": link.share_notes,
        "expires_at": utc_text(link.expires_at),
        "has_password": bool(link.password),
        "created_at": utc_text(link.created_at),
    }
