"""Every route under /api and every page, read from the URLconf: nobody has to remember one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

V1, BESIDE = "api/v1/", "api/"
METHODS = ("get", "post", "put", "patch", "delete")
# Of a browser's forms.
PAGE_METHODS = ("get", "post")
# The console is Django's own, and tests/core/test_console.py knows it; the others are for machines.
NO_PAGES = ("admin/", "api", "healthz", "readyz")


@dataclass(frozen=True, order=True)
class Route:
    """`path`: below `base`, with {pk} for an id, and {tag_id} and the like for a second one; a
    page's is whole, from its slash on. `action`: of the viewset, or the method.
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
        path = re.sub(r"{(.+?)}", lambda id_: str(ids.get(id_[1], 1)), self.path)
        return f"/{self.base}{path.removeprefix('/')}"


def api_routes() -> list[Route]:
    """Those of /api/v1, and those beside it."""
    found = _entries(get_resolver(), "")
    return sorted(
        route for path, entry in found if path.startswith(BESIDE) for route in _of_view(entry, path)
    )


def v1_routes() -> list[Route]:
    return [route for route in api_routes() if route.base == V1]


def page_routes() -> list[Route]:
    """Those that answer people, outside the console."""
    found = _entries(get_resolver(), "")
    return sorted(
        Route(f"/{path}", method.upper(), method, base="")
        for path, entry in found
        if not path.startswith(NO_PAGES)
        for method in PAGE_METHODS
        if _takes(entry, method)
    )


def _entries(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with its path, in which {name} stands for what a pattern takes out of it."""
    for entry in resolver.url_patterns:
        path = before + re.sub(r"\\Z|[\^$]", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _entries(entry, path)
        else:
            path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", path)
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path), entry


def _of_view(entry: URLPattern, path: str) -> Iterator[Route]:
    actions = getattr(entry.callback, "actions", None)
    if actions is None:
        actions = {method: method for method in METHODS if _takes(entry, method)}
    for method, action in actions.items():
        if method in METHODS:
            base = V1 if path.startswith(V1) else BESIDE
            yield Route(path.removeprefix(base), method.upper(), action, base)


def _takes(entry: URLPattern, method: str) -> bool:
    view = getattr(entry.callback, "view_class", None)
    return method in getattr(view, "http_method_names", ()) and hasattr(view, method)
