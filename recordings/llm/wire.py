"""Connections to a model server that end when they must: at a deadline for the call as a whole,
when somebody asks to stop, and when more comes than any answer is worth.

httpx2 has a limit for each read only, and a server that sends a byte a minute keeps to it for ever.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2
import httpx2

ANSWER_MAX_BYTES = 4 * 1024 * 1024
LOOK_SECONDS = 0.5
# No host that is there takes longer to accept; then it is knocked at again.
CONNECT_SECONDS = 3.0


class Stopped(Exception):
    """The caller asked to stop."""


class TooMuch(Exception):
    """The answer is larger than ANSWER_MAX_BYTES, or packed, so that its size cannot be told."""


class Limits:
    """Of one call, its retries included. `should_stop`: whether to break off what is under way;
    `is_ending`: whether to begin nothing more, waiting included. Both are asked twice a second.
    """

    def __init__(
        self,
        seconds: float,
        should_stop: Callable[[], bool] | None = None,
        is_ending: Callable[[], bool] | None = None,
    ) -> None:
        self.ends = time.monotonic() + seconds
        self.should_stop = should_stop or (lambda: False)
        self.is_ending = is_ending or self.should_stop
        self.bytes_left = ANSWER_MAX_BYTES

    def may_begin(self) -> None:
        """Raises Stopped."""
        if self.is_ending():
            raise Stopped

    def rest(self, seconds: float) -> None:
        """Sleeps. Raises Stopped."""
        wakes = time.monotonic() + seconds
        while (left := wakes - time.monotonic()) > 0:
            self.may_begin()
            time.sleep(min(left, LOOK_SECONDS))

    def next_wait(self, deadline: float) -> float:
        """Seconds to wait before looking again. Raises Stopped."""
        if self.should_stop():
            raise Stopped
        return max(min(LOOK_SECONDS, deadline - time.monotonic()), 0.001)


class LimitedStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        deadline = self._deadline(timeout)
        while True:
            try:
                data = self._stream.read(max_bytes, self._limits.next_wait(deadline))
            except httpcore2.ReadTimeout:
                if time.monotonic() >= deadline:
                    raise
                continue
            self._limits.bytes_left -= len(data)
            if self._limits.bytes_left < 0:
                raise TooMuch
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, max(self._deadline(timeout) - time.monotonic(), 0.001))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return LimitedStream(secured, self._limits)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _deadline(self, timeout: float | None) -> float:
        by_timeout = time.monotonic() + timeout if timeout is not None else self._limits.ends
        return min(by_timeout, self._limits.ends)


class LimitedBackend(httpcore2.SyncBackend):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        deadline = self._limits.ends
        if timeout is not None:
            deadline = min(deadline, time.monotonic() + timeout)
        while True:
            self._limits.may_begin()
            seconds = max(min(CONNECT_SECONDS, deadline - time.monotonic()), 0.001)
            try:
                stream = super().connect_tcp(host, port, seconds, local_address, socket_options)
            except httpcore2.ConnectTimeout:
                if time.monotonic() >= deadline:
                    raise
            else:
                return LimitedStream(stream, self._limits)


class LimitedTransport(httpx2.HTTPTransport):
    """httpx2's own over connections of ours, which it has no parameter for."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            http2=False,
            network_backend=LimitedBackend(limits),
        )


def limited_client(limits: Limits, *, timeout: httpx2.Timeout) -> httpx2.Client:
    """Follows no redirects: the key would go along."""
    return httpx2.Client(
        transport=LimitedTransport(limits),
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_refuse_packed]},
        follow_redirects=False,
    )


def _refuse_packed(response: httpx2.Response) -> None:
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise TooMuch
