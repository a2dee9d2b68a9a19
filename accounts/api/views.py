"""People over the API."""

from __future__ import annotations

from django.db.models import Prefetch, prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import UserSerializer
from accounts.models import Membership, User
from speakr_site.core.api.viewsets import ScopedViewSet


class CurrentUserViewSet(ScopedViewSet):
    model = User
    scopes = {"retrieve": "self"}
    pagination_class = None

    @extend_schema(tags=["Users"], summary="The caller", responses=UserSerializer)
    def retrieve(self, request: Request) -> Response:
        """The caller: who they are, what they prefer, and the groups they are in."""
        memberships = Membership.objects.select_related("group").order_by("group__name", "id")
        prefetch_related_objects([request.user], Prefetch("memberships", memberships))
        return Response(UserSerializer(request.user).data)
