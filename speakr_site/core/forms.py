"""Form fields of the system settings that need more than a type."""

from __future__ import annotations

from django import forms

from speakr_site.core.system import model_choices


class ModelListField(forms.CharField):
    """A JSON list of transcription models, refused while it cannot be read."""

    widget = forms.Textarea

    def clean(self, value: str | None) -> str:
        text = super().clean(value)
        try:
            model_choices(text)
        except ValueError as error:
            raise forms.ValidationError(f"Not a list of models: {error}.") from None
        return text
