from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hooks.delivery import send_due
from tests.hooks.receiver import Receiver, private_networks


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A real one, which webhooks may reach."""
    private_networks(settings)
    with Receiver() as running:
        yield running


@pytest.fixture
def send() -> Callable[[], None]:
    """As the bell does it."""
    return lambda: send_due(should_stop=lambda: False)
