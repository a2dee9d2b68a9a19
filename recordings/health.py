"""What load balancers and containers ask, without a token: /healthz and /readyz."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from recordings.services.health import OK, readiness

NOT_KEPT = {"Cache-Control": "no-store"}


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Asks nothing else."""
    return JsonResponse({"status": "ok"}, headers=NOT_KEPT)


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether an upload of now would be kept and transcribed: 200, or 503 with what is missing."""
    checks = readiness()
    is_ready = set(checks.values()) == {OK}
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "checks": checks},
        status=200 if is_ready else 503,
        headers=NOT_KEPT,
    )
