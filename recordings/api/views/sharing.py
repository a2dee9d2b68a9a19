"""Who may read or change one recording besides its owner."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from recordings.api.serializers import sharing
from recordings.models import Recording
from recordings.models.recording import RecordingQuerySet
from recordings.models.sharing import Access, access_to
from recordings.services.sharing import (
    end_share,
    require_owner,
    require_sharing_enabled,
    share_recording,
)
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet, is_storable_id
from speakr_site.core.errors import NotFound


@extend_schema(tags=["Sharing"])
class ShareViewSet(ScopedViewSet):
    model = Recording
    scopes = {"list": "read", "create": "read", "destroy": "read"}
    pagination_class = None

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().defer("notes", "summary")

    @extend_schema(
        summary="Who has access to a recording",
        responses={200: sharing.ShareListSerializer, **errors(403)},
    )
    def list(self, request: Request, pk: str) -> Response:
        """For the owner: everybody else who may read or change it, once for each way in which they
        come to it, by user name. While sharing is switched off, what was given by hand: it counts
        again when sharing is switched on.
        """
        recording = self.get_object()
        require_owner(recording, request.user)
        return Response(sharing.ShareListSerializer({"shares": access_to(recording)}).data)

    @extend_schema(
        summary="Share a recording with a person",
        request=sharing.ShareBodySerializer,
        responses={200: sharing.ShareSerializer, 201: sharing.ShareSerializer},
    )
    def create(self, request: Request, pk: str) -> Response:
        """For the owner. Who has a share already gets the given right instead: 200."""
        recording = self.get_object()
        require_owner(recording, request.user)
        require_sharing_enabled()
        body = sharing.ShareBodySerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        given = body.validated_data
        user = User.objects.named(given["user"])
        if user is None:
            raise NotFound("User not found")
        share, is_new = share_recording(
            recording=recording, user=user, can_edit=given["can_edit"], by=request.user
        )
        answer = sharing.ShareSerializer(Access.by_hand(share)).data
        return Response(answer, status=201 if is_new else 200)

    @extend_schema(
        summary="Take a recording back from a person, or leave it",
        responses={204: None, **errors(409)},
    )
    def destroy(self, request: Request, pk: str, user_id: str) -> Response:
        """For the owner, and for the person with whom it is shared. What a group gives cannot be
        taken here: it ends with tag, folder or membership.
        """
        recording = self.get_object()
        if not is_storable_id(user_id):
            raise NotFound("Share not found")
        end_share(recording=recording, user_id=int(user_id), by=request.user)
        return Response(status=204)
