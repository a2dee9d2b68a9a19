"""Numbers for dashboards."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers.stats import StatsQuerySerializer, StatsSerializer
from recordings.models import Recording
from recordings.stats import stats_of, stats_of_everybody
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import NotAllowed


@extend_schema(tags=["Stats"])
class StatsViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "self"}
    rate_groups = {"retrieve": "stats"}

    @extend_schema(
        summary="How much there is, and what was used this month",
        parameters=[StatsQuerySerializer],
        responses={200: StatsSerializer, **errors(403)},
    )
    def retrieve(self, request: Request) -> Response:
        """Counted when asked. Days and months begin at midnight UTC; scope=all is for operators."""
        # As a plain dict: of a QueryDict the serializer would take an empty scope for none.
        query = StatsQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        if query.validated_data["scope"] == "user":
            return Response(stats_of(request.user))
        if not request.user.is_admin:
            raise NotAllowed("Admin access required for global stats")
        return Response(stats_of_everybody())
