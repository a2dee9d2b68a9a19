"""One's naming templates, each tried on the name of a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from organizing.models import NamingTemplate
from organizing.naming import FILENAME_MAX_LENGTH, FROM_CONTENT, group_names
from organizing.services import create_template, delete_template, previewed, update_template
from speakr_site.core.pages import AccountPage, ConfirmPage, FormPage

FIRST = "{{date}} {{ai_title}}"
SAMPLE = "2026-03-02 Acme kick-off.mp3"
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

    def columns(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self._meta.fields}


class TemplatesPage(AccountPage, TemplateView):
    template_name = "pages/naming/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        shown = [
            (
                template,
                previewed(
                    user=user,
                    template=template.template,
                    pattern=template.pattern,
                    filename=SAMPLE,
                ),
            )
            for template in NamingTemplate.objects.visible_to(user)
        ]
        return super().get_context_data(shown=shown, sample=SAMPLE, **kwargs)


class OwnTemplate:
    """The template that the address names; there is no page about anybody else's."""

    success_url = reverse_lazy("account-naming")

    @cached_property
    def template(self) -> NamingTemplate:
        mine = NamingTemplate.objects.editable_by(self.request.user)
        return get_object_or_404(mine, pk=self.kwargs["pk"])


class TemplatePage(OwnTemplate, FormPage):
    """A new one, or one that is there. The button `preview` shows it filled in, saving nothing."""

    form_class = TemplateForm
    template_name = "pages/naming/form.html"

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
        return {"sample": SAMPLE, **({"template": FIRST} if self.is_new else {})}

    def get_form(self, form_class: type | None = None) -> TemplateForm:
        form = super().get_form(form_class)
        if self.is_preview:
            form.fields["name"].required = False
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(placeholders=PLACEHOLDERS, **kwargs)
        form = context["form"]
        if not form.is_bound:
            tried = {name: form[name].value() for name in ("template", "pattern", "sample")}
        elif not form.errors.keys() & {"template", "pattern", "sample"}:
            tried = form.cleaned_data
        else:
            return context
        context["preview"] = previewed(
            user=self.request.user,
            template=tried["template"],
            pattern=tried["pattern"],
            filename=tried["sample"] or SAMPLE,
        )
        return context

    def form_valid(self, form: TemplateForm) -> HttpResponse:
        if self.is_preview:
            return self.render_to_response(self.get_context_data(form=form))
        return super().form_valid(form)

    def save(self, form: TemplateForm) -> None:
        if self.is_new:
            create_template(owner=self.request.user, values=form.columns())
        else:
            update_template(template=self.template, changes=form.columns())


class TemplateDefaultPage(OwnTemplate, ConfirmPage):
    template_name = "pages/naming/default.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(template=self.template, **kwargs)

    @property
    def saved(self) -> str:
        return f"Your recordings are called by “{self.template}” now."

    def save(self, form: forms.Form) -> None:
        update_template(template=self.template, changes={"is_default": True})


class TemplateDeletePage(OwnTemplate, ConfirmPage):
    template_name = "pages/naming/delete.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(template=self.template, **kwargs)

    @property
    def saved(self) -> str:
        return f"The template “{self.template}” is deleted."

    def save(self, form: forms.Form) -> None:
        delete_template(template=self.template)
