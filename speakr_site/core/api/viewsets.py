"""The one way into the API: who may see which row, and what a method without an action gets."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from django.db import models
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.text import capfirst
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable
from rest_framework.metadata import BaseMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from speakr_site.core.api.parsers import BoundedJSONParser, refuse_chunked
from speakr_site.core.api.ratelimits import RateLimited
from speakr_site.core.errors import NotAllowed, NotFound

# "read" and "edit" limit rows; "self" is for what concerns the caller alone.
Scope = Literal["read", "edit", "self"]
QUERYSET_METHODS = {"read": "visible_to", "edit": "editable_by"}


class ReadableRenderer(BrowsableAPIRenderer):
    """Browsable pages without forms, which would run queries and serializers of their own."""

    def show_form_for_method(self, *args: Any, **kwargs: Any) -> bool:
        return False


class LenientNegotiation(DefaultContentNegotiation):
    """Who accepts none of our media types (a player wants audio/*) gets an answer, not a 406."""

    def select_renderer(self, request: Request, renderers: list, format_suffix: str | None = None):
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            return renderers[0], renderers[0].media_type


class AllowedMethods(BaseMetadata):
    """What OPTIONS answers."""

    def determine_metadata(self, request: Request, view: ScopedViewSet) -> dict[str, Any]:
        return {"allowed": view.allowed_methods}


class ScopedViewSet(RateLimited, GenericViewSet):
    """Every action names its scope; one that does not is refused.

    `model` needs a manager with `visible_to(user)` and `editable_by(user)`; with `owned_by(user)`,
    which must be among both, one's own rows are found sooner. On a miss the answer is
    404, or 403 when the row exists and `reveals_existence` is set (contract, section 4).
    """

    model: ClassVar[type[Model]]
    scopes: ClassVar[dict[str, Scope]] = {}
    reveals_existence: ClassVar[bool] = True
    looks_among_own = False

    lookup_field = "pk"
    lookup_value_regex = "[0-9]+"
    parser_classes = [BoundedJSONParser]
    renderer_classes = [JSONRenderer, ReadableRenderer]
    content_negotiation_class = LenientNegotiation
    metadata_class = AllowedMethods

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # The charset of a Content-Type would decode the query too, and some of them to what no
        # database and no answer can hold.
        request.encoding = "utf-8"
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action is None:
            raise MethodNotAllowed(request.method)
        if self.action != "metadata" and self.action not in self.scopes:
            raise NotAllowed
        refuse_chunked(request)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Errors are JSON, whoever asks: some programs prefer text/html by default."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if answer.status_code >= 400 and isinstance(answer, Response):
            answer.accepted_renderer = JSONRenderer()
            answer.accepted_media_type = JSONRenderer.media_type
        return answer

    def get_queryset(self) -> QuerySet:
        """The rows that the caller may use for this action; an override only adds the shape."""
        # The OpenAPI generator asks for the model's sake.
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        return self.scoped(self.scopes[self.action])

    def scoped(self, scope: Scope) -> QuerySet:
        name = "owned_by" if self.looks_among_own else QUERYSET_METHODS[scope]
        return getattr(self.model._default_manager, name)(self.request.user)

    def get_object(self) -> Any:
        pk = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        if hasattr(self.model._default_manager, "owned_by") and is_storable_id(pk):
            # Most of what is asked for is one's own, and who else may is the dearer question.
            self.looks_among_own = True
            own = self.get_queryset().filter(pk=pk).order_by().first()
            self.looks_among_own = False
            if own is not None:
                return own
        return self.find(self.get_queryset(), pk)

    def find(self, queryset: QuerySet, pk: int | str) -> Any:
        """The row with this id out of a scoped queryset. One query, two on a miss.

        Raises NotFound or NotAllowed.
        """
        found = queryset.filter(pk=pk).order_by().first() if is_storable_id(pk) else None
        if found is not None:
            return found
        model = queryset.model
        if (
            self.reveals_existence
            and is_storable_id(pk)
            and model._base_manager.filter(pk=pk).exists()
        ):
            raise NotAllowed
        raise NotFound(f"{capfirst(model._meta.verbose_name)} not found")


def is_storable_id(pk: int | str) -> bool:
    """Whether a row could have this id: digits of a positive 64-bit number."""
    text = str(pk)
    return (
        text.isascii()
        and text.isdigit()
        and len(text) < 20
        and int(text) <= models.BigIntegerField.MAX_BIGINT
    )
