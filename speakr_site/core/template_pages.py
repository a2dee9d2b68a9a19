"""Pages of one's own templates, whatever they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Model
from django.forms import Form, ModelForm, model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from speakr_site.core.pages import AccountPage, ConfirmPage, EditPage


class OwnTemplates:
    """A page's first base: what is special to a kind of templates. There is no page about anybody
    else's.

    `templates`: writes them (accounts/services/templates.py). `address`: the route of the list;
    those of the other pages are called `<address>-new`, `-one`, `-default` and `-delete`. `chosen`:
    what is said of a new default. `first`: what a new template begins with. `tried`: the fields
    that a preview needs.
    """

    templates: ClassVar[Any]
    address: ClassVar[str]
    chosen: ClassVar[str]
    first: ClassVar[str]
    tried: ClassVar[frozenset[str]] = frozenset({"template"})

    @property
    def success_url(self) -> str:
        return reverse(self.address)

    @cached_property
    def template(self) -> Model:
        mine = self.templates.model.objects.editable_by(self.request.user)
        return get_object_or_404(mine, pk=self.kwargs["pk"])

    def preview(self, given: Mapping[str, Any]) -> str | None:
        """What comes of a sample; `given`: the fields of the form, or as many as are columns."""
        raise NotImplementedError


class TemplatesPage(AccountPage, TemplateView):
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        templates = self.templates.model.objects.visible_to(self.request.user)
        shown = [(template, self.preview(model_to_dict(template))) for template in templates]
        return super().get_context_data(shown=shown, **kwargs)


class TemplatePage(EditPage):
    """A new one, or one that is there. The button `preview` shows it filled in, saving nothing."""

    @property
    def row(self) -> Model | None:
        return None if self.is_new else self.template

    @property
    def is_new(self) -> bool:
        return "pk" not in self.kwargs

    @property
    def is_preview(self) -> bool:
        return "preview" in self.request.POST

    def get_initial(self) -> dict[str, Any]:
        return {"template": self.first} if self.is_new else {}

    def get_form(self, form_class: type | None = None) -> ModelForm:
        form = super().get_form(form_class)
        if self.is_preview:
            form.fields["name"].required = False
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        form = context["form"]
        if not form.is_bound:
            context["preview"] = self.preview({name: form[name].value() for name in self.tried})
        elif not self.tried & form.errors.keys():
            context["preview"] = self.preview(form.cleaned_data)
        return context

    def form_valid(self, form: ModelForm) -> HttpResponse:
        if self.is_preview:
            return self.render_to_response(self.get_context_data(form=form))
        return super().form_valid(form)

    def save(self, form: ModelForm) -> None:
        columns = {name: form.cleaned_data[name] for name in form._meta.fields}
        if self.is_new:
            self.templates.create(owner=self.request.user, values=columns)
        else:
            self.templates.update(template=self.template, changes=columns)


class TemplateDefaultPage(ConfirmPage):
    @property
    def saved(self) -> str:
        return self.chosen.format(self.template)

    def save(self, form: Form) -> None:
        self.templates.update(template=self.template, changes={"is_default": True})


class TemplateDeletePage(ConfirmPage):
    @property
    def saved(self) -> str:
        return f"The template “{self.template}” is deleted."

    def save(self, form: Form) -> None:
        self.templates.delete(template=self.template)
