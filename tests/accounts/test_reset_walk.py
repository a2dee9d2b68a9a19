"""A forgotten password on a whole Speakr: its web server, its queue, a mail server beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from tests.accounts.mail import LINK, PostOffice
from tests.instance import START_SECONDS, Instance, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

NEW = "another long password"
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
MAIL_SECONDS = 40


def send(browser: requests.Session, url: str, **fields: str) -> requests.Response:
    """The form that an address leads to, filled in."""
    opened = browser.get(url, timeout=10)
    form = {"csrfmiddlewaretoken": CSRF.search(opened.text)[1], **fields}
    return browser.post(opened.url, form, timeout=10)


def test_the_mail_comes_and_its_link_lets_one_in_again(tmp_path: Path) -> None:
    office = PostOffice()
    server = office.open()
    instance = Instance(
        tmp_path,
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(server.port),
        SMTP_USE_TLS="false",
        PUBLIC_URL="https://speakr.example/",
        ADMIN_EMAIL="otto@example.com",
        LOG_LEVEL="debug",
    )
    try:
        until(lambda: instance.answers("/login"), START_SECONDS, "the web server answers")
        until(lambda: "speakr" in instance.canaries(), START_SECONDS, "the queue works")
        token, browser = instance.token, requests.Session()
        sent = send(browser, f"{instance.url}/reset", address="Otto@example.com")
        assert sent.url == f"{instance.url}/reset/sent"
        until(lambda: office.mails, MAIL_SECONDS, "a mail came")
        assert office.recipients == ["otto@example.com"]
        assert office.mails[0]["From"] == "Speakr <noreply@speakr.example>"
        (path,) = LINK.findall(office.mails[0].get_content())
        done = send(browser, instance.url + path, new_password1=NEW, new_password2=NEW)
        assert done.url == f"{instance.url}/reset/done"
        header = {"Authorization": f"Bearer {token}"}
        me = f"{instance.url}/api/v1/users/me"
        assert requests.get(me, headers=header, timeout=10).status_code == 401
        within = send(browser, f"{instance.url}/login", username="otto@example.com", password=NEW)
        assert within.url == f"{instance.url}/account"
        assert browser.get(me, timeout=10).json()["is_admin"]
        assert instance.rows("SELECT count(*) FROM accounts_resetrequest") == [(0,)]
        logs = "".join(file.read_text() for file in (tmp_path / "logs").iterdir())
        assert path.rpartition("/")[2] not in logs
        assert NEW not in logs
    finally:
        instance.end()
        server.stop()
