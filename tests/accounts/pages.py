"""Forms of pages, filled in as a browser does it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.test import Client


def filled(client: Client, path: str) -> dict[str, Any]:
    """What a browser would send of the page's form if nothing were touched."""
    form = client.get(path).context["form"]
    values = {field.html_name: field.value() for field in form}
    return {name: value for name, value in values.items() if value not in (None, False)}


def send(client: Client, path: str, **changes: Any) -> HttpResponse:
    """The answer to the form with some fields changed; None unticks a box."""
    values = {**filled(client, path), **changes}
    return client.post(path, {name: value for name, value in values.items() if value is not None})


def said(client: Client, path: str) -> list[str]:
    """The messages that the next page shows."""
    return [str(message) for message in client.get(path).context["messages"]]


def problems(answer: HttpResponse) -> dict[str, list[str]]:
    """What the page that came back says is wrong, by field; `__all__` is about the form."""
    assert answer.status_code == 200
    return dict(answer.context["form"].errors)
