"""How SQLite looks for deliveries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="its plans")

WALK = re.compile(r"SCAN hooks_delivery\b(?! USING (COVERING )?INDEX delivery_(waiting|running))")


def walks(act: Callable[[], object]) -> list[str]:
    """The queries of `act`, on this thread's connection, that walk through all deliveries there
    are. Those that wait, or are being sent, may be walked through.
    """
    asked: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.search(r'(FROM|UPDATE) "hooks_delivery"', sql):
            asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        act()
    assert asked
    with connection.cursor() as cursor:
        # With the values apart, as they are asked: whether a partial index fits depends on them.
        return [
            sql
            for sql, params in asked
            if WALK.search(str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()))
        ]
