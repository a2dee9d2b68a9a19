"""Names looked up within a time.

The system's own resolver cannot be interrupted: it knows /etc/hosts and a compose network's names,
and waits for a silent name server as long as it likes. So it is asked in a thread, which whoever
asked leaves behind when the time is up. A name is asked for once at a time, and there are only so
many threads: a silent name server holds a few of them, never more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from hooks.wire import Deadline

# Host and port to addresses as text; raises OSError.
Resolver = Callable[[str, int], list[str]]
Key = tuple[Resolver, str, int]


class Lookups:
    def __init__(self, at_once: int) -> None:
        self._threads = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._under_way: dict[Key, Future[list[str]]] = {}

    def ask(self, resolve: Resolver, host: str, port: int, *, seconds: float) -> list[str]:
        """What `resolve` answers. Raises OSError and ValueError; TimeoutError when it took longer,
        or no thread was free in that time.
        """
        deadline = Deadline(seconds)
        if not self._threads.acquire(timeout=deadline.left()):
            raise TimeoutError
        return self._begun((resolve, host, port)).result(deadline.left())

    def _begun(self, key: Key) -> Future[list[str]]:
        """In a thread that was acquired, or the lookup that is under way."""
        with self._lock:
            known = self._under_way.get(key)
            if known is not None:
                self._threads.release()
                return known
            answer: Future[list[str]] = Future()
            # A daemon: a silent name server does not keep a process from ending.
            thread = threading.Thread(
                target=self._run, args=(key, answer), name="webhook-lookup", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                self._threads.release()
                raise OSError("The system starts no more threads.") from None
            self._under_way[key] = answer
            return answer

    def _run(self, key: Key, answer: Future[list[str]]) -> None:
        resolve, host, port = key
        try:
            try:
                found = resolve(host, port)
            finally:
                self._finish(key)
        except (OSError, ValueError) as error:
            # ValueError: a name that cannot be encoded as name servers want it.
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def _finish(self, key: Key) -> None:
        with self._lock:
            del self._under_way[key]
        self._threads.release()
