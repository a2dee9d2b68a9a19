"""What one prefers: the columns that users/me has under `preferences`."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.urls import reverse_lazy

from accounts.models import PREFERENCES, User
from accounts.pages.account import OwnPage
from accounts.validators import timezones
from speakr_site.core.languages import NAMES


def _timezone_choices() -> list[tuple[str, str]]:
    names = [(name, name.replace("_", " ")) for name in sorted(timezones())]
    return [("", f"The server’s: {settings.TIME_ZONE}"), *names]


def _language_choices() -> list[tuple[str, str]]:
    by_name = sorted(NAMES.items(), key=lambda pair: pair[1])
    return [("", "Detect it in each recording"), *by_name]


class PreferencesForm(forms.ModelForm):
    """What the columns take, by the model's validators."""

    timezone = forms.TypedChoiceField(
        choices=_timezone_choices,
        required=False,
        empty_value=None,
        label="Time zone",
    )
    transcription_language = forms.TypedChoiceField(
        choices=_language_choices,
        required=False,
        empty_value=None,
        label="Language spoken in your recordings",
        help_text="A tag, a folder or an upload may say otherwise.",
    )

    class Meta:
        model = User
        fields = PREFERENCES
        labels = {
            "ui_language": "Language of apps",
            "output_language": "Language of titles and summaries",
            "extract_events": "Look for dates",
            "auto_speaker_labelling": "Name known voices",
            "auto_speaker_labelling_threshold": "Similarity from which a voice is known",
            "auto_summarization": "Summarize",
            "show_timestamps_simple_view": "Show times in the plain view of a transcript",
            "editor_autosave": "Let editors save by themselves",
            "diarize": "Tell voices apart whenever the engine can",
        }
        help_texts = {
            "ui_language": "A code such as en or pt-BR.",
            "output_language": "Its name or its code, such as German or de. Empty: that of the "
            "recording.",
            "extract_events": "Appointments that are spoken of become events of the recording.",
            "auto_speaker_labelling": "Speakers whose voices you have named get their names by "
            "themselves.",
            "auto_speaker_labelling_threshold": "From 0 to 1. Low names more voices, and more of "
            "them wrongly: 0.3 is low, 0.6 medium, 0.8 high.",
            "auto_summarization": "Recordings get a summary when they are transcribed.",
        }
        error_messages = {
            "ui_language": {"invalid": "Enter a language code such as en or pt-BR."},
            "output_language": {"invalid": "Enter a language: its name, or its code."},
            "auto_speaker_labelling_threshold": dict.fromkeys(
                ("required", "invalid", "min_value", "max_value"), "Enter a number from 0 to 1."
            ),
        }
        widgets = {
            "auto_speaker_labelling_threshold": forms.NumberInput(
                attrs={"min": 0, "max": 1, "step": 0.05}
            )
        }


class PreferencesPage(OwnPage):
    form_class = PreferencesForm
    template_name = "pages/account/preferences.html"
    success_url = reverse_lazy("account-preferences")
