"""A connection whose every wait ends at one moment, and that yields only so many bytes.

A socket's own timeout is for each read: a receiver that sends a byte a second keeps to it for ever.
"""

from __future__ import annotations

import io
import socket
import time
from typing import Any


class TooMuch(Exception):
    """More was sent to us than any reply is worth."""


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than 0. Raises TimeoutError."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class Wire:
    """As much of a socket as http.client asks for. Who connected the socket closes it."""

    def __init__(self, connected: socket.socket, deadline: Deadline, most_bytes: int) -> None:
        self._socket = connected
        self._deadline = deadline
        self._bytes_left = most_bytes

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._deadline.left())
            rest = rest[self._socket.send(rest) :]

    def receive_into(self, buffer: Any) -> int:
        """Raises TimeoutError and TooMuch, else as a socket does."""
        if self._bytes_left <= 0:
            raise TooMuch
        self._socket.settimeout(self._deadline.left())
        count = self._socket.recv_into(buffer)
        self._bytes_left -= count
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def settimeout(self, seconds: float | None) -> None:
        """urllib3 knows no deadline."""

    def close(self) -> None:
        """http.client closes before it has read the body."""


class _Incoming(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)
