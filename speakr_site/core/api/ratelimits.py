"""How many requests a caller may send: five groups of the API reference (Rate Limits), counted by
django-ratelimit in windows that are fixed.

A caller is a person or, without a valid log-in, an address. The groups of a caller are counted
apart. The numbers are settings.RATE_LIMITS; the counts are in the cache.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from django.conf import settings
from django.http.response import HttpResponseBase
from django_ratelimit.core import get_usage
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from speakr_site.core.addresses import client_address

RateGroup = Literal["stats", "read", "write", "processing", "batch"]


class RateLimit(BaseThrottle):
    """Counts a request once, however often it is asked; what it counted is `request.rate_usage`:
    {count, limit, should_limit, time_left}, or None where nothing limits.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not hasattr(request, "rate_usage"):
            request.rate_usage = _counted(request, group_of(request, view))
        self.usage = request.rate_usage
        return not (self.usage and self.usage["should_limit"])

    def wait(self) -> int:
        return _reset_seconds(self.usage)


class RateLimited:
    """Part of every view of the API. `rate_groups`: by action, where the method does not tell."""

    rate_groups: ClassVar[dict[str, RateGroup]] = {}
    throttle_classes = [RateLimit]

    def perform_authentication(self, request: Request) -> None:
        """And counts. DRF itself would count after the permissions, so nobody without a log-in."""
        try:
            super().perform_authentication(request)
        except APIException:
            self.check_throttles(request)
            raise
        self.check_throttles(request)

    def count_also(self, request: Request, group: RateGroup) -> None:
        """For a request whose body makes it one of another group besides. Raises Throttled."""
        request.rate_usage = _counted(request, group)
        self.check_throttles(request)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if usage := getattr(request, "rate_usage", None):
            response["RateLimit-Limit"] = usage["limit"]
            response["RateLimit-Remaining"] = max(0, usage["limit"] - usage["count"])
            response["RateLimit-Reset"] = _reset_seconds(usage)
        return super().finalize_response(request, response, *args, **kwargs)


def group_of(request: Request, view: APIView) -> RateGroup:
    named = getattr(view, "rate_groups", {}).get(getattr(view, "action", None))
    return named or ("read" if request.method in SAFE_METHODS else "write")


def _counted(request: Request, group: RateGroup) -> dict[str, Any] | None:
    return get_usage(
        request,
        group=f"api {group}",
        key=lambda _group, sent: _caller(sent),
        rate=lambda _group, _request: settings.RATE_LIMITS.get(group),
        increment=True,
    )


def _caller(request: Request) -> str:
    if request.user.is_authenticated:
        return f"user {request.user.pk}"
    return f"address {client_address(request)}"


def _reset_seconds(usage: dict[str, Any]) -> int:
    # The second in which a window ends belongs to it.
    return usage["time_left"] + 1
