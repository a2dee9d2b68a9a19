"""GET /stats: its query, and the shape of its answer, which stats.py builds."""

from __future__ import annotations

from rest_framework import serializers

from recordings.api.serializers.in_ import QueryChoiceField
from speakr_site.core.api.fields import UtcDateTimeField


class StatsQuerySerializer(serializers.Serializer):
    scope = QueryChoiceField(
        choices=["user", "all"],
        default="user",
        help_text="user: the caller's own numbers; all: everybody's, for operators.",
    )


class RecordingCountsSerializer(serializers.Serializer):
    total = serializers.IntegerField(help_text="The sum of the other four.")
    completed = serializers.IntegerField()
    processing = serializers.IntegerField(help_text="PROCESSING or SUMMARIZING.")
    pending = serializers.IntegerField()
    failed = serializers.IntegerField()


class StorageSerializer(serializers.Serializer):
    used_bytes = serializers.IntegerField(help_text="Of the audio that is still stored.")
    used_human = serializers.CharField(help_text="In steps of 1024, with one decimal.")


class QueueSerializer(serializers.Serializer):
    """The jobs that the caller asked for; with scope=all, those of everybody."""

    jobs_queued = serializers.IntegerField()
    jobs_processing = serializers.IntegerField()


class TokenStatsSerializer(serializers.Serializer):
    """Tokens of the language model in this calendar month (UTC)."""

    used_this_month = serializers.IntegerField()
    budget = serializers.IntegerField(allow_null=True, help_text="null: no limit.")
    percentage = serializers.FloatField(allow_null=True, help_text="May exceed 100.")


class TranscriptionStatsSerializer(serializers.Serializer):
    """Audio transcribed in this calendar month (UTC)."""

    used_this_month_seconds = serializers.IntegerField()
    used_this_month_minutes = serializers.IntegerField(help_text="Rounded down.")
    budget_seconds = serializers.IntegerField(allow_null=True, help_text="null: no limit.")
    budget_minutes = serializers.IntegerField(allow_null=True, help_text="null: no limit.")
    percentage = serializers.FloatField(allow_null=True, help_text="May exceed 100.")
    estimated_cost = serializers.FloatField(help_text="US dollars.")


class ActivitySerializer(serializers.Serializer):
    recordings_today = serializers.IntegerField(help_text="Uploaded since midnight (UTC).")
    last_transcription = UtcDateTimeField(allow_null=True)


class PeopleSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    active = serializers.IntegerField(
        help_text="People who uploaded something in the last 30 days."
    )


class StatsSerializer(serializers.Serializer):
    recordings = RecordingCountsSerializer()
    storage = StorageSerializer()
    queue = QueueSerializer()
    tokens = TokenStatsSerializer()
    transcription = TranscriptionStatsSerializer()
    activity = ActivitySerializer()
    users = PeopleSerializer(required=False, help_text="With scope=all only.")
