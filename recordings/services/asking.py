"""Questions to a language model that somebody waits for in a web request: which model, who pays,
and what becomes of its trouble (contract 0.1, 34 and 35).

Whatever a model does, the answer is 503 with a sentence of ours: its trouble is the server's.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from django.db import IntegrityError, connections

from accounts.models import User
from recordings.budgets import require_token_budget
from recordings.llm import client, waiting
from recordings.llm.client import Model, ModelError, Patience, Reply
from recordings.llm.tasks import Material, Session
from recordings.models import Recording
from recordings.pipeline.texts import charge, material_of
from speakr_site.core.errors import Busy

logger = logging.getLogger(__name__)

NO_MODEL = (
    "No language model is configured: set TEXT_MODEL_NAME with TEXT_MODEL_BASE_URL or "
    "TEXT_MODEL_API_KEY, or CHAT_MODEL_NAME with CHAT_MODEL_BASE_URL or CHAT_MODEL_API_KEY"
)
# Where an operator has to act first; where a little patience may do.
OPERATOR_SECONDS, SOON_SECONDS = 3600, 10


def require_model(*, by: User) -> Model:
    """The one for people who wait. Raises Busy without any, BudgetExceeded when the month's tokens
    of `by` are used up.
    """
    model = client.chat_model()
    if model is None:
        raise Busy(NO_MODEL, retry_after=OPERATOR_SECONDS)
    require_token_budget(by)
    return model


@contextmanager
def asking(model: Model, *, by: User) -> Iterator[Session]:
    """A place from which to ask, without a connection to the database. Raises Busy where all places
    are taken, and for every ModelError.
    """
    try:
        with place() as patience:
            yield Session(model, patience, partial(_paid, by.pk))
    except ModelError as error:
        logger.warning("The language model failed a request: %s (%s)", error, error.code)
        soon = OPERATOR_SECONDS if error.permanent else SOON_SECONDS
        wait = soon if error.retry_after is None else max(1, math.ceil(error.retry_after))
        raise Busy(str(error), retry_after=wait) from error


@contextmanager
def place() -> Iterator[Patience]:
    """For work that takes long, without a connection to the database until one is needed. Raises
    Busy where all places are taken.
    """
    with waiting.place() as patience:
        _let_go_of_the_database()
        yield patience


def material_for(recording: Recording, viewer: User) -> Material:
    """As one person may see it: others know the owner by the user name alone, and are answered in
    the language that they chose themselves. Reads `owner` and `current_transcript`. One query.
    """
    material = material_of(recording)
    owner = recording.owner
    context = replace(
        material.context,
        owner_name=owner.name if owner.pk == viewer.pk else owner.username,
        language=viewer.output_language,
    )
    return replace(material, context=context)


def _paid(user_id: int, operation: str, reply: Reply) -> None:
    try:
        charge(user_id, operation, reply)
    except IntegrityError:
        logger.info("Tokens of a person who is gone are not counted")
    _let_go_of_the_database()


def _let_go_of_the_database() -> None:
    """Another connection is made when it is needed."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
