"""A new password for who forgot theirs, by a link in a mail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import views
from django.contrib.auth.forms import SetPasswordForm, UsernameField
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from django.views.generic import FormView, TemplateView

from accounts.models import ADDRESS_LENGTH, User
from accounts.pages.attempts import too_many
from accounts.services import request_reset, reset_password, reset_tokens, resets_are_offered
from speakr_site.core import attempts
from speakr_site.core.errors import Busy, NotAllowed
from speakr_site.core.pages import Page

REQUESTS_A_MINUTE = 5
BUSY_SECONDS = 60


class ResetPage(Page):
    """The first base of what is there only where mail can be sent."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not resets_are_offered():
            raise Http404
        return super().dispatch(request, *args, **kwargs)


class RequestForm(forms.Form):
    address = UsernameField(
        label="User name or e-mail",
        max_length=ADDRESS_LENGTH,
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class RequestPage(ResetPage, FormView):
    """Answers the same, after the same work, whatever was typed."""

    form_class = RequestForm
    template_name = "pages/reset.html"
    success_url = reverse_lazy("reset-sent")

    def form_valid(self, form: RequestForm) -> HttpResponse:
        if wait := attempts.failed(self.request, "resets", limit=REQUESTS_A_MINUTE):
            return too_many(self.request, wait)
        try:
            request_reset(address=form.cleaned_data["address"])
        except Busy:
            return too_many(self.request, BUSY_SECONDS)
        return super().form_valid(form)


class SentPage(ResetPage, TemplateView):
    template_name = "pages/reset_sent.html"


class NewPasswordForm(SetPasswordForm):
    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002
        reset_password(user=self.user, password=self.cleaned_data["new_password1"])
        return self.user


class NewPasswordPage(ResetPage, views.PasswordResetConfirmView):
    """Django's moves the link's token out of the address, into the session, before it shows the
    form.
    """

    form_class = NewPasswordForm
    template_name = "pages/reset_new.html"
    success_url = reverse_lazy("reset-done")
    token_generator = reset_tokens

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user and user.is_active else None

    def form_valid(self, form: NewPasswordForm) -> HttpResponse:
        try:
            return super().form_valid(form)
        except NotAllowed:
            self.validlink = False
            return self.render_to_response(self.get_context_data())


class DonePage(ResetPage, TemplateView):
    template_name = "pages/reset_done.html"
