"""Changing one's own password or e-mail: in a session, and with the current password."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.urls import reverse_lazy

from accounts.models import ADDRESS_LENGTH, EMAIL_TAKEN, User
from accounts.pages.attempts import CountsGuesses
from accounts.services import change_email, change_password
from speakr_site.core.pages import FormPage


class OwnPasswordForm(PasswordChangeForm):
    end_tokens = forms.BooleanField(
        label="End all API tokens, too",
        required=False,
        initial=True,
        help_text="Programs that use one have to be given a new one.",
    )


class EmailForm(forms.Form):
    email = forms.EmailField(
        label="New e-mail",
        max_length=ADDRESS_LENGTH,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )
    password = forms.CharField(
        label="Current password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("That is not your current password.")
        return password

    def clean(self) -> None:
        """Whether somebody else has an address is told to nobody but who knows the password."""
        if not self.errors:
            same = User.objects.filter(email__iexact=self.cleaned_data["email"])
            if same.exclude(pk=self.user.pk).exists():
                self.add_error("email", EMAIL_TAKEN)


class OwnAccessPage(CountsGuesses, FormPage):
    """A form about the person who is logged in, with their current password in it."""

    success_url = reverse_lazy("account")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.request.user}


class PasswordPage(OwnAccessPage):
    """Ends every other session; this one goes on."""

    form_class = OwnPasswordForm
    template_name = "pages/password.html"
    guessed = "old_password"
    saved = "Your password has been changed."

    def save(self, form: OwnPasswordForm) -> None:
        keep_tokens = not form.cleaned_data["end_tokens"]
        password = form.cleaned_data["new_password1"]
        change_password(user=form.user, password=password, keep_tokens=keep_tokens)
        update_session_auth_hash(self.request, form.user)


class EmailPage(OwnAccessPage):
    form_class = EmailForm
    template_name = "pages/email.html"
    guessed = "password"
    saved = "Your e-mail has been changed."

    def save(self, form: EmailForm) -> None:
        change_email(user=form.user, email=form.cleaned_data["email"])
