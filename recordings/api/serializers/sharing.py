"""What sharing a recording takes and answers."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from recordings.models.sharing import Source
from speakr_site.core.api.fields import StrictBooleanField, TextField, UtcDateTimeField

# Of an e-mail address; no user name is as long.
USER_MAX_LENGTH = 254


class ShareBodySerializer(serializers.Serializer):
    user = TextField(
        max_length=USER_MAX_LENGTH, help_text="User name or e-mail, exact; an e-mail in any case."
    )
    can_edit = StrictBooleanField(
        default=False, help_text="Whether they may change the recording too."
    )


class ShareSerializer(serializers.Serializer):
    """One way in which a person comes to a recording."""

    user_id = serializers.IntegerField()
    username = serializers.CharField()
    can_edit = serializers.BooleanField()
    source = serializers.ChoiceField(
        Source.choices,
        help_text="`manual`: given by the owner. `tag` and `folder`: by the group that it belongs "
        "to, for as long as the recording is filed under it.",
    )
    source_id = serializers.IntegerField(
        allow_null=True, help_text="Of the tag or folder; null for `manual`."
    )
    created_at = UtcDateTimeField()


@extend_schema_serializer(many=False)
class ShareListSerializer(serializers.Serializer):
    shares = ShareSerializer(many=True)
