"""The routes of people and groups; `unversioned` are those beside /api/v1."""

from __future__ import annotations

from django.urls import path, re_path

from accounts.api.views.groups import GroupViewSet, MemberViewSet
from accounts.api.views.tokens import TokenViewSet
from accounts.api.views.users import AutoSummarizationViewSet, CurrentUserViewSet

ME = {"get": "retrieve", "patch": "update"}
GROUP = {"get": "retrieve", "patch": "update", "delete": "destroy"}
MEMBER = {"patch": "update", "delete": "destroy"}
TOKEN = {"patch": "update", "put": "update", "delete": "destroy"}

urlpatterns = [
    path("users/me", CurrentUserViewSet.as_view(ME), name="current-user"),
    path("settings/auto-summarization", AutoSummarizationViewSet.as_view({"put": "update"})),
    re_path(r"^groups\Z", GroupViewSet.as_view({"get": "list", "post": "create"})),
    re_path(r"^groups/(?P<pk>[0-9]+)\Z", GroupViewSet.as_view(GROUP)),
    re_path(r"^groups/(?P<pk>[0-9]+)/members\Z", MemberViewSet.as_view({"post": "create"})),
    re_path(r"^groups/(?P<pk>[0-9]+)/members/(?P<user_id>[0-9]+)\Z", MemberViewSet.as_view(MEMBER)),
]
unversioned = [
    re_path(r"^tokens\Z", TokenViewSet.as_view({"get": "list", "post": "create"})),
    re_path(r"^tokens/(?P<pk>[0-9]+)\Z", TokenViewSet.as_view(TOKEN)),
]
