"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import OpenAPIV30SpecValidator, validate
from rest_framework.test import APIClient

from accounts.models import User
from speakr_site.core.api.openapi import ERROR, RATE_LIMIT, TAGS, operations
from speakr_site.core.api.schema import document
from tests.conftest import signed_in
from tests.routes import Route, api_routes

OPENAPI, DOCS = "/api/v1/openapi.json", "/api/v1/docs"


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


def test_the_document_is_valid() -> None:
    validate(document(), cls=OpenAPIV30SpecValidator)


def below(route: Route) -> str:
    """A route's path as the document has it."""
    return "/" + route.path.replace("{pk}", "{id}")


def test_every_route_is_described() -> None:
    described = {
        f"{method.upper()} {path.removeprefix('/').replace('{id}', '{pk}')}"
        for path, method, _ in operations(document())
    }
    pages = {"GET docs", "GET openapi.json"}
    assert described == set(map(str, api_routes())) - pages
    for path, _, operation in operations(document()):
        (route,) = {route.base for route in api_routes() if below(route) == path}
        servers = operation.get("servers", document()["servers"])
        assert servers == [{"url": f"/{route.rstrip('/')}"}], path


def test_every_operation_says_what_it_does_and_what_it_takes() -> None:
    for path, method, operation in operations(document()):
        name = f"{method} {path}"
        assert operation["summary"], name
        assert operation["tags"] and set(operation["tags"]) <= set(TAGS), name
        for parameter in operation.get("parameters", []):
            assert parameter["description"], f"{name}: {parameter['name']}"
        for body in operation.get("requestBody", {}).get("content", {}).values():
            component = body["schema"]["$ref"].rpartition("/")[2]
            for key, value in document()["components"]["schemas"][component]["properties"].items():
                assert value.keys() & {"description", "$ref", "allOf"}, f"{name}: {key}"
    assert {tag["name"] for tag in document()["tags"]} == set(TAGS)


def test_no_name_of_an_operation_is_there_twice() -> None:
    names = [operation["operationId"] for _, _, operation in operations(document())]
    assert len(names) == len(set(names))


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


def test_every_operation_describes_its_refusals() -> None:
    for path, method, operation in operations(document()):
        answers = operation["responses"]
        assert {"400", "401", "429", "500", "503"} <= set(answers)
        assert "{" not in path or {"403", "404"} <= set(answers)
        assert "requestBody" not in operation or {"411", "413", "415"} <= set(answers)
        assert method == "get" or {"403", "507"} <= set(answers)
        for status, answer in answers.items():
            if status >= "400":
                assert answer.get("$ref", "").startswith("#/components/responses/"), status
            else:
                assert answer["description"]


def test_nothing_in_it_speaks_of_the_code() -> None:
    texts = json.dumps(document())
    for word in ("visible_to", ".py", "erializer", "queryset", "prefetch", "ViewSet"):
        assert word not in texts, word


def test_refusals_are_one_sentence_with_the_headers_that_go_with_them() -> None:
    components = document()["components"]
    assert components["schemas"]["Error"]["required"] == ["error"]
    for name, answer in components["responses"].items():
        assert answer["content"]["application/json"]["schema"] == ERROR, name
        assert set(RATE_LIMIT) <= set(answer["headers"]), name
    assert "Retry-After" in components["responses"]["TooManyRequests"]["headers"]
    assert "WWW-Authenticate" in components["responses"]["Unauthorized"]["headers"]


def test_a_body_of_a_patch_requires_what_its_serializer_requires() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["BatchUpdateRequest"]["required"] == ["recording_ids"]
    assert "required" not in schemas["RecordingPatchRequest"]


def test_the_page_loads_nothing_from_elsewhere(db: None) -> None:
    page = Client().get(DOCS)
    assert page["Content-Type"].startswith("text/html")
    html = page.content.decode()
    assert "://" not in html
    assert 'src="//' not in html
    assert '"validatorUrl": null' in html
    assert "/api/v1/openapi.json" in html or "openapi.json" in html
    for asset in re.findall(r'(?:src|href)="([^"]+)"', html):
        answer = Client().get(asset)
        assert answer.status_code == 200, asset
        if asset.endswith(".css"):
            style = b"".join(answer)
            assert b"@import" not in style
            assert not re.search(rb"url\([\"']?(https?:)?//", style)


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
        assert signed_in(alice).get(path).status_code == 200


@pytest.mark.parametrize("path", [OPENAPI, DOCS])
def test_the_pages_refuse_other_methods_in_json(db: None, path: str) -> None:
    response = Client().post(path)
    assert (response.status_code, response.json()) == (405, {"error": "Method not allowed"})
