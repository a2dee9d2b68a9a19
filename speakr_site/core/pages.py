"""What every page for people outside the console sends along."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Model
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.generic import FormView

from speakr_site.core.errors import NotFound, SpeakrError

# Nothing from elsewhere, nothing inline, nobody's frame.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class Page:
    """A view's first base: its answers are kept by nobody and load nothing from elsewhere."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_POLICY
        response["Cache-Control"] = "no-store"
        return response


class AccountPage(Page, LoginRequiredMixin):
    """Of the person who is logged in; others log in first. Moments are shown in their time zone,
    and what a service does not find is no page.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with timezone.override(getattr(request.user, "timezone", None)):
            try:
                response = super().dispatch(request, *args, **kwargs)
            except NotFound:
                raise Http404 from None
            # Django would do it later, in the server's time zone.
            if hasattr(response, "render"):
                response.render()
            return response


class FormPage(AccountPage, FormView):
    """A form that is sent to its own address. When it is saved the person is sent on to
    `success_url` and told `saved` there; what a service refuses is said above the form.
    """

    saved = "Saved."

    def save(self, form: Form) -> None:
        """Calls a service with what was checked."""
        raise NotImplementedError

    def form_valid(self, form: Form) -> HttpResponse:
        try:
            self.save(form)
        except NotFound:
            raise
        except SpeakrError as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        return self.done()

    def done(self) -> HttpResponse:
        """The answer once everything is saved."""
        messages.success(self.request, self.saved)
        return redirect(self.get_success_url())


class EditPage(FormPage):
    """A form over `row`, or over none yet. It has a copy: Django writes into a form's row what was
    typed, and the page would show it elsewhere as if it had not been refused.
    """

    row: Model | None

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": copy(self.row)}


class ConfirmPage(FormPage):
    """Asks before something is done that cannot be undone, or not easily. The template asks."""

    form_class = Form
