"""Who sends this request: a token from one of four places.

A session cookie is the business of DRF's own class, which comes second.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from accounts.models import ApiToken, User
from speakr_site.core import attempts

TOKEN_HEADERS = ("X-API-Token", "API-Token")
GROUP = "tokens"


class ApiTokenAuthentication(BaseAuthentication):
    """The first place that holds a token decides; a bad one there is final (contract 2.1)."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        secret = presented_secret(request)
        if secret is None:
            return None
        token = ApiToken.objects.presented(secret).first()
        if token is None:
            refuse(request)
        token.touch()
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def refuse(request: Request) -> NoReturn:
    """401, or 429 to an address that failed too often; a good token never gets here."""
    if wait := attempts.failed(request, GROUP):
        raise Throttled(wait, "Too many failed attempts.")
    raise AuthenticationFailed("Invalid or expired token")


def presented_secret(request: Request) -> str | None:
    """The token as sent, None when none is. An empty header or parameter counts as none."""
    scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    for header in TOKEN_HEADERS:
        if value := request.headers.get(header, "").strip():
            return value
    if settings.ALLOW_QUERY_TOKEN:
        return request.query_params.get("token", "").strip() or None
    return None


class ApiTokenScheme(OpenApiAuthenticationExtension):
    """Four ways to present one token; any of them will do."""

    target_class = ApiTokenAuthentication
    name = ["bearer", "tokenHeader", "shortTokenHeader", "tokenQuery"]
    priority = 1

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list]]:
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer"},
            {"type": "apiKey", "in": "header", "name": "X-API-Token"},
            {"type": "apiKey", "in": "header", "name": "API-Token"},
            {"type": "apiKey", "in": "query", "name": "token"},
        ]
