"""Tags and folders over the API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from organizing.api.serializers import in_, out
from organizing.models import Folder, Tag
from organizing.querysets import ShelfQuerySet
from organizing.services import (
    create_folder,
    create_tag,
    delete_folder,
    delete_tag,
    require_folders_enabled,
    update_folder,
    update_tag,
)
from speakr_site.core import system
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.serializers import DoneSerializer
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import NotAllowed


class _Shelves:
    """What the views of tags and those of folders share."""

    # Action: what is said of a person's own, and of a group's.
    refusals: ClassVar[dict[str, tuple[str, str]]] = {}

    def get_object(self) -> Any:
        try:
            return super().get_object()
        except NotAllowed:
            if self.action not in self.refusals:
                raise
            of_group = self.model.objects.filter(pk=self.kwargs["pk"], owner=None).exists()
            raise NotAllowed(self.refusals[self.action][of_group]) from None

    def listed(self) -> ShelfQuerySet:
        """What the caller may use. One query."""
        return self.get_queryset().described_for(self.request.user).in_list_order()

    def described(self, pk: int) -> Any:
        """The row as the caller may see it after a change. Raises NotFound if it is gone since."""
        return self.find(self.model.objects.described_for(self.request.user), pk)


@extend_schema(tags=["Tags"])
class TagViewSet(_Shelves, ScopedViewSet):
    model = Tag
    scopes = {"list": "read", "create": "self", "update": "edit", "destroy": "edit"}
    pagination_class = None
    refusals = {
        "update": ("Permission denied", "Only group admins can edit group tags"),
        "destroy": ("Permission denied", "Only group admins can delete group tags"),
    }

    @extend_schema(summary="List tags", responses={200: out.TagListSerializer})
    def list(self, request: Request) -> Response:
        """The caller's own tags by name, then those of all their groups by name."""
        return Response({"tags": out.TagSerializer(self.listed(), many=True).data})

    @extend_schema(
        summary="Create a tag",
        request=in_.TagCreateSerializer,
        responses={201: out.TagSerializer, **errors(403, 404)},
    )
    def create(self, request: Request) -> Response:
        """Makes a tag of the caller's own, or of a group that they administer."""
        body = in_.TagCreateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        tag = create_tag(by=request.user, values=body.validated_data)
        return Response(out.TagSerializer(self.described(tag.pk)).data, status=201)

    @extend_schema(
        summary="Change a tag",
        request=in_.TagUpdateSerializer,
        responses={200: out.TagUpdatedSerializer},
    )
    def update(self, request: Request, pk: str) -> Response:
        """Changes what is given and leaves the rest. Whose tag it is stays as it is."""
        tag = self.get_object()
        body = in_.TagUpdateSerializer(tag, data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        update_tag(tag=tag, by=request.user, changes=body.validated_data)
        changed = out.TagSerializer(self.described(tag.pk)).data
        return Response({"success": True, "tag": changed})

    @extend_schema(summary="Delete a tag", responses={200: DoneSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Takes the tag off every recording; the recordings stay."""
        delete_tag(tag=self.get_object(), by=request.user)
        return Response({"success": True, "message": "Tag deleted"})


@extend_schema(tags=["Folders"])
class FolderViewSet(_Shelves, ScopedViewSet):
    model = Folder
    scopes = {
        "list": "read",
        "create": "self",
        "retrieve": "read",
        "update": "edit",
        "destroy": "edit",
    }
    pagination_class = None
    refusals = {
        "update": (
            "You do not have permission to edit this folder",
            "Only group admins can edit group folders",
        ),
        "destroy": (
            "You do not have permission to delete this folder",
            "Only group admins can delete group folders",
        ),
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.policy = system.current()
        if self.action not in ("list", "metadata"):
            require_folders_enabled(self.policy)

    @extend_schema(summary="List folders", responses=out.FolderSerializer(many=True))
    def list(self, request: Request) -> Response:
        """The caller's own folders by name, then those of all their groups by name. An empty list
        while folders are switched off.
        """
        folders = self.listed() if self.policy.enable_folders else []
        return Response(out.FolderSerializer(folders, many=True).data)

    @extend_schema(
        summary="Create a folder",
        request=in_.FolderCreateSerializer,
        responses={201: out.FolderSerializer, **errors(403, 404)},
    )
    def create(self, request: Request) -> Response:
        """Makes a folder of the caller's own, or of a group that they administer."""
        body = in_.FolderCreateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        folder = create_folder(by=request.user, values=body.validated_data)
        return Response(out.FolderSerializer(self.described(folder.pk)).data, status=201)

    @extend_schema(summary="Details of a folder", responses=out.FolderSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """For its owner, or for the members of its group."""
        visible = self.get_queryset().described_for(request.user)
        return Response(out.FolderSerializer(self.find(visible, pk)).data)

    @extend_schema(
        summary="Change a folder",
        request=in_.FolderUpdateSerializer,
        responses=out.FolderSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        """Changes what is given and leaves the rest.

        A folder that goes to a group, from one group to another, or back to a person loses the
        recordings of people who may not use it there; the recordings stay, outside of any folder.
        """
        folder = self.get_object()
        body = in_.FolderUpdateSerializer(folder, data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        update_folder(folder=folder, by=request.user, changes=body.validated_data)
        return Response(out.FolderSerializer(self.described(folder.pk)).data)

    @extend_schema(summary="Delete a folder", responses={200: out.FolderDeletedSerializer})
    def destroy(self, request: Request, pk: str) -> Response:
        """Recordings in it lie in no folder afterwards; they are not deleted."""
        delete_folder(folder=self.get_object(), by=request.user)
        return Response({"success": True})
