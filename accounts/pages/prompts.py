"""What the engines are told along with one's recordings."""

from __future__ import annotations

from django import forms
from django.urls import reverse_lazy

from accounts.models import User
from accounts.pages.account import OwnPage
from speakr_site.core.forms import LinesField
from speakr_site.core.limits import HINTS_MAX_LENGTH


class PromptsForm(forms.ModelForm):
    transcription_hotwords = LinesField(
        max_length=HINTS_MAX_LENGTH,
        label="Words to listen for",
        help_text="Names and terms that are often misheard, with commas between them.",
    )
    transcription_initial_prompt = LinesField(
        max_length=HINTS_MAX_LENGTH,
        label="Text that a transcript goes on from",
        help_text="A sentence or two in the style, spelling and punctuation that you want.",
    )
    summary_prompt = LinesField(
        max_length=HINTS_MAX_LENGTH,
        label="Instructions for summaries",
        help_text="What a summary should hold, and how it should look.",
    )

    class Meta:
        model = User
        fields = ["transcription_hotwords", "transcription_initial_prompt", "summary_prompt"]


class PromptsPage(OwnPage):
    form_class = PromptsForm
    template_name = "pages/account/prompts.html"
    success_url = reverse_lazy("account-prompts")
