"""A real HTTP receiver on the loopback address: it answers as it is told, and remembers every byte.

    with Receiver() as receiver:
        # To the first request, and to all that follow.
        receiver.answer(Answer(500), Answer(429, {"Retry-After": "7"}))
        ...
        assert receiver.wait_for(2)[0].headers["Speakr-Event"] == "webhook.test"

`private_networks(settings)` opens the loopback address to webhooks, by both settings.
"""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from types import TracebackType
from typing import Any

HOST = "127.0.0.1"
WAIT_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """`wait_seconds`: before the answer begins. `pause_seconds`: between two bytes of the body.
    `hang_up`: the connection is closed without an answer. `deed`: done as soon as it is out.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    wait_seconds: float = 0
    pause_seconds: float = 0
    hang_up: bool = False
    deed: Callable[[], None] = lambda: None


@dataclass
class Request:
    """`headers` ignore case, as in HTTP. `arrived` and `answered`: seconds of time.time(); the
    latter is None until the answer is out, or for good when nobody waited for it.
    """

    method: str
    path: str
    headers: Message
    body: bytes
    peer: tuple[str, int]
    arrived: float
    status: int = 0
    answered: float | None = None

    @property
    def id(self) -> str:
        return self.headers["Speakr-Delivery-Id"] or ""


Plan = Callable[[Request], Answer]


class Receiver:
    """Use as a context manager. `requests`: all that came whole, in order of their arrival.
    `most_at_once`: how many were being answered at the same time.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._plan: Plan = lambda _: Answer()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def target(self) -> str:
        return f"{HOST}:{self.port}"

    def url(self, path: str = "/hook") -> str:
        return f"http://{self.target}{path}"

    def answer(self, *answers: Answer) -> None:
        """To the next requests, one each; the last of them to all that follow."""
        rest = list(answers)
        self.answer_by(lambda _: rest.pop(0) if len(rest) > 1 else rest[0])

    def answer_by(self, plan: Plan) -> None:
        self._plan = plan

    def wait_for(self, count: int, seconds: float = WAIT_SECONDS) -> list[Request]:
        """The requests, once there are so many."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.requests) >= count, seconds)
            assert came, f"{len(self.requests)} of {count} requests came in {seconds} s"
            return list(self.requests)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """One request; called in a thread of its own."""
        length = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(length)
        if len(body) < length:
            # Its sender was killed in the middle.
            handler.close_connection = True
            return
        request = Request(
            handler.command,
            handler.path,
            handler.headers,
            body,
            handler.client_address,
            time.time(),
        )
        with self._changed:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            answer = self._plan(request)
            request.status = answer.status
            self.requests.append(request)
            self._changed.notify_all()
        try:
            self._send(handler, answer)
            request.answered = time.time()
            answer.deed()
        except OSError:
            handler.close_connection = True
        finally:
            with self._changed:
                self._at_once -= 1

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        self._closing.wait(answer.wait_seconds)
        if answer.hang_up or self._closing.is_set():
            handler.close_connection = True
            with suppress(OSError):
                handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if not answer.pause_seconds:
            handler.wfile.write(answer.body)
            return
        for byte in answer.body:
            handler.wfile.write(bytes([byte]))
            if self._closing.wait(answer.pause_seconds):
                return


class Failures:
    """A plan: 503 to the first requests of each id, up to `most` of them, then 200."""

    def __init__(self, *, most: int, seed: int) -> None:
        self._most, self._seed = most, seed
        self._seen: Counter[str] = Counter()

    def __call__(self, request: Request) -> Answer:
        self._seen[request.id] += 1
        return Answer(503 if self._seen[request.id] <= self.of(request.id) else 200)

    def of(self, event_id: str) -> int:
        """How many requests with this id fail."""
        return random.Random(f"{self._seed} {event_id}").randint(0, self._most)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, receiver: Receiver) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.serve(self)

            do_GET = do_PUT = do_POST

            def log_message(self, *_: Any) -> None:
                """Requests are kept, not printed."""

        super().__init__((HOST, 0), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hung up is of no interest."""


def private_networks(settings: Any, *ranges: str, hosts: str = r"127\.0\.0\.1|localhost") -> None:
    """Opens address ranges to webhooks, the loopback ones unless others are given."""
    settings.WEBHOOK_INTRANET_HOST_ALLOWLIST = re.compile(hosts, re.IGNORECASE)
    ranges = ranges or ("127.0.0.0/8",)
    settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = [ip_network(text) for text in ranges]


def refusing_url() -> str:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return f"http://{HOST}:{probe.getsockname()[1]}/hook"
