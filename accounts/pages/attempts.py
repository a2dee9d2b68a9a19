"""What every form with a password in it does about guessing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from speakr_site.core import attempts


class CountsGuesses:
    """A form view's base: an address that failed too often has to wait, whatever it sends then.

    `guessed`: the field whose refusal is a failure; any refusal is where none is named.
    """

    guessed = ""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if wait := attempts.must_wait(request, attempts.PASSWORDS):
            return too_many(request, wait)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        if not self.guessed or self.guessed in form.errors:
            attempts.failed(self.request, attempts.PASSWORDS)
        return super().form_invalid(form)


def too_many(request: HttpRequest, wait: int) -> HttpResponse:
    """429. `wait`: seconds."""
    response = render(request, "pages/too_many.html", {"wait": wait}, status=429)
    response["Retry-After"] = str(wait)
    return response
