"""Forms that make something: sent twice, they make it once."""

from __future__ import annotations

import hashlib
import secrets

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import redirect

from speakr_site.core.pages import FormPage

REMEMBERED_SECONDS = 24 * 60 * 60


class NonceField(forms.CharField):
    """Of a form as it was shown."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False, initial=lambda: secrets.token_urlsafe(16))


class OncePage(FormPage):
    """Its form has a `nonce`. `sent_again`: what is said to a form that was sent before."""

    sent_again: str

    def form_valid(self, form: forms.Form) -> HttpResponse:
        nonce = form.cleaned_data["nonce"]
        if _was_sent(nonce):
            messages.warning(self.request, self.sent_again)
            return redirect(self.get_success_url())
        is_made = False
        try:
            response = super().form_valid(form)
            is_made = not form.errors
        finally:
            if not is_made:
                # Mended, or a moment later, it is sent with the same nonce.
                cache.delete(_key(nonce))
        return response


def _was_sent(nonce: str) -> bool:
    """Whether a form with this nonce was, and remembers that it is now. A cache that does not
    answer knows of none.
    """
    key = _key(nonce)
    return bool(nonce) and not cache.add(key, 1, REMEMBERED_SECONDS) and cache.get(key) == 1


def _key(nonce: str) -> str:
    return f"form-{hashlib.sha256(nonce.encode()).hexdigest()}"
