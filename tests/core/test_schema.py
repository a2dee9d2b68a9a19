"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from accounts.models import User
from speakr_site.core.api.schema import ERROR, document

OPENAPI, DOCS = "/api/v1/openapi.json", "/api/v1/docs"


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, view class) of every API view, with {id} in place of groups."""
    for entry in resolver.url_patterns:
        path = prefix + re.sub(r"\\Z|\^|\$", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern) and hasattr(entry.callback, "actions"):
            yield re.sub(r"\(\?P<pk>[^)]*\)", "{id}", path), entry.callback


def test_the_document_builds_without_a_warning() -> None:
    printed = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=printed)
    assert printed.getvalue().startswith("openapi: 3.0.3")


def test_the_document_is_json_for_everybody(db: None) -> None:
    response = Client().get(OPENAPI)
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body["openapi"] == "3.0.3"
    assert body["info"]["title"] == "Speakr API"
    assert body["servers"] == [{"url": "/api/v1"}]
    assert body["paths"]["/users/me"]["get"]["tags"] == ["Users"]


def test_every_route_is_described() -> None:
    described = {
        (f"api/v1{path}", method) for path, item in document()["paths"].items() for method in item
    }
    served = {
        (path, method)
        for path, view in routes(get_resolver())
        for method in view.actions
        if method != "head"
    }
    assert described == served


def test_a_token_may_be_presented_in_four_ways() -> None:
    schemes = document()["components"]["securitySchemes"]
    places = {(s["type"], s.get("in"), s.get("name", s.get("scheme"))) for s in schemes.values()}
    assert places >= {
        ("http", None, "bearer"),
        ("apiKey", "header", "X-API-Token"),
        ("apiKey", "header", "API-Token"),
        ("apiKey", "query", "token"),
    }
    alternatives = document()["paths"]["/users/me"]["get"]["security"]
    assert {"bearer": []} in alternatives
    assert {"tokenQuery": []} in alternatives


def test_every_operation_describes_its_refusals_and_speaks_of_nothing_internal() -> None:
    assert document()["components"]["schemas"]["Error"]["required"] == ["error"]
    for path, item in document()["paths"].items():
        for operation in item.values():
            answers = operation["responses"]
            assert answers["401"]["content"]["application/json"]["schema"] == ERROR
            assert "{" not in path or {"403", "404"} <= set(answers)
            assert "visible_to" not in operation.get("description", "")


def test_the_page_loads_nothing_from_elsewhere(db: None) -> None:
    page = Client().get(DOCS)
    assert page["Content-Type"].startswith("text/html")
    html = page.content.decode()
    assert "://" not in html
    assert 'src="//' not in html
    assert '"validatorUrl": null' in html
    assert "/api/v1/openapi.json" in html or "openapi.json" in html
    for asset in re.findall(r'(?:src|href)="([^"]+)"', html):
        assert Client().get(asset).status_code == 200, asset


def test_the_description_can_be_kept_from_strangers(
    alice: User, api: Callable[..., APIClient], settings: Any
) -> None:
    settings.API_DOCS_PUBLIC = False
    for path in (OPENAPI, DOCS):
        refused = Client().get(path, headers={"Accept": "text/html"})
        assert refused.status_code == 401
        assert refused["WWW-Authenticate"] == "Bearer"
        assert refused.json() == {"error": "Authentication required"}
        assert api(alice).get(path).status_code == 200
        session = Client()
        session.force_login(alice)
        assert session.get(path).status_code == 200


@pytest.mark.parametrize("path", [OPENAPI, DOCS])
def test_the_pages_refuse_other_methods_in_json(db: None, path: str) -> None:
    response = Client().post(path)
    assert (response.status_code, response.json()) == (405, {"error": "Method not allowed"})
