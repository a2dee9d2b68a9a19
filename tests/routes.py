"""Every route under /api/v1, read from the URLconf: nobody has to remember to list one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

PREFIX = "api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, order=True)
class Route:
    """`path`: below /api/v1/, with {pk} for an id. `action`: of the viewset, or the method."""

    path: str
    method: str
    action: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, pk: int | str = 1) -> str:
        return f"/{PREFIX}{self.path.replace('{pk}', str(pk))}"


def v1_routes() -> list[Route]:
    return sorted(_routes(get_resolver(), ""))


def _routes(resolver: URLResolver, before: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        path = before + re.sub(r"\\Z|[\^$]", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _routes(entry, path)
        elif path.startswith(PREFIX) and isinstance(entry, URLPattern):
            yield from _of_view(entry, re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", path))


def _of_view(entry: URLPattern, path: str) -> Iterator[Route]:
    actions = getattr(entry.callback, "actions", None)
    if actions is None:
        view = getattr(entry.callback, "view_class", None)
        actions = {method: method for method in METHODS if hasattr(view, method)}
    for method, action in actions.items():
        if method in METHODS:
            yield Route(path.removeprefix(PREFIX), method.upper(), action)
