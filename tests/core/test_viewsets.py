"""Scope, existence, methods and bodies, through the one base class of all views."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from accounts.models import User
from recordings.models import Recording
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet
from tests.factories import make_recording


class RecordingsForTest(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read", "partial_update": "edit", "create": "self"}

    def retrieve(self, request: Request, pk: str) -> Response:
        return Response({"id": self.get_object().pk})

    def partial_update(self, request: Request, pk: str) -> Response:
        return Response({"id": self.get_object().pk, **json_object(request, optional=True)})

    def create(self, request: Request) -> Response:
        return Response(json_object(request))

    def destroy(self, request: Request, pk: str) -> Response:
        return Response({"deleted": True})


class SecretRecordingsForTest(RecordingsForTest):
    reveals_existence = False


ACTIONS = {"get": "retrieve", "patch": "partial_update", "delete": "destroy", "post": "create"}


def ask(
    user: User | None,
    method: str = "get",
    *,
    view: type[ScopedViewSet] = RecordingsForTest,
    pk: Any = None,
    **request: Any,
) -> Response:
    sent = getattr(APIRequestFactory(), method)("/x", **request)
    if user is not None:
        force_authenticate(sent, user)
    arguments = {} if pk is None else {"pk": str(pk)}
    return view.as_view(ACTIONS)(sent, **arguments).render()


def test_the_owner_finds_the_row_in_one_query(alice: User, django_assert_num_queries: Any) -> None:
    recording = make_recording(owner=alice)
    with django_assert_num_queries(1):
        assert ask(alice, pk=recording.pk).data == {"id": recording.pk}


def test_a_stranger_gets_403_for_what_exists_and_404_for_what_does_not(
    alice: User, carol: User
) -> None:
    recording = make_recording(owner=alice)
    for method in ("get", "patch"):
        refused, missing = ask(carol, method, pk=recording.pk), ask(carol, method, pk=10**6)
        assert (refused.status_code, refused.data) == (403, {"error": "Permission denied"})
        assert (missing.status_code, missing.data) == (404, {"error": "Recording not found"})


def test_what_is_strictly_personal_is_404_to_strangers(alice: User, carol: User) -> None:
    recording = make_recording(owner=alice)
    assert ask(carol, pk=recording.pk, view=SecretRecordingsForTest).status_code == 404


def test_an_operator_has_no_way_past_the_scope(alice: User, otto: User) -> None:
    assert ask(otto, pk=make_recording(owner=alice).pk).status_code == 403


@pytest.mark.parametrize("pk", [0, 2**63 - 1, 2**63, 10**18, 10**30, "9" * 5000, "٣"])
def test_an_id_that_no_row_can_have_is_404(alice: User, pk: int | str) -> None:
    assert ask(alice, pk=pk).status_code == 404


def test_an_action_without_a_scope_is_refused(alice: User) -> None:
    assert ask(alice, "delete", pk=make_recording(owner=alice).pk).status_code == 403


def test_a_method_without_an_action_is_405_and_says_what_is_allowed(alice: User) -> None:
    response = ask(alice, "put", pk=1)
    assert (response.status_code, response.data) == (405, {"error": "Method not allowed"})
    assert "GET" in response["Allow"]


def test_options_names_the_methods_and_head_works(alice: User) -> None:
    assert "GET" in ask(alice, "options", pk=1).data["allowed"]
    assert ask(alice, "head", pk=make_recording(owner=alice).pk).status_code == 200


def test_who_is_not_logged_in_gets_401_whatever_the_method(db: None) -> None:
    for method in ("get", "put", "delete", "options"):
        response = ask(None, method, pk=1)
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("accept", ["audio/*", "text/calendar", "application/xml"])
def test_an_unknown_media_type_is_answered_all_the_same(alice: User, accept: str) -> None:
    recording = make_recording(owner=alice)
    assert ask(alice, pk=recording.pk, headers={"Accept": accept}).status_code == 200


def test_a_browser_gets_a_page(alice: User) -> None:
    page = ask(alice, pk=make_recording(owner=alice).pk, headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")


def test_an_error_is_json_even_to_a_browser(alice: User) -> None:
    headers = {"Accept": "text/html,*/*"}
    for user, pk, status in ((alice, 10**6, 404), (None, 1, 401)):
        refused = ask(user, pk=pk, headers=headers)
        assert (refused.status_code, refused["Content-Type"]) == (status, "application/json")


@pytest.mark.parametrize("body", ["[1]", '"text"', "null", "7"])
def test_a_body_that_is_no_object_is_400(alice: User, body: str) -> None:
    response = ask(alice, "post", data=body, content_type="application/json")
    assert (response.status_code, response.data) == (400, {"error": "A JSON object is expected"})


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        " ",
        '{"a": NaN}',
        '{"a": Infinity}',
        b"\xff{}",
        "[" * 100_000,
        '{"a": ' + "9" * 9999,
    ],
)
def test_a_body_that_is_no_json_is_400(alice: User, body: str | bytes) -> None:
    response = ask(alice, "post", data=body, content_type="application/json")
    assert response.status_code == 400
    assert set(response.data) == {"error"}


def test_an_absent_body_is_an_empty_object_where_that_makes_sense(alice: User) -> None:
    recording = make_recording(owner=alice)
    assert ask(alice, "patch", pk=recording.pk).status_code == 200
    assert ask(alice, "post").status_code == 400


def test_another_media_type_is_415(alice: User) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = ask(alice, "post", data="a=1", content_type=media_type)
        assert response.status_code == 415
        assert media_type in response.data["error"]


def test_a_body_beyond_the_limit_is_413(alice: User, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    response = ask(alice, "post", data={"a": "long enough"}, format="json")
    assert response.status_code == 413


def test_a_chunked_body_is_refused_rather_than_ignored(alice: User) -> None:
    response = ask(alice, "patch", pk=1, headers={"Transfer-Encoding": "chunked"})
    assert response.status_code == 411
