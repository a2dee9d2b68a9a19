"""What the API answers, for the OpenAPI document. The answers themselves are built in
api/shapes.py.
"""

from __future__ import annotations

from rest_framework import serializers

from recordings.models import Job, Recording
from speakr_site.core.api.fields import UtcDateTimeField


class FolderReferenceSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class TagReferenceSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    color = serializers.CharField()


class _CommonSerializer(serializers.Serializer):
    """What a list item and the details share."""

    id = serializers.IntegerField()
    title = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=Recording.Status.choices)
    created_at = UtcDateTimeField(help_text="When it was uploaded.")
    completed_at = UtcDateTimeField(allow_null=True, help_text="Last successful end of processing.")
    meeting_date = UtcDateTimeField(allow_null=True)
    file_size = serializers.IntegerField(allow_null=True, help_text="Bytes as stored.")
    original_filename = serializers.CharField(allow_null=True)
    participants = serializers.CharField(allow_null=True)
    is_inbox = serializers.BooleanField(help_text="The caller's own flag.")
    is_highlighted = serializers.BooleanField(help_text="The caller's own flag.")
    audio_available = serializers.BooleanField()
    audio_duration = serializers.FloatField(allow_null=True, help_text="Seconds.")
    processing_time_seconds = serializers.FloatField(allow_null=True)
    transcription_duration_seconds = serializers.FloatField(allow_null=True)
    summarization_duration_seconds = serializers.FloatField(allow_null=True)
    folder_id = serializers.IntegerField(
        allow_null=True,
        help_text="null in no folder that the caller may know of, and while folders are disabled.",
    )
    folder = FolderReferenceSerializer(allow_null=True)
    deletion_exempt = serializers.BooleanField()
    error_message = serializers.CharField(
        allow_null=True, help_text="Set only while status is FAILED."
    )
    keep_audio_only = serializers.BooleanField()
    tags = TagReferenceSerializer(
        many=True,
        help_text="The caller's own and those of their groups, in the order of attaching.",
    )
    shared_by = serializers.CharField(
        required=False, help_text="User name of the owner; only on somebody else's recording."
    )
    can_edit = serializers.BooleanField(
        required=False, help_text="Whether the caller may; only on somebody else's recording."
    )


class RecordingListSerializer(_CommonSerializer):
    """A recording as a list shows it, without its texts."""

    has_transcription = serializers.BooleanField()
    has_summary = serializers.BooleanField()


class CalendarEventSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    start_datetime = UtcDateTimeField()
    end_datetime = UtcDateTimeField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    location = serializers.CharField(allow_null=True)
    attendees = serializers.ListField(
        child=serializers.CharField(), help_text="Names, as they were said."
    )
    reminder_minutes = serializers.IntegerField(help_text="Before the start; 0: none.")


# Otherwise the answer of an action on one recording would be described as an array.
class EventListSerializer(serializers.Serializer):
    events = CalendarEventSerializer(many=True)


class CopySerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    created_at = UtcDateTimeField()
    is_self = serializers.BooleanField()


class DuplicateInfoSerializer(serializers.Serializer):
    total_copies = serializers.IntegerField()
    copies = CopySerializer(many=True)


class RecordingDetailSerializer(_CommonSerializer):
    """A recording and what belongs to it."""

    mime_type = serializers.CharField(allow_null=True)
    events = CalendarEventSerializer(
        many=True, help_text="By start; none while the owner has `extract_events` off."
    )
    duplicate_info = DuplicateInfoSerializer(
        allow_null=True, help_text="Of the caller's own recordings alone; null without a copy."
    )
    transcription = serializers.CharField(
        allow_null=True,
        required=False,
        help_text="By the caller's default transcript template; without one `Speaker: text`, a "
        "line for each segment.",
    )
    summary = serializers.CharField(allow_null=True, required=False)
    notes = serializers.CharField(allow_null=True, required=False, help_text="The caller's own.")


class DuplicateWarningSerializer(serializers.Serializer):
    existing_recording_id = serializers.IntegerField()
    existing_title = serializers.CharField(allow_null=True)
    existing_created_at = UtcDateTimeField()


class RecordingCreatedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=Recording.Status.choices)
    created_at = UtcDateTimeField()
    meeting_date = UtcDateTimeField()
    file_size = serializers.IntegerField()
    original_filename = serializers.CharField()
    mime_type = serializers.CharField()
    notes = serializers.CharField(allow_null=True)
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="Hints that could not be used, a sentence each."
    )
    duplicate_warning = DuplicateWarningSerializer(required=False)


class StatusSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Recording.Status.choices)
    queue_position = serializers.IntegerField(
        allow_null=True, help_text="From 1; null unless it waits."
    )
    error_message = serializers.CharField(allow_null=True)
    completed_at = UtcDateTimeField(allow_null=True)
    progress = serializers.FloatField(help_text="0 to 1.")
    stage = serializers.ChoiceField(choices=Job.Stage.choices, allow_null=True)
    eta_seconds = serializers.IntegerField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())


class SegmentSerializer(serializers.Serializer):
    speaker = serializers.CharField()
    sentence = serializers.CharField()
    start_time = serializers.FloatField(allow_null=True)
    end_time = serializers.FloatField(allow_null=True)


class TranscriptSerializer(serializers.Serializer):
    """`segments` with format=json, `content` with the others."""

    format = serializers.ChoiceField(choices=["json", "text", "srt", "vtt"])
    segments = SegmentSerializer(many=True, required=False)
    content = serializers.CharField(required=False)


class SummaryMetaSerializer(serializers.Serializer):
    """What made a summary, and of how much of the transcript."""

    model = serializers.CharField(allow_null=True, help_text="null where none was used.")
    sections = serializers.IntegerField(help_text="In how many parts it was read.")
    input_chars = serializers.IntegerField(help_text="Characters of the transcript.")
    covered_chars = serializers.IntegerField(help_text="Those of them that were read.")
    extractive = serializers.BooleanField(
        help_text="true: key sentences of the transcript, picked without a language model."
    )


class SummarySerializer(serializers.Serializer):
    summary = serializers.CharField(allow_null=True)
    has_summary = serializers.BooleanField()
    summary_meta = SummaryMetaSerializer(
        allow_null=True, help_text="null without a summary, and for one that a person wrote."
    )


class NotesSerializer(serializers.Serializer):
    notes = serializers.CharField(allow_null=True, help_text="The caller's own.")
    has_notes = serializers.BooleanField()


class SummaryStoredSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    summary = serializers.CharField(allow_null=True)


class NotesStoredSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    notes = serializers.CharField(allow_null=True)


class PatchedFieldsSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField(allow_null=True)
    participants = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True, help_text="The caller's own.")
    summary = serializers.CharField(allow_null=True)
    meeting_date = UtcDateTimeField(allow_null=True)
    is_inbox = serializers.BooleanField(help_text="The caller's own flag.")
    is_highlighted = serializers.BooleanField(help_text="The caller's own flag.")
    folder_id = serializers.IntegerField(
        allow_null=True,
        help_text="null in no folder that the caller may know of, and while folders are disabled.",
    )


class RecordingEditedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    recording = PatchedFieldsSerializer()


class TitleSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    title = serializers.CharField()
    recording = RecordingDetailSerializer()


class QueuedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    job_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["QUEUED"])
    message = serializers.CharField()


class CapabilitiesSerializer(serializers.Serializer):
    diarization = serializers.BooleanField()
    speaker_count_control = serializers.BooleanField()
    hotwords = serializers.BooleanField()
    initial_prompt = serializers.BooleanField()
    timestamps = serializers.BooleanField()
    language_detection = serializers.BooleanField()
    chunking = serializers.BooleanField()


class ModelChoiceSerializer(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()


class ConnectorSerializer(serializers.Serializer):
    connector = serializers.CharField(allow_null=True)
    capabilities = CapabilitiesSerializer()
    models = ModelChoiceSerializer(many=True)
    default_model = serializers.CharField(allow_null=True)
