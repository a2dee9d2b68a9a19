"""What tests of many at once share: acts that start together, an act in the midst of a deletion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Any

from django.db import connection, transaction
from django.db.models import Model
from django.db.models.signals import post_delete


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each returned, in their order; they start together, each on a connection of its own.

    An error that one of them raises is raised here, after all have ended.
    """
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait(60)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def statuses(*acts: Callable[[], Any]) -> Counter[Any]:
    """How many of the acts, at once, were answered with each status, or returned what else."""
    return Counter(getattr(answer, "status_code", answer) for answer in at_once(*acts))


@contextmanager
def meanwhile(act: Callable[[], object], *, after: type[Model]) -> Iterator[list[Exception]]:
    """`act` begins in a transaction of another connection when the first row of the model `after`
    is deleted here. The deletion goes on when `act` has ended or waits for a lock. Gives what `act`
    raised, which is known when the block has ended. PostgreSQL only.
    """
    refused: list[Exception] = []

    def run() -> None:
        try:
            with transaction.atomic():
                act()
        except Exception as error:
            refused.append(error)
        finally:
            connection.close()

    other = Thread(target=run)

    def begin(**_: Any) -> None:
        if other.ident is None:
            other.start()
            while other.is_alive() and not waiting():
                other.join(0.01)

    post_delete.connect(begin, sender=after)
    try:
        yield refused
    finally:
        post_delete.disconnect(begin, sender=after)
        other.join()


def waiting() -> bool:
    """Whether a connection waits for another's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0
