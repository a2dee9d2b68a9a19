"""One's transcript templates, each shown on a sample as services fill it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from recordings.exports.subtitles import Cue
from recordings.exports.text import placeholder_count, render
from recordings.models import TranscriptTemplate
from recordings.models.template import TEMPLATE_MAX_LENGTH
from recordings.services.templates import (
    PLACEHOLDERS_MAX,
    TOO_MANY_PLACEHOLDERS,
    transcript_templates,
)
from speakr_site.core import template_pages
from speakr_site.core.forms import LinesField
from speakr_site.core.template_pages import OwnTemplates

SAMPLE = (
    Cue(name="Alice", text="Shall we begin?", start=0.0, end=1.48),
    Cue(name=None, text="One moment, please.", start=1.9, end=3.275),
    Cue(name="Bob", text="I am here, too.", start=3725.0, end=3726.5),
)
# What may stand in a template, and what comes of it in the sample.
PLACEHOLDERS = (
    ("{{index}}", "the number of the segment, from 1"),
    ("{{speaker}}", "who speaks; Unknown where nobody knows"),
    ("{{text}}", "what is said"),
    ("{{start_time}}", "when it begins, as in 01:02:05"),
    ("{{end_time}}", "when it ends"),
    ("{{start_time|srt}}", "a time as subtitles have it, as in 01:02:05,000"),
    ("{{speaker|upper}}", "in capitals, as is {{text|upper}}"),
)


class TemplateForm(forms.ModelForm):
    template = LinesField(
        required=True,
        strip=False,
        max_length=TEMPLATE_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4, "class": "code", "spellcheck": "false"}),
        help_text="What each segment looks like. Between two segments comes a line break.",
    )

    class Meta:
        model = TranscriptTemplate
        fields = ["name", "description", "template", "is_default"]
        labels = {"is_default": "Show my transcripts by this template"}
        help_texts = {
            "description": "For yourself.",
            "is_default": "Then no other template is the default.",
        }

    def clean_template(self) -> str:
        template = self.cleaned_data["template"]
        if not template.strip():
            raise forms.ValidationError(self.fields["template"].error_messages["required"])
        if placeholder_count(template) > PLACEHOLDERS_MAX:
            raise forms.ValidationError(TOO_MANY_PLACEHOLDERS)
        return template


class TranscriptTemplates(OwnTemplates):
    templates = transcript_templates
    address = "account-templates"
    chosen = "Your transcripts are shown by “{}” now."
    first = "[{{start_time}}] {{speaker}}: {{text}}"
    placeholders = PLACEHOLDERS

    def preview(self, given: Mapping[str, Any]) -> str:
        return render(SAMPLE, given["template"])

    @property
    def without(self) -> str:
        return render(SAMPLE, None)


class TemplatesPage(TranscriptTemplates, template_pages.TemplatesPage):
    template_name = "pages/templates/list.html"


class TemplatePage(TranscriptTemplates, template_pages.TemplatePage):
    form_class = TemplateForm
    template_name = "pages/templates/form.html"


class TemplateDefaultPage(TranscriptTemplates, template_pages.TemplateDefaultPage):
    template_name = "pages/templates/default.html"


class TemplateDeletePage(TranscriptTemplates, template_pages.TemplateDeletePage):
    template_name = "pages/templates/delete.html"
