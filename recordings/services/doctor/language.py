"""The doctor on the language model: which one is configured, and whether it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from recordings.llm.client import Ask, Model, ModelError, Patience, chat_model, complete, text_model
from recordings.services.doctor.findings import Finding, ok, problem

QUESTION = ({"role": "user", "content": "Answer with the word yes."},)
# Some models think before they answer.
ANSWER_TOKENS = 500
SECONDS_TO_ANSWER = 60.0


def models() -> Iterator[Finding]:
    """Each one is asked for a word."""
    text, chat = text_model(), chat_model()
    if text is None:
        yield ok("No language model is configured: summaries are made of key sentences.")
    else:
        yield _asked(text, "Texts are made by")
    if chat is not None and chat != text:
        yield _asked(chat, "Chat is answered by")


def _asked(model: Model, whose: str) -> Finding:
    named = f"{whose} the language model {model.name} at {_place(model)}"
    started = time.monotonic()
    try:
        complete(model, Ask(QUESTION, ANSWER_TOKENS), Patience(SECONDS_TO_ANSWER))
    except ModelError as error:
        return problem(f"{named}. {error}")
    took = time.monotonic() - started
    tokens = model.context_tokens
    return ok(f"{named}; it answered in {took:.1f} s. Its context is taken as {tokens} tokens.")


def _place(model: Model) -> str:
    """Without a password that the address may hold."""
    try:
        address = urlsplit(model.base_url)
        port = f", port {address.port}" if address.port else ""
    except ValueError:
        return "an address that is not one"
    return f"{address.hostname}{port}" if address.hostname else "OpenAI"
