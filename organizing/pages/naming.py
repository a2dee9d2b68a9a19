"""One's naming templates, each tried on the name of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from organizing.models import NamingTemplate
from organizing.naming import FILENAME_MAX_LENGTH, FROM_CONTENT, group_names
from organizing.services import EXAMPLE_FILENAME, naming_templates, previewed
from speakr_site.core import template_pages
from speakr_site.core.template_pages import OwnTemplates

# What may stand in a template, and what comes of it.
PLACEHOLDERS = (
    (f"{{{{{FROM_CONTENT}}}}}", "a title from what was said; only for this a model is asked"),
    ("{{filename}}", "the name of the file without its ending"),
    ("{{filename_full}}", "the name of the file with its ending"),
    ("{{date}}", "the day of the recording, as in 2026-03-02"),
    ("{{datetime}}", "day and time, as in 2026-03-02 14:30"),
    ("{{time}}", "the time, as in 14:30"),
    ("{{year}}", "the year, as are {{month}} and {{day}} in two digits"),
)


class TemplateForm(forms.ModelForm):
    """`sample` is not kept."""

    sample = forms.CharField(
        label="File name to try it on",
        required=False,
        initial=EXAMPLE_FILENAME,
        strip=False,
        max_length=FILENAME_MAX_LENGTH,
        help_text="For the preview alone.",
    )

    class Meta:
        model = NamingTemplate
        fields = ["name", "description", "template", "pattern", "is_default"]
        labels = {"is_default": "Call my recordings by this template"}
        help_texts = {
            "description": "For yourself.",
            "template": "What a recording is called that nobody named.",
            "pattern": "A regular expression that is looked for in the name of the file, without "
            "its ending. Its named groups, as in (?P<client>\\w+), can stand in the template.",
            "is_default": "Where neither a tag nor the folder has another. Then no other template "
            "is the default.",
        }
        widgets = {
            name: forms.TextInput(attrs={"class": "code", "spellcheck": "false"})
            for name in ("template", "pattern")
        }

    def clean_pattern(self) -> str | None:
        pattern = self.cleaned_data["pattern"]
        if pattern is not None:
            try:
                group_names(pattern)
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None
        return pattern


class NamingTemplates(OwnTemplates):
    templates = naming_templates
    address = "account-naming"
    chosen = "Your recordings are called by “{}” now."
    first = "{{date}} {{ai_title}}"
    placeholders = PLACEHOLDERS
    sample = EXAMPLE_FILENAME
    tried = frozenset({"template", "pattern", "sample"})

    def preview(self, given: Mapping[str, Any]) -> str | None:
        return previewed(
            user=self.request.user,
            template=given["template"],
            pattern=given["pattern"],
            filename=given.get("sample"),
        )


class TemplatesPage(NamingTemplates, template_pages.TemplatesPage):
    template_name = "pages/naming/list.html"


class TemplatePage(NamingTemplates, template_pages.TemplatePage):
    form_class = TemplateForm
    template_name = "pages/naming/form.html"


class TemplateDefaultPage(NamingTemplates, template_pages.TemplateDefaultPage):
    template_name = "pages/naming/default.html"


class TemplateDeletePage(NamingTemplates, template_pages.TemplateDeletePage):
    template_name = "pages/naming/delete.html"
