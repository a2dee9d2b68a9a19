"""What the tests of people share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from speakr_site.core.models import AuditEntry


@pytest.fixture
def trail(db: None) -> Callable[..., list[tuple[str, str, str]]]:
    """(who, what, detail) of each audit row, in order; `about`: how the actions begin."""

    def read(about: str = "") -> list[tuple[str, str, str]]:
        rows = AuditEntry.objects.filter(action__startswith=about).order_by("id")
        return list(rows.values_list("actor__username", "action", "detail"))

    return read
