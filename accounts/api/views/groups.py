"""Groups and their members over the API.

Who is not in a group, and no operator, is told that there is none. Rights beyond seeing are asked
before the body is read, and again by the service, under the group's lock.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.serializers import in_, out
from accounts.models import Group, User
from accounts.services import (
    add_member,
    change_role,
    create_group,
    delete_group,
    remove_member,
    rename_group,
    require_group_admin,
    require_operator,
)
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet, is_storable_id
from speakr_site.core.errors import NotFound


@extend_schema(tags=["Groups"])
class GroupViewSet(ScopedViewSet):
    model = Group
    scopes = {
        "list": "read",
        "create": "self",
        "retrieve": "read",
        "update": "read",
        "destroy": "read",
    }
    reveals_existence = False
    pagination_class = None

    def get_object(self) -> Group:
        return self.described(self.kwargs["pk"])

    def described(self, pk: int | str) -> Group:
        return self.find(self.scoped("read").described_for(self.request.user), pk)

    @extend_schema(summary="List groups", responses={200: out.GroupListSerializer})
    def list(self, request: Request) -> Response:
        """Those that the caller is in, by name. An operator sees all."""
        groups = self.get_queryset().described_for(request.user).order_by("name")
        return Response({"groups": out.GroupSerializer(groups, many=True).data})

    @extend_schema(
        summary="Create a group",
        request=in_.GroupBodySerializer,
        responses={201: out.GroupSerializer, **errors(403, 409)},
    )
    def create(self, request: Request) -> Response:
        """For operators. The group is empty at first; its first admin is a member whom the operator
        adds with that role.
        """
        require_operator(request.user)
        group = create_group(name=given_name(request), by=request.user)
        return Response(out.GroupSerializer(self.described(group.pk)).data, status=201)

    @extend_schema(summary="Details of a group", responses=out.GroupDetailSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """With its members by user name. For members and operators."""
        group = self.find(self.get_queryset().described_for(request.user).with_members(), pk)
        return Response(out.GroupDetailSerializer(group).data)

    @extend_schema(
        summary="Rename a group",
        request=in_.GroupBodySerializer,
        responses={200: out.GroupSerializer, **errors(409)},
    )
    def update(self, request: Request, pk: str) -> Response:
        """For operators."""
        group = self.get_object()
        require_operator(request.user)
        group.name = given_name(request)
        rename_group(group=group, name=group.name, by=request.user)
        return Response(out.GroupSerializer(group).data)

    @extend_schema(summary="Delete a group", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """For operators. Its tags and folders go with it, and what they gave access to can no
        longer be seen by who were its members; the recordings stay with their owners.
        """
        group = self.get_object()
        require_operator(request.user)
        delete_group(group=group, by=request.user)
        return Response(status=204)


@extend_schema(tags=["Groups"])
class MemberViewSet(ScopedViewSet):
    model = Group
    scopes = {"create": "read", "update": "read", "destroy": "read"}
    reveals_existence = False
    pagination_class = None

    @extend_schema(
        summary="Add a member",
        request=in_.MemberCreateSerializer,
        responses={201: out.MemberSerializer, **errors(409)},
    )
    def create(self, request: Request, pk: str) -> Response:
        """For the group's admins and for operators. The new member may use the group's tags and
        folders at once.
        """
        group = self.get_object()
        require_group_admin(group, request.user)
        given = checked(in_.MemberCreateSerializer, request)
        user = User.objects.named(given["user"])
        if user is None:
            raise NotFound("User not found")
        member = add_member(group=group, user=user, role=given["role"], by=request.user)
        return Response(out.MemberSerializer(member).data, status=201)

    @extend_schema(
        summary="Change the role of a member",
        request=in_.MemberUpdateSerializer,
        responses={200: out.MemberSerializer, **errors(409)},
    )
    def update(self, request: Request, pk: str, user_id: str) -> Response:
        """For the group's admins and for operators. The last admin cannot be demoted."""
        group = self.get_object()
        require_group_admin(group, request.user)
        role = checked(in_.MemberUpdateSerializer, request)["role"]
        member = change_role(group=group, user_id=member_id(user_id), role=role, by=request.user)
        return Response(out.MemberSerializer(member).data)

    @extend_schema(summary="Remove a member", responses={204: None, **errors(409)})
    def destroy(self, request: Request, pk: str, user_id: str) -> Response:
        """For the group's admins and for operators; and everybody may leave, but for the last
        admin. What the group gave access to ends at once.
        """
        group, leaving = self.get_object(), member_id(user_id)
        if leaving != request.user.pk:
            require_group_admin(group, request.user)
        remove_member(group=group, user_id=leaving, by=request.user)
        return Response(status=204)


def given_name(request: Request) -> str:
    return checked(in_.GroupBodySerializer, request)["name"]


def checked(serializer: type, request: Request) -> dict[str, Any]:
    """What is in the body. Raises for what is missing or wrong in it."""
    body = serializer(data=json_object(request, optional=True))
    body.is_valid(raise_exception=True)
    return body.validated_data


def member_id(text: str) -> int:
    if not is_storable_id(text):
        raise NotFound("Member not found")
    return int(text)
