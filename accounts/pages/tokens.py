"""One's API tokens. A new one's secret stands in the answer to the form that made it, and nowhere
else: not in an address, a session or a message.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.models import TOKEN_MAX_DAYS, TOKEN_NAME, ApiToken
from accounts.services import issue_token, rename_token, revoke_token
from speakr_site.core.once import NonceField, OncePage
from speakr_site.core.pages import ConfirmPage, EditPage

NEVER, ON_A_DAY = "never", "day"
EXPIRIES = {
    "30": "In 30 days",
    "90": "In 90 days",
    "365": "In a year",
    NEVER: "Never",
    ON_A_DAY: "On a day of your choice",
}
PASSED = "Choose a day from today on."
TOO_FAR = f"Choose a day within the next {TOKEN_MAX_DAYS} days."
SENT_AGAIN = "This form was sent before, and its token is in the list. Its secret was shown then."


class TokenForm(forms.ModelForm):
    expires = forms.ChoiceField(choices=EXPIRIES.items(), initial="90")
    day = forms.DateField(
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        label="Last day",
        help_text="Only with “On a day of your choice”.",
    )
    nonce = NonceField()

    class Meta:
        model = ApiToken
        fields = ["name"]
        help_texts = {"name": "What it is for, such as “phone” or “backup script”."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields["name"].required = False
        self.initial["name"] = ""

    def clean_name(self) -> str:
        return self.cleaned_data["name"] or TOKEN_NAME

    def clean(self) -> dict[str, Any]:
        """With `expires_at`, in the time zone that is in force: a last day counts to its end."""
        given = super().clean()
        expires = given.get("expires")
        given["expires_at"] = None
        if expires == ON_A_DAY and "day" not in self.errors:
            given["expires_at"] = self._end_of(given.get("day"))
        elif expires and expires.isdigit():
            given["expires_at"] = timezone.now() + timedelta(days=int(expires))
        return given

    def _end_of(self, day: Any) -> datetime | None:
        today = timezone.localdate()
        if day is None or day < today:
            self.add_error("day", PASSED)
        elif day > today + timedelta(days=TOKEN_MAX_DAYS):
            self.add_error("day", TOO_FAR)
        else:
            return timezone.make_aware(datetime.combine(day, time.max))
        return None


class TokensPage(OncePage):
    form_class = TokenForm
    template_name = "pages/account/tokens.html"
    success_url = reverse_lazy("account-tokens")
    sent_again = SENT_AGAIN

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        tokens = ApiToken.objects.visible_to(self.request.user)
        return super().get_context_data(tokens=tokens, now=timezone.now(), **kwargs)

    def save(self, form: TokenForm) -> None:
        self.made = issue_token(
            user=self.request.user,
            name=form.cleaned_data["name"],
            expires_at=form.cleaned_data["expires_at"],
            by=self.request.user,
        )

    def done(self) -> HttpResponse:
        token, secret = self.made
        self.template_name = "pages/account/token_made.html"
        return self.render_to_response({"view": self, "token": token, "secret": secret})


class RenameForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ["name"]


class TokenRenamePage(EditPage):
    form_class = RenameForm
    template_name = "pages/account/token_rename.html"
    success_url = reverse_lazy("account-tokens")

    @cached_property
    def row(self) -> ApiToken:
        mine = ApiToken.objects.visible_to(self.request.user)
        return get_object_or_404(mine, pk=self.kwargs["pk"])

    def save(self, form: RenameForm) -> None:
        rename_token(token=self.row, name=form.cleaned_data["name"], by=self.request.user)


class TokenRevokePage(ConfirmPage):
    """Sent twice, the second finds a token that has ended, and leaves it so."""

    template_name = "pages/account/token_revoke.html"
    success_url = reverse_lazy("account-tokens")

    @cached_property
    def token(self) -> ApiToken:
        return get_object_or_404(self.request.user.api_tokens, pk=self.kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        made_with_it = self.token.children.visible_to(self.request.user)
        return super().get_context_data(token=self.token, made_with_it=made_with_it, **kwargs)

    @property
    def saved(self) -> str:
        return f"The token “{self.token}” is revoked."

    def save(self, form: forms.Form) -> None:
        revoke_token(token=self.token, by=self.request.user)
