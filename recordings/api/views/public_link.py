"""The public link of one recording."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers.public_link import (
    PublicLinkBodySerializer,
    PublicLinkSerializer,
    public_link,
)
from recordings.models import PublicLink, Recording
from recordings.models.recording import RecordingQuerySet
from recordings.services.public_links import public_link_of, publish, unpublish
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Sharing"])
class PublicLinkViewSet(ScopedViewSet):
    """Only the owner has to do with it: the services refuse those who may read the recording."""

    model = Recording
    scopes = {"retrieve": "read", "create": "read", "destroy": "read"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().only("pk", "owner_id")

    @extend_schema(
        summary="Read the public link of a recording",
        description="404 where there is none. The owner's alone, who must be permitted to share "
        "publicly; 403 as well while the server has public sharing switched off.",
        responses=PublicLinkSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        link = public_link_of(recording=self.get_object(), by=request.user)
        return Response(public_link(link, url=_address(request, link)))

    @extend_schema(
        summary="Open a public link, or change it",
        description="Whoever has its address sees title, date, participants, transcript and "
        "audio, without a log-in. Where there is a link already it keeps its address, and what is "
        "not given stays as it was: 200. A new password locks the page again for everybody.",
        request=PublicLinkBodySerializer,
        responses={200: PublicLinkSerializer, 201: PublicLinkSerializer},
    )
    def create(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = PublicLinkBodySerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        link, is_new = publish(recording=recording, by=request.user, changes=body.validated_data)
        shape = public_link(link, url=_address(request, link))
        return Response(shape, status=201 if is_new else 200)

    @extend_schema(
        summary="Close the public link",
        description="Its address is dead at once, and for good: a link that is opened later has "
        "another. Where there is none, nothing happens.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        unpublish(recording=self.get_object(), by=request.user)
        return Response(status=204)


def _address(request: Request, link: PublicLink) -> str:
    """Below PUBLIC_URL, or below what the request was sent to."""
    path = reverse("public-page", args=[link.token])
    return (
        f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)
    )
