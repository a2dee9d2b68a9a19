"""What the bell `deliveries`, and the clock each minute, run."""

from __future__ import annotations


def work(bell: str) -> None:
    """Sends what is due."""


def sweep() -> None:
    """Takes back what a lost worker held, prunes, sends what is due."""
