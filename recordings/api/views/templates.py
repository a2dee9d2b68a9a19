"""The caller's transcript templates over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema

from recordings.api.serializers.templates import (
    TemplateCreateSerializer,
    TemplateListSerializer,
    TemplateSerializer,
    TemplateUpdateSerializer,
)
from recordings.models import TranscriptTemplate
from recordings.services.templates import transcript_templates
from speakr_site.core.api.templates import TemplateActions, described
from speakr_site.core.api.viewsets import ScopedViewSet


@described(
    listed="None is needed: without a default template, a transcript is `Speaker: text`, a line "
    "for each segment.",
    changed="Changes what is given and leaves the rest.",
    deleted="Without a default template, transcripts are `Speaker: text` again.",
)
@extend_schema(tags=["Transcript templates"])
class TranscriptTemplateViewSet(TemplateActions, ScopedViewSet):
    model = TranscriptTemplate
    templates = transcript_templates
    to_create, to_change = TemplateCreateSerializer, TemplateUpdateSerializer
    shape, listing = TemplateSerializer, TemplateListSerializer
