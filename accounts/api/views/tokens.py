"""A person's own tokens, at /api/tokens: beside the API's version, as clients know it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import in_, out
from accounts.models import ApiToken
from accounts.services import issue_token, rename_token, revoke_token
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import NotFound


@extend_schema(tags=["Tokens"])
class TokenViewSet(ScopedViewSet):
    model = ApiToken
    scopes = {"list": "read", "create": "self", "update": "read", "destroy": "read"}
    reveals_existence = False
    pagination_class = None

    def get_object(self) -> ApiToken:
        try:
            return super().get_object()
        except NotFound:
            raise NotFound("Token not found") from None

    @extend_schema(summary="List tokens", responses={200: out.TokenListSerializer})
    def list(self, request: Request) -> Response:
        """The caller's tokens, the newest first, without those that were revoked."""
        return Response({"tokens": out.TokenSerializer(self.get_queryset(), many=True).data})

    @extend_schema(
        summary="Make a token",
        request=in_.TokenCreateSerializer,
        responses={201: out.TokenMadeSerializer},
    )
    def create(self, request: Request) -> Response:
        """Makes a token, and shows its secret this once.

        Made with a token, it ends with that one at the latest: `expires_at` says when.
        """
        body = in_.TokenCreateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        days = body.validated_data["days"]
        token, secret = issue_token(
            user=request.user,
            name=body.validated_data["name"],
            expires_at=timezone.now() + timedelta(days=days) if days else None,
            by=request.user,
            parent=request.auth if isinstance(request.auth, ApiToken) else None,
        )
        shown = {**out.TokenSerializer(token).data, "token": secret}
        return Response(shown, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(
        summary="Rename a token",
        request=in_.TokenUpdateSerializer,
        responses=out.TokenSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        """Renames a token; nothing else about one can be changed."""
        token = self.get_object()
        body = in_.TokenUpdateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        rename_token(token=token, name=body.validated_data["name"], by=request.user)
        return Response(out.TokenSerializer(token).data)

    @extend_schema(summary="Revoke a token", responses={200: out.TokenRevokedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Ends a token at once, and those that were made with it."""
        revoke_token(token=self.get_object(), by=request.user)
        return Response({"message": "Token revoked successfully"})
