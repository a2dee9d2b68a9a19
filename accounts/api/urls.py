"""The routes of people."""

from __future__ import annotations

from django.urls import path

from accounts.api.views import CurrentUserViewSet

urlpatterns = [
    path("users/me", CurrentUserViewSet.as_view({"get": "retrieve"}), name="current-user"),
]
