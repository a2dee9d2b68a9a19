"""A real HTTP server that speaks OpenAI's chat completions, and all the ways in which one fails.

`server.answers` are taken in order, the last one again and again: a text is an answer; a callable
gets the request's JSON and gives a text; anything else is one of the faults below. What was asked
stands in `server.requests`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

KEY = "sk-of-the-tests-never-shown"


@dataclass(frozen=True)
class Refuses:
    """A status with a JSON error."""

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    code: str | None = None


@dataclass(frozen=True)
class Sends:
    """200 with exactly these bytes."""

    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Hangs:
    """Takes the request and says nothing until the server is closed."""


@dataclass(frozen=True)
class Trickles:
    """Headers, then a byte at a time, for ever."""

    seconds: float = 0.05


@dataclass(frozen=True)
class BreaksOff:
    """A part of the answer that it announced; while streaming, that many pieces."""

    pieces: int = 2


@dataclass(frozen=True)
class Talks:
    """Streams a word at a time, for ever; with `words`, so many, and then it hangs. Sets
    `server.hung_up` when nobody listens any more.
    """

    seconds: float = 0.02
    words: int | None = None


@dataclass(frozen=True)
class Floods:
    size: int = 50 * 1024 * 1024


Answer = str | Callable[[dict[str, Any]], Any] | Refuses | Sends | Hangs | Trickles | BreaksOff


class ModelServer:
    def __init__(self) -> None:
        self.answers: list[Any] = ["An answer."]
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.closing = threading.Event()
        self.hung_up = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            server_of_tests = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def take(self, request: dict[str, Any], key: str) -> Any:
        with self._lock:
            self.requests.append(request)
            self.keys.append(key)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request) if callable(answer) else answer

    def prompts(self) -> list[str]:
        """All that was said in each request."""
        return [
            "\n".join(message["content"] for message in request["messages"])
            for request in self.requests
        ]

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_of_tests: ModelServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        answer = self.server_of_tests.take(request, self.headers.get("Authorization", ""))
        with contextlib.suppress(ConnectionError):
            self._answer(answer, streams=bool(request.get("stream")))

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self, answer: Any, *, streams: bool) -> None:
        match answer:
            case str() if streams:
                self._stream(answer, pieces=None)
            case str():
                self._send(200, json.dumps(completion(answer)).encode())
            case dict():
                self._send(200, json.dumps(answer).encode())
            case Refuses():
                error = {"error": {"message": answer.message, "code": answer.code, "param": None}}
                self._send(answer.status, json.dumps(error).encode(), headers=answer.headers)
            case Sends():
                self._send(200, answer.body, answer.content_type, answer.headers)
            case Hangs():
                self.server_of_tests.closing.wait()
                self.close_connection = True
            case Trickles():
                self._trickle(answer.seconds)
            case BreaksOff() if streams:
                self._stream("one two three four five six", pieces=answer.pieces)
            case BreaksOff():
                whole = json.dumps(completion("An answer.")).encode()
                self._head(200, "application/json", {"Content-Length": str(len(whole))})
                self.wfile.write(whole[: len(whole) // 2])
                self.close_connection = True
            case Talks():
                self._talk(answer)
            case Floods():
                self._head(200, "application/json", {"Content-Length": str(answer.size)})
                for _ in range(answer.size // 65536):
                    self.wfile.write(b"x" * 65536)
            case _:
                raise TypeError(answer)

    def _head(self, status: int, content_type: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self._head(status, content_type, {"Content-Length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def _stream(self, text: str, *, pieces: int | None) -> None:
        self._head(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        words = text.split(" ")
        for index, word in enumerate(words[:pieces]):
            delta = word if index == 0 else f" {word}"
            self._event({"choices": [{"index": 0, "delta": {"content": delta}}]})
        if pieces is not None:
            self.close_connection = True
            return
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._event({"choices": [], "usage": usage(text)})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _talk(self, answer: Talks) -> None:
        self._head(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        said = 0
        try:
            while said != answer.words and not self.server_of_tests.closing.wait(answer.seconds):
                self._event({"choices": [{"index": 0, "delta": {"content": f"word{said} "}}]})
                said += 1
        except ConnectionError:
            self.server_of_tests.hung_up.set()
        else:
            self.server_of_tests.closing.wait()
        self.close_connection = True

    def _trickle(self, seconds: float) -> None:
        self._head(200, "application/json", {"Content-Length": "1000000"})
        while not self.server_of_tests.closing.wait(seconds):
            self.wfile.write(b" ")
            self.wfile.flush()

    def _event(self, data: dict[str, Any]) -> None:
        self._chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def completion(text: str | None, finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "made-up",
        "object": "chat.completion",
        "created": 0,
        "model": "made-up",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": usage(text or ""),
    }


def usage(text: str) -> dict[str, int]:
    words = len(text.split())
    return {"prompt_tokens": 100, "completion_tokens": words, "total_tokens": 100 + words}


@pytest.fixture
def model_server(settings: Any) -> Iterator[ModelServer]:
    """Configured as the text model."""
    server = ModelServer()
    settings.TEXT_MODEL_NAME = "made-up"
    settings.TEXT_MODEL_BASE_URL = server.url
    settings.TEXT_MODEL_API_KEY = KEY
    settings.TEXT_MODEL_CONTEXT_TOKENS = 8192
    settings.LLM_REQUEST_TIMEOUT = 10
    settings.LLM_MAX_RETRIES = 0
    yield server
    server.close()
