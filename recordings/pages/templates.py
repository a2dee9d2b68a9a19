"""One's transcript templates, each shown on a sample as services fill it in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from recordings.exports.subtitles import Cue
from recordings.exports.text import placeholder_count, render
from recordings.models import TranscriptTemplate
from recordings.models.template import TEMPLATE_MAX_LENGTH
from recordings.services.templates import (
    PLACEHOLDERS_MAX,
    TOO_MANY_PLACEHOLDERS,
    create_template,
    delete_template,
    update_template,
)
from speakr_site.core.forms import LinesField
from speakr_site.core.pages import AccountPage, ConfirmPage, FormPage

FIRST = "[{{start_time}}] {{speaker}}: {{text}}"
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


class TemplatesPage(AccountPage, TemplateView):
    template_name = "pages/templates/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        templates = TranscriptTemplate.objects.visible_to(self.request.user)
        shown = [(template, render(SAMPLE, template.template)) for template in templates]
        return super().get_context_data(shown=shown, without=render(SAMPLE, None), **kwargs)


class OwnTemplate:
    """The template that the address names; there is no page about anybody else's."""

    success_url = reverse_lazy("account-templates")

    @cached_property
    def template(self) -> TranscriptTemplate:
        mine = TranscriptTemplate.objects.editable_by(self.request.user)
        return get_object_or_404(mine, pk=self.kwargs["pk"])


class TemplatePage(OwnTemplate, FormPage):
    """A new one, or one that is there. The button `preview` shows it filled in, saving nothing."""

    form_class = TemplateForm
    template_name = "pages/templates/form.html"

    @property
    def is_new(self) -> bool:
        return "pk" not in self.kwargs

    @property
    def is_preview(self) -> bool:
        return "preview" in self.request.POST

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs = super().get_form_kwargs()
        if not self.is_new:
            kwargs["instance"] = self.template
        return kwargs

    def get_initial(self) -> dict[str, Any]:
        return {"template": FIRST} if self.is_new else {}

    def get_form(self, form_class: type | None = None) -> TemplateForm:
        form = super().get_form(form_class)
        if self.is_preview:
            form.fields["name"].required = False
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(placeholders=PLACEHOLDERS, **kwargs)
        form = context["form"]
        if not form.is_bound:
            context["preview"] = render(SAMPLE, form["template"].value())
        elif "template" not in form.errors:
            context["preview"] = render(SAMPLE, form.cleaned_data["template"])
        return context

    def form_valid(self, form: TemplateForm) -> HttpResponse:
        if self.is_preview:
            return self.render_to_response(self.get_context_data(form=form))
        return super().form_valid(form)

    def save(self, form: TemplateForm) -> None:
        if self.is_new:
            create_template(owner=self.request.user, values=form.cleaned_data)
        else:
            update_template(template=self.template, changes=form.cleaned_data)


class TemplateDefaultPage(OwnTemplate, ConfirmPage):
    template_name = "pages/templates/default.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(template=self.template, **kwargs)

    @property
    def saved(self) -> str:
        return f"Your transcripts are shown by “{self.template}” now."

    def save(self, form: forms.Form) -> None:
        update_template(template=self.template, changes={"is_default": True})


class TemplateDeletePage(OwnTemplate, ConfirmPage):
    template_name = "pages/templates/delete.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(template=self.template, **kwargs)

    @property
    def saved(self) -> str:
        return f"The template “{self.template}” is deleted."

    def save(self, form: forms.Form) -> None:
        delete_template(template=self.template)
