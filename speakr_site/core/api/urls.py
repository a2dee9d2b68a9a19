"""The API's description of itself. `unknown_path` is not here: it must come last of all."""

from __future__ import annotations

from django.urls import path

from speakr_site.core.api.schema import DocsView, OpenApiView

urlpatterns = [
    path("openapi.json", OpenApiView.as_view(), name="openapi"),
    path("docs", DocsView.as_view(), name="docs"),
]
