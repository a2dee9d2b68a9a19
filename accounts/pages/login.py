"""Logging in and out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import views

from accounts.forms import LoginForm
from accounts.pages.attempts import CountsGuesses
from accounts.services import resets_are_offered
from speakr_site.core.pages import Page


class LoginPage(Page, CountsGuesses, views.LoginView):
    form_class = LoginForm
    template_name = "pages/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(resets_are_offered=resets_are_offered(), **kwargs)


class LogoutPage(Page, views.LogoutView):
    """By POST only, so that no link of somebody else's logs anyone out."""
