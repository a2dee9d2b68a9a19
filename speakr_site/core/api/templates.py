"""Templates of the caller's own over the API, whatever they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from speakr_site.core.api.fields import UtcDateTimeField
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.serializers import DoneSerializer

NAME_HELP = "Spaces around it are cut off."
DESCRIPTION_HELP = "For the caller alone."
TAKES_THE_PLACE = "With `is_default` it takes the place of the earlier default."


# The base of what describes one.
class TemplateShapeSerializer(serializers.ModelSerializer):
    created_at = UtcDateTimeField()
    updated_at = UtcDateTimeField(help_text="Also when another template became the default.")


class TemplateActions:
    """A ScopedViewSet's first base. Strictly personal: of somebody else's template not even the
    existence shows.

    `templates`: writes them (accounts/services/templates.py). `to_create` and `to_change` read the
    body; `shape` describes one, and `listing` the answer with all.
    """

    templates: ClassVar[Any]
    to_create: ClassVar[type[serializers.Serializer]]
    to_change: ClassVar[type[serializers.Serializer]]
    shape: ClassVar[type[serializers.Serializer]]
    listing: ClassVar[type[serializers.Serializer]]

    scopes = {
        "list": "read",
        "create": "self",
        "retrieve": "read",
        "update": "edit",
        "destroy": "edit",
    }
    reveals_existence = False
    pagination_class = None

    def list(self, request: Request) -> Response:
        return Response({"templates": self.shape(self.get_queryset(), many=True).data})

    def create(self, request: Request) -> Response:
        body = self.to_create(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        template = self.templates.create(owner=request.user, values=body.validated_data)
        return Response(self.shape(template).data, status=201)

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.shape(self.get_object()).data)

    def update(self, request: Request, pk: str) -> Response:
        template = self.get_object()
        body = self.to_change(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        template = self.templates.update(template=template, changes=body.validated_data)
        return Response(self.shape(template).data)

    def destroy(self, request: Request, pk: str) -> Response:
        self.templates.delete(template=self.get_object())
        return Response({"success": True, "message": f"{self.templates.kind} deleted"})


def described(*, listed: str, changed: str, deleted: str) -> Callable[[type], type]:
    """For a class with TemplateActions: what each of them does, with these sentences about what is
    special to its kind.
    """

    def describe(views: type) -> type:
        kind, kinds = views.model._meta.verbose_name, views.model._meta.verbose_name_plural
        return extend_schema_view(
            list=extend_schema(
                summary=f"List the caller's {kinds}",
                description=f"All of them, by name. {listed}",
                responses=views.listing,
            ),
            create=extend_schema(
                summary=f"Create a {kind}",
                description=f"Makes a template of the caller's own. {TAKES_THE_PLACE}",
                request=views.to_create,
                responses={201: views.shape, **errors(409)},
            ),
            retrieve=extend_schema(
                summary=f"Details of a {kind}",
                description="One of the caller's own.",
                responses=views.shape,
            ),
            update=extend_schema(
                summary=f"Change a {kind}",
                description=f"{changed} {TAKES_THE_PLACE}",
                request=views.to_change,
                responses=views.shape,
            ),
            destroy=extend_schema(
                summary=f"Delete a {kind}",
                description=deleted,
                responses={200: DoneSerializer},
            ),
        )(views)

    return describe
