"""A bare TCP listener on the loopback address: what an HTTP server would never do, it does.

with Listener(lambda connection: connection.sendall(b"SSH-2.0-x\r\n")) as listener:
    ...
    assert listener.count == 0
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from ipaddress import ip_address
from types import TracebackType

from hooks.net import Destination

Script = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def head_of(connection: socket.socket) -> bytes:
    """A request up to the end of its body of the length that it says."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = got.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0 and (more := connection.recv(65_536)):
        missing -= len(more)
        got += more
    return got


class Listener:
    """`requests`: what each connection sent up to the answer; `count`: connections so far."""

    def __init__(self, answer: bytes | Script = OK, *, host: str = "127.0.0.1", port: int = 0):
        self.requests: list[bytes] = []
        self.count = 0
        self._answer = answer
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, port))
        self._socket.listen()
        self.host, self.port = host, self._socket.getsockname()[1]
        self.ending = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Listener:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ending.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def destination(self, *, scheme: str = "http", host: str = "hook.example") -> Destination:
        """As if the guard had found this listener to be a public address."""
        return Destination(scheme, host, self.port, "/hook", (ip_address(self.host),), False)

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """A byte each 50 ms, for as long as anybody listens."""
        for byte in data:
            connection.sendall(bytes([byte]))
            if self.ending.wait(0.05):
                return

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            connection.settimeout(30)
            if callable(self._answer):
                self._answer(connection)
            else:
                self.requests.append(head_of(connection))
                connection.sendall(self._answer)
