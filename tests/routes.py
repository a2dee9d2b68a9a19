"""Every route under /api, read from the URLconf: nobody has to remember to list one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

V1, BESIDE = "api/v1/", "api/"
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, order=True)
class Route:
    """`path`: below `base`, with {pk} for an id, and {tag_id} and the like for a second one.
    `action`: of the viewset, or the method.
    """

    path: str
    method: str
    action: str
    base: str = V1

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, pk: int | str = 1, **others: int | str) -> str:
        """`others`: by name; an id that is not given is 1."""
        ids = {"pk": pk, **others}
        return f"/{self.base}{re.sub(r'{(.+?)}', lambda id_: str(ids.get(id_[1], 1)), self.path)}"


def api_routes() -> list[Route]:
    """Those of /api/v1, and those beside it."""
    return sorted(_routes(get_resolver(), ""))


def v1_routes() -> list[Route]:
    return [route for route in api_routes() if route.base == V1]


def _routes(resolver: URLResolver, before: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        path = before + re.sub(r"\\Z|[\^$]", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _routes(entry, path)
        elif path.startswith(BESIDE) and isinstance(entry, URLPattern):
            yield from _of_view(entry, re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", path))


def _of_view(entry: URLPattern, path: str) -> Iterator[Route]:
    actions = getattr(entry.callback, "actions", None)
    if actions is None:
        view = getattr(entry.callback, "view_class", None)
        actions = {method: method for method in METHODS if hasattr(view, method)}
    for method, action in actions.items():
        if method in METHODS:
            base = V1 if path.startswith(V1) else BESIDE
            yield Route(path.removeprefix(base), method.upper(), action, base)
