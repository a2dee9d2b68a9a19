"""The routes of known people."""

from __future__ import annotations

from django.urls import re_path

from speakers.api.views import SpeakerViewSet

urlpatterns = [
    re_path(r"^speakers\Z", SpeakerViewSet.as_view({"get": "list", "post": "create"})),
    re_path(
        r"^speakers/(?P<pk>[0-9]+)\Z",
        SpeakerViewSet.as_view({"put": "update", "delete": "destroy"}),
    ),
]
