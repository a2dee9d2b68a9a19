"""Pages by number: `{"<plural>": [...], "pagination": {...}}`, an empty page past the end."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

PER_PAGE = 25
MAX_PER_PAGE = 100
MAX_DIGITS = 100


def pages_of(plural: str) -> type[NumberedPages]:
    """A pagination class whose rows stand under this key: `pages_of("recordings")`."""
    return type(f"PagesOf{plural.title()}", (NumberedPages,), {"plural": plural})


class NumberedPages(BasePagination):
    """Lenient on purpose (contract 0.1, 19): what is not a number from 1 up gives the default."""

    plural = "results"

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: Any = None) -> list:
        """Two queries; one past the end."""
        self.page = _positive(request.query_params.get("page"), 1)
        self.per_page = min(_positive(request.query_params.get("per_page"), PER_PAGE), MAX_PER_PAGE)
        self.total = queryset.count()
        start = (self.page - 1) * self.per_page
        # SQLite refuses an offset of more than 64 bits.
        if start >= self.total:
            return []
        return list(queryset[start : start + self.per_page])

    def get_paginated_response(self, data: list) -> Response:
        return Response({self.plural: data, "pagination": self.summary()})

    def summary(self) -> dict[str, int | bool]:
        total_pages = -(-self.total // self.per_page)
        return {
            "page": self.page,
            "per_page": self.per_page,
            "total": self.total,
            "total_pages": total_pages,
            "has_next": self.page < total_pages,
            "has_prev": self.page > 1,
        }

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": [self.plural, "pagination"],
            "properties": {
                self.plural: schema,
                "pagination": {
                    "type": "object",
                    "required": list(PAGINATION_PROPERTIES),
                    "properties": PAGINATION_PROPERTIES,
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("page", "Number of the page, from 1.", {"default": 1}),
            _parameter(
                "per_page", "Rows on a page.", {"default": PER_PAGE, "maximum": MAX_PER_PAGE}
            ),
        ]


PAGINATION_PROPERTIES: dict[str, Any] = {
    "page": {"type": "integer"},
    "per_page": {"type": "integer"},
    "total": {"type": "integer"},
    "total_pages": {"type": "integer", "description": "0 when there are no rows."},
    "has_next": {"type": "boolean"},
    "has_prev": {"type": "boolean"},
}


def _positive(text: str | None, default: int) -> int:
    # Python itself reads no more than some thousand digits.
    if text is None or not text.strip().isdecimal() or len(text) > MAX_DIGITS:
        return default
    return int(text) or default


def _parameter(name: str, description: str, limits: dict[str, int]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", "minimum": 1, **limits},
    }
