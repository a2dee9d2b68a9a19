"""Every route of this room: the table of contents of its API; `unversioned` are those beside
/api/v1.
"""

from __future__ import annotations

from django.urls import re_path

from recordings.api.views.audio import AudioViewSet
from recordings.api.views.batch import BatchViewSet
from recordings.api.views.calendar import EventsViewSet
from recordings.api.views.chat import ChatViewSet
from recordings.api.views.connector import ConnectorViewSet
from recordings.api.views.filing import RecordingTagViewSet
from recordings.api.views.processing import SummarizeViewSet, TranscribeViewSet
from recordings.api.views.public_link import PublicLinkViewSet
from recordings.api.views.recordings import RecordingViewSet, UploadViewSet
from recordings.api.views.sharing import ShareViewSet
from recordings.api.views.speakers import (
    AssignViewSet,
    IdentifyViewSet,
    RecordingSpeakersViewSet,
)
from recordings.api.views.stats import StatsViewSet
from recordings.api.views.templates import TranscriptTemplateViewSet
from recordings.api.views.transcript import NotesViewSet, SummaryViewSet, TranscriptViewSet

ONE = r"recordings/(?P<pk>[0-9]+)"

TEXT = {"get": "retrieve", "put": "update"}
TEMPLATE = {"get": "retrieve", "patch": "update", "put": "update", "delete": "destroy"}

urlpatterns = [
    re_path(r"^recordings\Z", RecordingViewSet.as_view({"get": "list"})),
    re_path(r"^recordings/upload\Z", UploadViewSet.as_view({"post": "create"})),
    re_path(
        r"^recordings/batch\Z",
        BatchViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
    ),
    re_path(r"^recordings/batch/transcribe\Z", BatchViewSet.as_view({"post": "transcribe"})),
    re_path(
        rf"^{ONE}\Z",
        RecordingViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
    re_path(rf"^{ONE}/status\Z", RecordingViewSet.as_view({"get": "status"})),
    re_path(rf"^{ONE}/transcript\Z", TranscriptViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{ONE}/summary\Z", SummaryViewSet.as_view(TEXT)),
    re_path(rf"^{ONE}/notes\Z", NotesViewSet.as_view(TEXT)),
    re_path(rf"^{ONE}/speakers\Z", RecordingSpeakersViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{ONE}/speakers/assign\Z", AssignViewSet.as_view({"put": "update"})),
    re_path(rf"^{ONE}/speakers/identify\Z", IdentifyViewSet.as_view({"post": "create"})),
    re_path(rf"^{ONE}/tags\Z", RecordingTagViewSet.as_view({"post": "create"})),
    re_path(
        rf"^{ONE}/tags/(?P<tag_id>[0-9]+)\Z", RecordingTagViewSet.as_view({"delete": "destroy"})
    ),
    re_path(rf"^{ONE}/shares\Z", ShareViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^{ONE}/shares/(?P<user_id>[0-9]+)\Z", ShareViewSet.as_view({"delete": "destroy"})),
    re_path(rf"^{ONE}/transcribe\Z", TranscribeViewSet.as_view({"post": "create"})),
    re_path(rf"^{ONE}/summarize\Z", SummarizeViewSet.as_view({"post": "create"})),
    re_path(rf"^{ONE}/chat\Z", ChatViewSet.as_view({"post": "create"})),
    re_path(rf"^{ONE}/regenerate_title\Z", RecordingViewSet.as_view({"post": "regenerate_title"})),
    re_path(rf"^{ONE}/events\Z", EventsViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{ONE}/events/ics\Z", EventsViewSet.as_view({"get": "download"})),
    re_path(rf"^{ONE}/audio\Z", AudioViewSet.as_view({"get": "retrieve"})),
    re_path(
        rf"^{ONE}/public-link\Z",
        PublicLinkViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}),
    ),
    re_path(r"^transcription\Z", ConnectorViewSet.as_view({"get": "retrieve"})),
    re_path(r"^stats\Z", StatsViewSet.as_view({"get": "retrieve"})),
]
unversioned = [
    re_path(
        r"^transcript-templates\Z",
        TranscriptTemplateViewSet.as_view({"get": "list", "post": "create"}),
    ),
    re_path(r"^transcript-templates/(?P<pk>[0-9]+)\Z", TranscriptTemplateViewSet.as_view(TEMPLATE)),
]
