"""The whole map. No logic."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts.api import urls as accounts_api
from organizing.api import urls as organizing_api
from recordings import health
from recordings.api import urls as recordings_api
from speakr_site.core.api import exceptions

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account")),
    path("", include("accounts.pages.urls")),
    path("", include("hooks.pages.urls")),
    path("", include("organizing.pages.urls")),
    path("", include("recordings.pages.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("hooks.api.urls")),
    path("api/v1/", include("organizing.api.urls")),
    path("api/v1/", include("recordings.api.urls")),
    path("api/v1/", include("speakers.api.urls")),
    path("api/v1/", include("speakr_site.core.api.urls")),
    path("api/", include(accounts_api.unversioned)),
    path("api/", include(organizing_api.unversioned)),
    path("api/", include(recordings_api.unversioned)),
    re_path(r"^api(/.*)?\Z", exceptions.unknown_path),
]

handler400 = exceptions.bad_request
handler403 = exceptions.permission_denied
handler404 = exceptions.not_found
handler500 = exceptions.server_error
