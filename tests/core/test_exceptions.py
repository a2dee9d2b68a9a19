"""Whatever goes wrong under /api/, the answer is JSON with one sentence and no details."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from django.test import Client, RequestFactory, override_settings
from rest_framework import exceptions as drf
from rest_framework.test import APIClient

from accounts.api.views.users import CurrentUserViewSet
from accounts.models import User
from speakr_site.core.api.exceptions import (
    bad_request,
    handle,
    not_found,
    permission_denied,
    server_error,
)
from speakr_site.core.errors import Busy, Conflict, InvalidInput

ME = "/api/v1/users/me"


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (InvalidInput("title is too long"), 400, {"error": "title is too long"}),
        (Conflict("Already queued", job_id=7), 409, {"error": "Already queued", "job_id": 7}),
        (Http404("No Recording matches the given query."), 404, {"error": "Not found"}),
        (drf.PermissionDenied(), 403, {"error": "Permission denied"}),
        (drf.PermissionDenied("CSRF Failed: no token"), 403, {"error": "CSRF Failed: no token"}),
        (drf.MethodNotAllowed("PUT"), 405, {"error": "Method not allowed"}),
        (drf.ParseError("JSON parse error - line 1"), 400, {"error": "Invalid JSON"}),
        (UnreadablePostError("gone"), 400, {"error": "Request body was cut off"}),
        (RequestDataTooBig("/data/x"), 413, {"error": "Request body is too large"}),
        (SuspiciousOperation("/data/x"), 400, {"error": "Bad request"}),
        (OperationalError("locked"), 503, {"error": "The server is busy; try again later"}),
        (RuntimeError("/data/secret"), 500, {"error": "Internal server error"}),
    ],
)
def test_an_error_becomes_a_status_and_a_sentence(
    error: Exception, status: int, body: dict[str, Any]
) -> None:
    response = handle(error, {})
    assert (response.status_code, response.data) == (status, body)


@pytest.mark.parametrize(
    ("detail", "sentence"),
    [
        ({"title": ["This field is required."]}, "title is required."),
        ({"title": ["Too long."], "notes": ["Bad."]}, "title: Too long."),
        ({"inbox": ["inbox must be true or false"]}, "inbox must be true or false"),
        ({"tags": [{}, {"name": ["Bad."]}]}, "tags.1.name: Bad."),
        ({"ids": {2: ["Not a number."]}}, "ids.2: Not a number."),
        ({"non_field_errors": ["Give one of them."]}, "Give one of them."),
        (["Bad."], "Bad."),
    ],
)
def test_a_refused_value_is_named_in_the_sentence(detail: Any, sentence: str) -> None:
    response = handle(drf.ValidationError(detail), {})
    assert response.status_code == 400
    assert response.data["error"] == sentence
    assert ("fields" in response.data) == isinstance(detail, dict)


def test_a_busy_server_says_when_to_come_back() -> None:
    assert handle(Busy(), {})["Retry-After"] == "10"
    assert handle(Busy(retry_after=3), {})["Retry-After"] == "3"


def test_what_nobody_foresaw_is_logged_and_leaks_nothing(
    alice: User,
    api: Callable[[User], APIClient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("/data/secret_key")

    monkeypatch.setattr(CurrentUserViewSet, "retrieve", fail)
    with caplog.at_level(logging.ERROR):
        response = api(alice).get(ME)
    assert response.status_code == 500
    assert response.json() == {"error": "Internal server error"}
    assert "secret_key" in caplog.text


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/nothing", f"{ME}/"])
def test_an_unknown_path_is_a_json_404_for_every_method(method: str, path: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"


def test_a_missing_page_elsewhere_keeps_djangos_own_answer() -> None:
    assert Client().get("/nothing")["Content-Type"].startswith("text/html")
    assert Client().get("/api/v2/nothing").json() == {"error": "Not found"}


@override_settings(ALLOWED_HOSTS=["speakr.example"])
def test_a_strange_host_is_a_json_400() -> None:
    response = Client().get(ME, headers={"Host": "evil.example"})
    assert (response.status_code, response.json()) == (400, {"error": "Bad request"})


def test_djangos_own_errors_are_json_under_the_api_only() -> None:
    inside, outside = RequestFactory().get("/api/v1/x"), RequestFactory().get("/x")
    for view in (bad_request, permission_denied):
        assert view(inside, ValueError())["Content-Type"] == "application/json"
        assert view(outside, ValueError())["Content-Type"].startswith("text/html")
    assert server_error(inside)["Content-Type"] == "application/json"
    assert server_error(outside)["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("host", ["evil.example", "speakr..example", "a b", "speakr.example:x"])
@override_settings(ALLOWED_HOSTS=["speakr.example"])
def test_what_django_answers_for_a_page_is_kept_and_listed_by_nobody(host: str) -> None:
    outside = RequestFactory().get("/s/x")
    refused = Client().get(f"/s/{'x' * 22}", headers={"Host": host})
    assert refused.status_code == 400
    for page in (
        refused,
        server_error(outside),
        permission_denied(outside, ValueError()),
        not_found(outside, Http404()),
    ):
        assert page["Cache-Control"] == "no-store"
        assert page["X-Robots-Tag"] == "noindex"
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
