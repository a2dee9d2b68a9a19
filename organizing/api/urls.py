"""The routes of tags and folders; `unversioned` are those of naming templates, beside /api/v1."""

from __future__ import annotations

from django.urls import re_path

from organizing.api.naming import NamingTemplateViewSet
from organizing.api.views import FolderViewSet, TagViewSet

ONE = {"get": "retrieve", "patch": "update", "put": "update", "delete": "destroy"}

urlpatterns = [
    re_path(r"^tags\Z", TagViewSet.as_view({"get": "list", "post": "create"})),
    re_path(r"^tags/(?P<pk>[0-9]+)\Z", TagViewSet.as_view({"put": "update", "delete": "destroy"})),
    re_path(r"^folders\Z", FolderViewSet.as_view({"get": "list", "post": "create"})),
    re_path(r"^folders/(?P<pk>[0-9]+)\Z", FolderViewSet.as_view(ONE)),
]
unversioned = [
    re_path(
        r"^naming-templates\Z", NamingTemplateViewSet.as_view({"get": "list", "post": "create"})
    ),
    re_path(r"^naming-templates/preview\Z", NamingTemplateViewSet.as_view({"post": "preview"})),
    re_path(r"^naming-templates/(?P<pk>[0-9]+)\Z", NamingTemplateViewSet.as_view(ONE)),
]
