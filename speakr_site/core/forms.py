"""Form fields that need more than a type: of the system settings, and of pages."""

from __future__ import annotations

from typing import Any

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


class LinesField(forms.CharField):
    """A text of several lines, which browsers end with two characters each; None when empty."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=kwargs.pop("required", False), empty_value=None, **kwargs)

    def to_python(self, value: object) -> str | None:
        lines = value.replace("\r\n", "\n") if isinstance(value, str) else value
        return super().to_python(lines)


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
