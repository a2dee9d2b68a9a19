"""What the tests of people share."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.response import Response

from speakr_site.core.models import AuditEntry


@pytest.fixture
def trail(db: None) -> Callable[..., list[tuple[str, str, str]]]:
    """(who, what, detail) of each audit row, in order; `about`: how the actions begin."""

    def read(about: str = "") -> list[tuple[str, str, str]]:
        rows = AuditEntry.objects.filter(action__startswith=about).order_by("id")
        return list(rows.values_list("actor__username", "action", "detail"))

    return read


@pytest.fixture
def at_once() -> Callable[..., Counter[Any]]:
    """Runs acts that start together, each on a connection of its own; counts the statuses of the
    answers, or what else they return.
    """

    def run_all(*acts: Callable[[], Any]) -> Counter[Any]:
        results: list[Any] = []
        start = threading.Barrier(len(acts))

        def run(act: Callable[[], Any]) -> None:
            try:
                start.wait()
                result = act()
                results.append(result.status_code if isinstance(result, Response) else result)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == len(acts)
        return Counter(results)

    return run_all
