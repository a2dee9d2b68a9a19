"""Form fields of the system settings that need more than a type."""

from __future__ import annotations

from django import forms

from speakr_site.core.system import model_choices

TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off"}


class FlagField(forms.BooleanField):
    """A box to tick; at the command line a word, which Django itself would take for true."""

    def to_python(self, value: object) -> bool:
        word = str(value).strip().lower()
        if word in TRUE | FALSE:
            return word in TRUE
        known = ", ".join(sorted(TRUE | FALSE))
        raise forms.ValidationError(f"{value} is none of {known}.")


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
