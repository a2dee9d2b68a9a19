"""A real mail server on a port of its own, and a clock that tests move."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from django.test import Client
from django.utils import timezone

from accounts.services import answer_requests
from tests.instance import free_port

SITE = "https://speakr.example"
LINK = re.compile(rf"{SITE}(/reset/\w+/[\w-]+)")


@dataclass
class PostOffice:
    """Keeps what it is given; or answers `refusal`, after `delay_seconds`."""

    refusal: str = ""
    delay_seconds: float = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        await asyncio.sleep(self.delay_seconds)
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.recipients += envelope.rcpt_tos
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def open(self, **options: Any) -> Controller:
        """Listens until `stop()`; `port` of the answer."""
        # It writes down every address.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        return controller


@dataclass
class Clock:
    """Runs as ever, but `passed` ahead."""

    passed: timedelta = timedelta(0)

    def wait(self, **time: float) -> None:
        self.passed += timedelta(**time)

    def install(self, patch: Any) -> Clock:
        real = timezone.now
        patch.setattr("django.utils.timezone.now", lambda: real() + self.passed)
        return self


def deliver() -> bool:
    return answer_requests(should_stop=lambda: False)


def link_in(mail: Any) -> str:
    """The path of the one link in a mail of Django's outbox, or of a post office."""
    text = mail.body if hasattr(mail, "body") else mail.get_content()
    (path,) = LINK.findall(text)
    return path


def use(path: str, password: str, client: Client | None = None) -> Any:
    """Follows a link and sets a password; the last answer."""
    client = client or Client()
    opened = client.get(path)
    if opened.status_code != 302:
        return opened
    form = {"new_password1": password, "new_password2": password}
    return client.post(opened["Location"], form)
