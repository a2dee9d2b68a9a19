"""The pages where people log in and run their own account."""

from __future__ import annotations

from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [
    path("login", TemplateView.as_view(template_name="pages/base.html"), name="login"),
    path("account", TemplateView.as_view(template_name="pages/base.html"), name="account"),
]
