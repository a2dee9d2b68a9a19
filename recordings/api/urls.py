"""Every route under /recordings and /transcription: the table of contents of this room's API."""

from __future__ import annotations

from django.urls import re_path

from recordings.api.views.audio import AudioViewSet
from recordings.api.views.connector import ConnectorViewSet
from recordings.api.views.processing import TranscribeViewSet
from recordings.api.views.recordings import RecordingViewSet, UploadViewSet
from recordings.api.views.transcript import NotesViewSet, SummaryViewSet, TranscriptViewSet

ONE = r"recordings/(?P<pk>[0-9]+)"

TEXT = {"get": "retrieve", "put": "update"}

urlpatterns = [
    re_path(r"^recordings\Z", RecordingViewSet.as_view({"get": "list"})),
    re_path(r"^recordings/upload\Z", UploadViewSet.as_view({"post": "create"})),
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
    re_path(rf"^{ONE}/transcribe\Z", TranscribeViewSet.as_view({"post": "create"})),
    re_path(rf"^{ONE}/audio\Z", AudioViewSet.as_view({"get": "retrieve"})),
    re_path(r"^transcription\Z", ConnectorViewSet.as_view({"get": "retrieve"})),
]
