"""A model server that fails in every way it can: one kind of error leaves the client, in time, and
says nothing that the server said.
"""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest

from recordings.llm import client
from recordings.llm.client import Ask, Model, ModelError, ModelStopped, Patience, Reply
from tests.model_server import (
    KEY,
    BreaksOff,
    Floods,
    Hangs,
    ModelServer,
    Refuses,
    Sends,
    Trickles,
    completion,
    model_server,
)

__all__ = ["model_server"]

ASK = Ask(messages=({"role": "user", "content": "What was said?"},), max_tokens=100)
SECRET = "what the server lets slip"
UNREADABLE = [
    b"",
    b"[]",
    b"null",
    b'"text"',
    b"{broken",
    b'{"choices": null}',
    b'{"choices": [1]}',
    b'{"choices": [{}]}',
    b'{"choices": [{"message": {"content": 5}}]}',
    b'{"choices": [{"message": {"content": null}}]}',
]


@pytest.fixture(autouse=True)
def _forgets() -> Iterator[None]:
    yield
    client._refused.clear()


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: what knocks gets no answer."""
    with ExitStack() as opened:
        server = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            guest = opened.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def ask(
    server: ModelServer, answer: Any, *, seconds: float = 5, retries: int = 0, wanted: Ask = ASK
) -> Reply:
    server.answers = answer if isinstance(answer, list) else [answer]
    return client.complete(model_of(server), wanted, Patience(seconds, retries))


def streamed(server: ModelServer, answer: Any) -> list[str | Reply]:
    server.answers = [answer]
    return list(client.stream(model_of(server), ASK, Patience(5)))


def model_of(server: ModelServer) -> Model:
    return Model("made-up", server.url, KEY, 8192)


def test_an_answer_comes_with_what_it_cost(model_server: ModelServer) -> None:
    assert ask(model_server, "Nothing much.") == Reply("Nothing much.", 100, 2, is_cut=False)
    assert model_server.keys == [f"Bearer {KEY}"]


def test_no_proxy_of_the_environment_is_asked(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask(model_server, "Nothing much.").text == "Nothing much."


def test_an_answer_without_a_count_is_estimated(model_server: ModelServer) -> None:
    answer = completion("Nothing much.")
    del answer["usage"]
    reply = ask(model_server, answer)
    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0


def test_an_answer_that_reached_its_limit_says_so(model_server: ModelServer) -> None:
    assert ask(model_server, completion("Nothing", "length")).is_cut


def test_a_stream_gives_pieces_and_then_the_whole(model_server: ModelServer) -> None:
    assert streamed(model_server, "one two three") == [
        "one",
        " two",
        " three",
        Reply("one two three", 100, 3, is_cut=False),
    ]


@pytest.mark.parametrize(
    ("answer", "code", "permanent"),
    [
        (Refuses(429, SECRET), "model_busy", False),
        (Refuses(500, SECRET), "model_busy", False),
        (Refuses(503, SECRET), "model_busy", False),
        (Refuses(401, SECRET), "model_refused", True),
        (Refuses(404, SECRET), "model_unknown", True),
        (Refuses(400, SECRET), "model_refused", True),
        (Refuses(302, SECRET, {"Location": "http://127.0.0.1:9/"}), "model_refused", True),
        (BreaksOff(), "model_unreachable", False),
        (Floods(), "model_too_much", False),
        (Sends(f"<html>{SECRET}</html>".encode(), "text/html"), "model_unreadable", False),
        *((Sends(body), "model_unreadable", False) for body in UNREADABLE),
    ],
)
def test_every_fault_is_one_kind_of_error(
    model_server: ModelServer, answer: Any, code: str, permanent: bool
) -> None:
    with pytest.raises(ModelError) as caught:
        ask(model_server, answer)
    assert (caught.value.code, caught.value.permanent) == (code, permanent)
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        BreaksOff(),
        Sends(b"<html></html>", "text/html"),
        Sends(b"data: {broken\n\n", "text/event-stream"),
        Sends(b"data: []\n\n", "text/event-stream"),
        Sends(b'data: {"choices": [5]}\n\n', "text/event-stream"),
        Sends(b'data: {"error": {"message": "no"}}\n\n', "text/event-stream"),
        Refuses(429),
    ],
)
def test_a_stream_that_is_cut_off_is_an_error(model_server: ModelServer, answer: Any) -> None:
    with pytest.raises(ModelError):
        streamed(model_server, answer)


@pytest.mark.parametrize("answer", [Hangs(), Trickles()])
def test_the_time_is_for_the_call_as_a_whole(model_server: ModelServer, answer: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(ModelError) as caught:
        ask(model_server, answer, seconds=1)
    assert caught.value.code == "model_timeout"
    assert 0.9 < time.monotonic() - begun < 30


def test_who_is_told_to_stop_stops_while_the_server_hangs(model_server: ModelServer) -> None:
    model_server.answers = [Hangs()]
    begun = time.monotonic()
    patience = Patience(60, should_stop=lambda: bool(model_server.requests))
    with pytest.raises(ModelStopped):
        client.complete(model_of(model_server), ASK, patience)
    assert time.monotonic() - begun < 10


def test_a_packed_answer_is_refused(model_server: ModelServer) -> None:
    packed = gzip.compress(json.dumps(completion("x" * 50_000_000)).encode(), 1)
    with pytest.raises(ModelError) as caught:
        ask(model_server, Sends(packed, headers={"Content-Encoding": "gzip"}))
    assert caught.value.code == "model_too_much"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("99999", 3600), ("soon", None), ("-1", None), ("²", None), ("", None)],
)
def test_it_says_how_long_the_server_wants_to_be_left_alone(
    model_server: ModelServer, header: str, seconds: float | None
) -> None:
    encoded = header.encode().decode("latin-1")
    with pytest.raises(ModelError) as caught:
        ask(model_server, Refuses(429, headers={"Retry-After": encoded}))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("header", ["7.25", "Fri, 31 Dec 2126 23:59:59 GMT"])
def test_fractions_and_dates_are_times_too(model_server: ModelServer, header: str) -> None:
    with pytest.raises(ModelError) as caught:
        ask(model_server, Refuses(429, headers={"Retry-After": header}))
    assert caught.value.retry_after == (7.25 if header == "7.25" else 3600)


class TestAskingAgain:
    @pytest.mark.parametrize("fault", [Refuses(n) for n in (408, 409, 429, 500, 503, 529)])
    def test_a_busy_server_is_asked_again(self, model_server: ModelServer, fault: Any) -> None:
        assert ask(model_server, [fault, "Now then."], retries=1).text == "Now then."
        assert len(model_server.requests) == 2

    def test_a_connection_that_broke_is_made_again(self, model_server: ModelServer) -> None:
        assert ask(model_server, [BreaksOff(), "Now then."], retries=1).text == "Now then."

    def test_a_stream_is_begun_again(self, model_server: ModelServer) -> None:
        model_server.answers = [Refuses(503), "Now then."]
        *_, reply = client.stream(model_of(model_server), ASK, Patience(5, retries=1))
        assert reply.text == "Now then."

    @pytest.mark.parametrize(
        "fault",
        [
            *(Refuses(status) for status in (400, 401, 404)),
            Floods(),
            Sends(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
        ],
    )
    def test_what_will_not_pass_is_not(self, model_server: ModelServer, fault: Any) -> None:
        with pytest.raises(ModelError):
            ask(model_server, fault, retries=3)
        assert len(model_server.requests) == 1

    def test_so_many_times_and_a_little_later_each_time(self, model_server: ModelServer) -> None:
        times: list[float] = []

        def notes(_request: Any) -> Refuses:
            times.append(time.monotonic())
            return Refuses(503)

        with pytest.raises(ModelError) as caught:
            ask(model_server, notes, seconds=30, retries=2)
        assert caught.value.code == "model_busy"
        first, second = (after - before for before, after in pairwise(times))
        assert 0.5 <= first < 15
        assert 1 <= second < 15
        assert len(times) == 3

    def test_not_before_the_server_says(self, model_server: ModelServer) -> None:
        begun = time.monotonic()
        wait = Refuses(429, headers={"Retry-After": "2"})
        ask(model_server, [wait, "Now then."], seconds=30, retries=1)
        assert time.monotonic() - begun >= 2

    @pytest.mark.parametrize(("seconds", "header"), [(2, "100"), (600, "121")])
    def test_a_wait_too_long_is_left_to_who_asked(
        self, model_server: ModelServer, seconds: float, header: str
    ) -> None:
        begun = time.monotonic()
        with pytest.raises(ModelError) as caught:
            ask(
                model_server,
                Refuses(429, headers={"Retry-After": header}),
                seconds=seconds,
                retries=5,
            )
        assert caught.value.retry_after == float(header)
        assert time.monotonic() - begun < 30
        assert len(model_server.requests) == 1

    def test_the_time_is_for_all_of_them_together(self, model_server: ModelServer) -> None:
        begun = time.monotonic()
        with pytest.raises(ModelError) as caught:
            ask(model_server, [Refuses(500), Hangs()], seconds=2, retries=10)
        assert caught.value.code == "model_timeout"
        assert 1.9 < time.monotonic() - begun < 4

    @pytest.mark.parametrize("told", ["should_stop", "is_ending"])
    def test_who_is_told_to_stop_stops_amid_a_wait(
        self, model_server: ModelServer, told: str
    ) -> None:
        model_server.answers = [Refuses(429, headers={"Retry-After": "60"})]
        begun = time.monotonic()
        patience = Patience(600, retries=5, **{told: lambda: bool(model_server.requests)})
        with pytest.raises(ModelStopped):
            client.complete(model_of(model_server), ASK, patience)
        assert time.monotonic() - begun < 3
        assert len(model_server.requests) == 1

    def test_who_is_ending_waits_for_no_connection(self, full_port: int) -> None:
        model = Model("made-up", f"http://127.0.0.1:{full_port}/v1", KEY, 8192)
        begun = time.monotonic()
        patience = Patience(600, is_ending=lambda: time.monotonic() - begun > 1)
        with pytest.raises(ModelStopped):
            client.complete(model, ASK, patience)
        assert 1 < time.monotonic() - begun < 6

    def test_a_host_that_does_not_accept_is_given_up(self, full_port: int, settings: Any) -> None:
        settings.LLM_CONNECT_TIMEOUT = 4
        model = Model("made-up", f"http://127.0.0.1:{full_port}/v1", KEY, 8192)
        begun = time.monotonic()
        with pytest.raises(ModelError) as caught:
            client.complete(model, ASK, Patience(600))
        assert caught.value.code == "model_timeout"
        assert 3.9 < time.monotonic() - begun < 7

    def test_who_is_ending_begins_none_but_hears_what_was_begun(
        self, model_server: ModelServer
    ) -> None:
        def slow(_request: Any) -> str:
            time.sleep(1)
            return "Now then."

        model_server.answers = [slow]
        patience = Patience(60, is_ending=lambda: bool(model_server.requests))
        assert client.complete(model_of(model_server), ASK, patience).text == "Now then."
        with pytest.raises(ModelStopped):
            client.complete(model_of(model_server), ASK, patience)
        assert len(model_server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Refuses(400, "This model's maximum context length is 4096 tokens."),
        Refuses(400, "no", code="context_length_exceeded"),
        Refuses(400, "the request exceeds the available context size"),
        Refuses(413),
    ],
)
def test_too_long_a_request_is_told_from_others(model_server: ModelServer, answer: Any) -> None:
    with pytest.raises(ModelError) as caught:
        ask(model_server, answer)
    assert caught.value.context_exceeded


def test_what_a_server_refuses_is_left_out_from_then_on(model_server: ModelServer) -> None:
    def picky(request: dict[str, Any]) -> Any:
        if "max_tokens" in request:
            return Refuses(400, "Unsupported parameter: use 'max_completion_tokens' instead.")
        if "temperature" in request:
            return Refuses(400, "temperature does not support 0.5 with this model.")
        kind = request.get("response_format", {}).get("type")
        if kind == "json_schema":
            return Refuses(400, "response_format of type json_schema is not supported.")
        return Refuses(422, "response_format: no") if kind else "Well."

    wanted = Ask(ASK.messages, 100, 0.5, {"title": "answer", "type": "object"})
    assert ask(model_server, picky, wanted=wanted).text == "Well."
    assert len(model_server.requests) == 5
    assert ask(model_server, picky, wanted=wanted).text == "Well."
    last = model_server.requests[-1]
    assert last.keys() == {"model", "messages", "max_completion_tokens"}
    assert len(model_server.requests) == 6


def test_no_server_is_an_error_too(model_server: ModelServer) -> None:
    model = Model("made-up", "http://127.0.0.1:9/v1", KEY, 8192)
    with pytest.raises(ModelError) as caught:
        client.complete(model, ASK, Patience(5))
    assert caught.value.code == "model_unreachable"


def test_without_settings_there_is_no_model(settings: Any) -> None:
    settings.TEXT_MODEL_NAME = settings.TEXT_MODEL_BASE_URL = settings.TEXT_MODEL_API_KEY = ""
    settings.CHAT_MODEL_NAME = ""
    assert client.text_model() is client.chat_model() is None


def test_chat_takes_what_it_lacks_from_the_text_model(
    model_server: ModelServer, settings: Any
) -> None:
    assert client.chat_model() == client.text_model()
    settings.CHAT_MODEL_NAME = "talker"
    assert client.chat_model() == Model("talker", model_server.url, KEY, 8192)
