"""The only door to a language model: any server that speaks OpenAI's chat completions.

It knows no rows, and nobody calls it within a transaction. Where servers differ in what they
accept, it asks again without what was refused, and remembers that while the process lives.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from django.conf import settings

from recordings.llm.retrying import is_busy, retry_after, retrying
from recordings.llm.sections import estimated_tokens
from recordings.llm.wire import Limits, Stopped, TooMuch, limited_client

Message = dict[str, str]

WRITE_SECONDS = 30
# What a server may refuse, in the order of giving it up; a refusal names it.
OPTIONAL = ("temperature", "stream_options", "response_format")
CONTEXT_EXCEEDED = re.compile(
    r"context.{0,20}(length|window|size)|maximum.{0,20}tokens|too many tokens|too long", re.I
)
_refused: dict[tuple[str, str], set[str]] = {}


class ModelError(Exception):
    """The only exception that leaves this module. `permanent`: trying again cannot help.
    `retry_after`: seconds, where the server said so. `context_exceeded`: a shorter request may do.
    """

    def __init__(
        self,
        sentence: str,
        *,
        code: str,
        permanent: bool = False,
        retry_after: float | None = None,
        context_exceeded: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after
        self.context_exceeded = context_exceeded


class ModelStopped(Exception):
    """`should_stop` or `is_ending` said so."""


@dataclass(frozen=True, slots=True)
class Model:
    """`context_tokens`: of request and answer together."""

    name: str
    base_url: str
    api_key: str
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Ask:
    """`max_tokens`: of the answer. `schema`: JSON schema that the answer should keep to, if the
    server can; its `title` is the schema's name.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float | None = None
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds`: for a whole call. `retries`: of what the server is too busy for. `should_stop`:
    whether to break off a call; `is_ending`: whether to begin none. `until`: by time.monotonic(),
    when the last of several calls has to be over.
    """

    seconds: float
    retries: int = 0
    should_stop: Callable[[], bool] | None = None
    is_ending: Callable[[], bool] | None = None
    until: float = math.inf

    def left(self) -> float:
        """Seconds that a call beginning now may take."""
        return max(min(self.seconds, self.until - time.monotonic()), 0.001)


@dataclass(frozen=True, slots=True)
class Reply:
    """`is_cut`: the answer reached `max_tokens` before its end."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    is_cut: bool


def text_model() -> Model | None:
    """For work in the background; None when none is configured."""
    return _model(
        settings.TEXT_MODEL_NAME,
        settings.TEXT_MODEL_BASE_URL,
        settings.TEXT_MODEL_API_KEY,
        settings.TEXT_MODEL_CONTEXT_TOKENS,
    )


def chat_model() -> Model | None:
    """For people who wait: the text model unless CHAT_MODEL_NAME names another."""
    if not settings.CHAT_MODEL_NAME:
        return text_model()
    return _model(
        settings.CHAT_MODEL_NAME,
        settings.CHAT_MODEL_BASE_URL or settings.TEXT_MODEL_BASE_URL,
        settings.CHAT_MODEL_API_KEY or settings.TEXT_MODEL_API_KEY,
        settings.CHAT_MODEL_CONTEXT_TOKENS or settings.TEXT_MODEL_CONTEXT_TOKENS,
    )


def in_background(should_stop: Callable[[], bool], is_ending: Callable[[], bool]) -> Patience:
    seconds, retries = settings.LLM_REQUEST_TIMEOUT, settings.LLM_MAX_RETRIES
    return Patience(seconds, retries, should_stop, is_ending)


def complete(model: Model, ask: Ask, patience: Patience) -> Reply:
    """Raises ModelError and ModelStopped."""
    with _errors_told(), _calls(model, patience) as call:
        answer = _accepted(model, call, ask, stream=False)
        return _reply(answer, ask)


def stream(model: Model, ask: Ask, patience: Patience) -> Iterator[str | Reply]:
    """Pieces of the answer as they come, then the Reply. Raises as `complete` does."""
    with _errors_told(), _calls(model, patience) as call:
        pieces, usage, finish = [], None, None
        with _accepted(model, call, ask, stream=True) as chunks:
            for chunk in chunks:
                usage = getattr(chunk, "usage", None) or usage
                choice = _first(getattr(chunk, "choices", None))
                if choice is None:
                    continue
                finish = getattr(choice, "finish_reason", None) or finish
                piece = getattr(getattr(choice, "delta", None), "content", None)
                if isinstance(piece, str) and piece:
                    pieces.append(piece)
                    yield piece
        if finish is None:
            raise ModelError("The language model broke off its answer.", code="model_broke_off")
        yield _counted("".join(pieces), usage, finish, ask)


def estimate(ask: Ask, text: str) -> Reply:
    """What a server would have counted by then, for an answer that ended after `text`."""
    return _counted(text, None, None, ask)


def _model(name: str, base_url: str, api_key: str, context_tokens: int) -> Model | None:
    if not name or not (base_url or api_key):
        return None
    # The library wants a key even where the server does not.
    return Model(name, base_url, api_key or "none", context_tokens)


@contextmanager
def _calls(model: Model, patience: Patience) -> Iterator[Callable[..., Any]]:
    """What asks for one completion, as often as `patience` has it."""
    seconds = patience.left()
    timeout = httpx2.Timeout(seconds, connect=settings.LLM_CONNECT_TIMEOUT, write=WRITE_SECONDS)
    limits = Limits(seconds, patience.should_stop, patience.is_ending)
    with limited_client(limits, timeout=timeout) as http:
        client = openai.OpenAI(
            api_key=model.api_key,
            base_url=model.base_url or None,
            # Its own cannot be told to stop.
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )
        yield retrying(patience.retries, limits).wraps(client.chat.completions.create)


def _accepted(model: Model, call: Callable[..., Any], ask: Ask, *, stream: bool) -> Any:
    """The server's answer, once it refuses none of the parameters."""
    refused = _refused.setdefault((model.base_url, model.name), set())
    while True:
        parameters = _parameters(ask, refused, stream=stream)
        try:
            return call(model=model.name, messages=list(ask.messages), **parameters)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            found = _named_in(error, parameters, refused)
            if found is None:
                raise
            refused.add(found)


def _parameters(ask: Ask, refused: set[str], *, stream: bool) -> dict[str, Any]:
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    parameters: dict[str, Any] = {limit: ask.max_tokens}
    if ask.temperature is not None and "temperature" not in refused:
        parameters["temperature"] = ask.temperature
    if stream:
        parameters["stream"] = True
        if "stream_options" not in refused:
            parameters["stream_options"] = {"include_usage": True}
    if ask.schema is not None and "response_format" not in refused:
        if "json_schema" in refused:
            parameters["response_format"] = {"type": "json_object"}
        else:
            named = {"name": ask.schema.get("title", "answer"), "schema": ask.schema}
            parameters["response_format"] = {"type": "json_schema", "json_schema": named}
    return parameters


def _named_in(
    error: openai.APIStatusError, parameters: dict[str, Any], refused: set[str]
) -> str | None:
    """What to give up next. A refusal says which parameter it is about in `param`, or else in words
    only, among which there may be some of the transcript.
    """
    said = error.param or error.message
    if _is_context_exceeded(error):
        return None
    if "max_tokens" in parameters and (
        error.param == "max_tokens" or "max_completion_tokens" in said
    ):
        return "max_tokens"
    if "response_format" in parameters and re.search(r"response_format|json_schema|schema", said):
        return "response_format" if "json_schema" in refused else "json_schema"
    return next((name for name in OPTIONAL if name in parameters and name in said), None)


def _is_context_exceeded(error: openai.APIStatusError) -> bool:
    return (
        error.status_code == 413
        or error.code == "context_length_exceeded"
        or (error.status_code in (400, 422) and bool(CONTEXT_EXCEEDED.search(error.message)))
    )


def _reply(answer: Any, ask: Ask) -> Reply:
    choice = _first(getattr(answer, "choices", None))
    text = getattr(getattr(choice, "message", None), "content", None)
    if not isinstance(text, str):
        raise ModelError("The language model's answer cannot be read.", code="model_unreadable")
    return _counted(text, getattr(answer, "usage", None), choice.finish_reason, ask)


def _counted(text: str, usage: Any, finish: Any, ask: Ask) -> Reply:
    """With the server's count, or an estimate where it gives none."""
    asked = sum(estimated_tokens(message["content"]) for message in ask.messages)
    return Reply(
        text=text,
        prompt_tokens=_count(getattr(usage, "prompt_tokens", None), asked),
        completion_tokens=_count(getattr(usage, "completion_tokens", None), estimated_tokens(text)),
        is_cut=finish == "length",
    )


def _count(value: Any, otherwise: int) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else otherwise


def _first(choices: Any) -> Any:
    return choices[0] if isinstance(choices, list) and choices else None


@contextmanager
def _errors_told() -> Iterator[None]:
    """No sentence holds what the server said: it may hold the transcript, or the key."""
    try:
        yield
    except Stopped as error:
        raise ModelStopped from error
    except openai.APIStatusError as error:
        raise _of_status(error) from error
    except openai.APITimeoutError as error:
        raise ModelError(
            "The language model did not answer in time.", code="model_timeout"
        ) from error
    except (openai.APIConnectionError, httpx2.HTTPError) as error:
        raise ModelError(
            "The language model cannot be reached, or broke off.", code="model_unreachable"
        ) from error
    except TooMuch as error:
        raise ModelError(
            "The language model's answer is too large.", code="model_too_much"
        ) from error
    except (openai.OpenAIError, httpx2.InvalidURL, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            "The language model's answer cannot be read.", code="model_unreadable"
        ) from error


def _of_status(error: openai.APIStatusError) -> ModelError:
    status = error.status_code
    if _is_context_exceeded(error):
        return ModelError(
            "The request is too long for the language model.",
            code="model_context",
            permanent=True,
            context_exceeded=True,
        )
    if status in (401, 403):
        sentence = "The language model's server refuses this server's key."
        return ModelError(sentence, code="model_refused", permanent=True)
    if status == 404:
        sentence = "The language model's server does not know the model."
        return ModelError(sentence, code="model_unknown", permanent=True)
    if is_busy(error):
        return ModelError(
            "The language model's server is busy or in trouble.",
            code="model_busy",
            retry_after=retry_after(error),
        )
    sentence = "The language model's server refuses the request."
    return ModelError(sentence, code="model_refused", permanent=True)
