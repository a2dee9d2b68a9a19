"""The product's routes, and a view that does nothing: what every request costs."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.models import Recording
from speakr_site import urls
from speakr_site.core.api.viewsets import ScopedViewSet

handler400 = urls.handler400
handler403 = urls.handler403
handler404 = urls.handler404
handler500 = urls.handler500


class NothingViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "self"}
    rate_groups = {"retrieve": "read"}

    def retrieve(self, request: Request) -> Response:
        return Response({})


urlpatterns = [
    path("api/v1/nothing", NothingViewSet.as_view({"get": "retrieve"})),
    *urls.urlpatterns,
]
