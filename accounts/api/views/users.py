"""The caller over the API."""

from __future__ import annotations

from django.db.models import Prefetch, prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import in_, out
from accounts.models import Membership, User
from accounts.services import set_auto_summarization, update_profile
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Users"])
class CurrentUserViewSet(ScopedViewSet):
    model = User
    scopes = {"retrieve": "self", "update": "self"}
    pagination_class = None

    @extend_schema(summary="The caller", responses=out.UserSerializer)
    def retrieve(self, request: Request) -> Response:
        """The caller: who they are, what they prefer, and the groups they are in."""
        memberships = Membership.objects.select_related("group").order_by("group__name", "id")
        prefetch_related_objects([request.user], Prefetch("memberships", memberships))
        return Response(out.UserSerializer(request.user).data)

    @extend_schema(
        summary="Change the caller",
        request=in_.CurrentUserBodySerializer,
        responses=out.UserSerializer,
    )
    def update(self, request: Request) -> Response:
        """Changes what is given and leaves the rest, in the shape in which it is read. User name,
        e-mail and password are not changed here: a token alone must not be enough for that.
        """
        body = in_.CurrentUserBodySerializer(request.user, data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        update_profile(user=request.user, changes=body.validated_data)
        return self.retrieve(request)


class AutoSummarizationViewSet(ScopedViewSet):
    model = User
    scopes = {"update": "self"}

    @extend_schema(
        tags=["Users"],
        summary="Have recordings summarized, or not",
        request=in_.AutoSummarizationSerializer,
        responses=out.AutoSummarizationSetSerializer,
    )
    def update(self, request: Request) -> Response:
        """The caller's preference `auto_summarization`; it counts for what is transcribed later."""
        body = in_.AutoSummarizationSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        enabled = body.validated_data["enabled"]
        set_auto_summarization(user=request.user, enabled=enabled)
        return Response({"success": True, "auto_summarization": enabled})
