"""A new password by a link in a mail, through a real mail server (contract 0.1, 29)."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.checks import run_checks
from django.test import Client
from django_q.models import OrmQ

from accounts import tasks
from accounts.models import ResetRequest, User
from accounts.services import request_reset, resets, set_password
from tests.accounts.mail import SITE, Clock, PostOffice, deliver, link_in, use
from tests.concurrency import at_once
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

RESET, SENT, DONE = "/reset", "/reset/sent", "/reset/done"
NEW = "another long password"


@pytest.fixture(autouse=True)
def _no_requests_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def office() -> PostOffice:
    return PostOffice()


@pytest.fixture(autouse=True)
def server(office: PostOffice, settings: Any) -> Iterator[Any]:
    """The post office, open and known to Speakr."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    settings.PUBLIC_URL = SITE
    settings.DEFAULT_FROM_EMAIL = "Speakr <noreply@speakr.example>"
    controller = office.open()
    settings.EMAIL_PORT = controller.port
    yield controller
    if controller.server is not None:
        controller.stop()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


def ask(address: str) -> Any:
    return Client().post(RESET, {"address": address})


class TestPages:
    @pytest.mark.parametrize("missing", ["EMAIL_HOST", "PUBLIC_URL"])
    def test_it_is_hidden_without_mail_or_an_address_of_ours(
        self, settings: Any, alice: User, missing: str
    ) -> None:
        assert 'href="/reset"' in Client().get("/login").content.decode()
        setattr(settings, missing, "")
        assert 'href="/reset"' not in Client().get("/login").content.decode()
        for path in (RESET, SENT, DONE, "/reset/MQ/abc-def", "/reset/MQ/set-password"):
            assert Client().get(path).status_code == 404
        assert ask("alice").status_code == 404
        assert not ResetRequest.objects.exists()

    def test_mail_without_an_address_of_ours_is_a_warning(self, settings: Any) -> None:
        settings.PUBLIC_URL = ""
        assert [problem.id for problem in run_checks()] == ["core.W007"]
        settings.EMAIL_HOST = ""
        assert run_checks() == []

    def test_asking_leaves_a_row_and_rings(
        self, alice: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            answer = ask(" Alice@Example.com ")
        assert (answer.status_code, answer["Location"]) == (302, SENT)
        assert ResetRequest.objects.get().address == "Alice@Example.com"
        assert [message.key for message in OrmQ.objects.all()] == ["speakr"]
        assert Client().get(SENT).status_code == 200

    @pytest.mark.parametrize("address", ["", "a" * 121, "a\0b", "\ufdfa" * 100], ids=len)
    def test_what_cannot_be_an_address_is_refused(self, address: str) -> None:
        assert ask(address).status_code == 200
        assert not ResetRequest.objects.exists()

    def test_one_client_address_may_ask_a_few_times_a_minute(self) -> None:
        assert [ask("alice").status_code for _ in range(6)] == [302] * 5 + [429]
        assert 1 <= int(ask("alice")["Retry-After"]) <= 60
        assert ResetRequest.objects.count() == 5
        elsewhere = Client(REMOTE_ADDR="203.0.113.9")
        assert elsewhere.post(RESET, {"address": "alice"}).status_code == 302

    def test_many_that_wait_are_not_made_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resets, "MAX_WAITING", 2)
        assert [ask("nobody").status_code for _ in range(3)] == [302, 302, 429]
        assert ResetRequest.objects.count() == 2


class TestMail:
    @pytest.mark.parametrize("address", ["alice", "ALICE@example.com"])
    def test_it_goes_to_the_address_on_file(
        self, alice: User, office: PostOffice, address: str
    ) -> None:
        request_reset(address=address)
        deliver()
        (mail,) = office.mails
        assert office.recipients == ["alice@example.com"]
        assert (mail["To"], mail["From"]) == (
            "alice@example.com",
            "Speakr <noreply@speakr.example>",
        )
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail.get_content_type() == "text/plain"
        assert "alice" in mail.get_content()
        assert link_in(mail).startswith("/reset/")
        assert not ResetRequest.objects.exists()

    @pytest.mark.parametrize("why", ["nobody", "inactive", "no password"])
    def test_nobody_else_gets_one(
        self, alice: User, otto: User, office: PostOffice, why: str
    ) -> None:
        if why == "inactive":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        if why == "no password":
            set_password(user=alice, password=None, by=otto)
        request_reset(address="nobody@example.com" if why == "nobody" else "alice")
        deliver()
        assert office.mails == []
        assert not ResetRequest.objects.exists()

    def test_one_a_minute_and_account(
        self, alice: User, carol: User, office: PostOffice, clock: Clock
    ) -> None:
        for address in ("alice", "alice@example.com", "alice", "carol"):
            request_reset(address=address)
        deliver()
        request_reset(address="alice")
        deliver()
        assert office.recipients == ["alice@example.com", "carol@example.com"]
        assert not ResetRequest.objects.exists()
        clock.wait(seconds=61)
        request_reset(address="alice")
        deliver()
        assert len(office.mails) == 3

    def test_the_token_is_kept_nowhere(self, alice: User, office: PostOffice) -> None:
        request_reset(address="alice")
        office.refusal = "451 later"
        deliver()
        office.refusal = ""
        ResetRequest.objects.update(available_at=ResetRequest.objects.get().requested_at)
        kept = str(list(ResetRequest.objects.values())) + str(list(User.objects.values()))
        deliver()
        assert link_in(office.mails[0]).rpartition("/")[2] not in kept

    def test_a_name_is_not_taken_for_markup(self, alice: User, office: PostOffice) -> None:
        User.objects.filter(pk=alice.pk).update(username="o'a <b>", email="o'a+b@example.com")
        request_reset(address="o'a <b>")
        deliver()
        assert "the account o'a <b> at" in office.mails[0].get_content()
        assert office.recipients == ["o'a+b@example.com"]

    def test_the_bell_and_the_clock_run_it(self, alice: User, office: PostOffice) -> None:
        request_reset(address="alice")
        tasks.work("mail")
        assert len(office.mails) == 1
        assert django_settings.BELLS["mail"] == ("accounts.tasks.work", "speakr")
        assert ("accounts.tasks.work", ("mail",), "speakr", 1) in (
            django_settings.SCHEDULES.values()
        )

    def test_a_worker_that_must_end_rings_for_the_rest(
        self, alice: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
    ) -> None:
        request_reset(address="alice")
        monkeypatch.setattr(tasks, "MAIL_SECONDS", -1)
        with django_capture_on_commit_callbacks(execute=True):
            tasks.work("mail")
        assert ResetRequest.objects.count() == 1
        assert OrmQ.objects.count() == 1


class TestServer:
    def attempt(self) -> ResetRequest:
        """One that cannot be answered now, and what is left of it."""
        deliver()
        row = ResetRequest.objects.get()
        assert (row.status, row.claim_token) == (ResetRequest.Status.QUEUED, None)
        return row

    def test_one_that_is_down_is_tried_again(
        self, alice: User, server: Any, office: PostOffice, settings: Any, clock: Clock, caplog: Any
    ) -> None:
        request_reset(address="alice@example.com")
        server.stop()
        pauses = []
        for _ in range(3):
            row = self.attempt()
            pauses.append(round((row.available_at - resets.timezone.now()).total_seconds()))
            assert not deliver()
            clock.wait(seconds=pauses[-1] + 1)
        assert pauses == [60, 120, 240]
        assert "ConnectionRefusedError" in caplog.text
        assert "alice" not in caplog.text
        again = office.open()
        settings.EMAIL_PORT = again.port
        deliver()
        again.stop()
        assert len(office.mails) == 1
        assert not ResetRequest.objects.exists()

    @pytest.mark.parametrize("refusal", ["550 no <alice@example.com> here", "451 try later"])
    def test_one_that_refuses_is_tried_again_and_holds_up_nobody(
        self, alice: User, carol: User, office: PostOffice, refusal: str, caplog: Any, clock: Clock
    ) -> None:
        office.refusal = refusal
        request_reset(address="alice")
        assert self.attempt().failures == 1
        assert f"SMTPRecipientsRefused {refusal[:3]}" in caplog.text
        assert "alice" not in caplog.text
        office.refusal = ""
        request_reset(address="carol")
        deliver()
        clock.wait(seconds=61)
        deliver()
        assert office.recipients == ["carol@example.com", "alice@example.com"]

    def test_who_asks_again_once_it_works_need_not_wait_and_gets_one(
        self, alice: User, office: PostOffice, clock: Clock
    ) -> None:
        office.refusal = "451 later"
        request_reset(address="alice")
        self.attempt()
        office.refusal = ""
        request_reset(address="alice")
        deliver()
        clock.wait(minutes=30)
        deliver()
        assert len(office.mails) == 1

    def test_one_that_does_not_answer_is_not_waited_for(
        self, alice: User, settings: Any, caplog: Any
    ) -> None:
        settings.EMAIL_TIMEOUT = 0.2
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.EMAIL_PORT = silent.getsockname()[1]
            request_reset(address="alice")
            assert self.attempt().failures == 1
        assert "TimeoutError" in caplog.text or "SMTPServerDisconnected" in caplog.text

    def test_a_request_is_given_up_after_an_hour_and_the_log_says_so(
        self, alice: User, server: Any, office: PostOffice, clock: Clock, caplog: Any
    ) -> None:
        office.refusal = "451 later"
        request_reset(address="alice")
        tries = 0
        while ResetRequest.objects.exists():
            deliver()
            tries += 1
            clock.wait(minutes=1)
        assert 60 <= tries <= 62
        assert caplog.text.count("SMTPRecipientsRefused") == 7
        assert "given up" in caplog.text
        assert "alice" not in caplog.text

    def test_an_address_that_cannot_stand_in_a_mail_ends_nothing(
        self, alice: User, carol: User, office: PostOffice
    ) -> None:
        User.objects.filter(pk=alice.pk).update(email="a\n@example.com")
        request_reset(address="alice")
        request_reset(address="carol")
        deliver()
        assert office.recipients == ["carol@example.com"]
        assert ResetRequest.objects.get().failures == 1

    def test_what_a_lost_worker_held_is_taken_up(
        self, alice: User, office: PostOffice, clock: Clock
    ) -> None:
        request_reset(address="alice")
        ResetRequest.objects.claim_next(seconds=resets.LEASE_SECONDS)
        clock.wait(seconds=resets.LEASE_SECONDS - 1)
        deliver()
        assert office.mails == []
        clock.wait(seconds=2)
        deliver()
        assert len(office.mails) == 1

    def test_no_other_worker_sends_while_one_may_still_be_sending(self) -> None:
        assert django_settings.Q_CLUSTER["timeout"] < resets.LEASE_SECONDS
        assert resets.MAIL_EVERY.total_seconds() < resets.LEASE_SECONDS

    def test_certificates_are_checked(
        self,
        alice: User,
        office: PostOffice,
        settings: Any,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: Any,
    ) -> None:
        certificate, key = self_signed(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        logins = []

        def let_in(_server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> Any:
            logins.append((given.login, given.password))
            return AuthResult(success=True)

        secure = office.open(
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=let_in,
        )
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", secure.port
        settings.EMAIL_USE_TLS = True
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "speakr", "a mail secret"
        request_reset(address="alice")
        self.attempt()
        assert "SSLCertVerificationError" in caplog.text
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        request_reset(address="alice@example.com")
        deliver()
        secure.stop()
        assert len(office.mails) == 1
        assert logins == [(b"speakr", b"a mail secret")]
        assert "a mail secret" not in caplog.text


def self_signed(folder: Path) -> tuple[Path, Path]:
    """For localhost. Skips where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


class TestLink:
    def link(self, office: PostOffice, clock: Clock, address: str = "alice") -> str:
        clock.wait(seconds=61)
        request_reset(address=address)
        deliver()
        return link_in(office.mails[-1])

    def test_it_sets_a_password_and_logs_nobody_in(
        self, alice: User, office: PostOffice, clock: Clock, trail: Any
    ) -> None:
        client = Client()
        opened = client.get(self.link(office, clock))
        form_at = opened["Location"]
        assert form_at.endswith("/set-password")
        html = client.get(form_at).content.decode()
        assert html.count('autocomplete="new-password"') == 2
        answer = client.post(form_at, {"new_password1": NEW, "new_password2": NEW})
        assert (answer.status_code, answer["Location"]) == (302, DONE)
        assert 'href="/login"' in client.get(DONE).content.decode()
        assert client.get("/account/password").status_code == 302
        alice.refresh_from_db()
        assert alice.check_password(NEW)
        assert trail() == [("alice", "user.password", "alice, by a link in a mail")]

    def test_a_weak_password_uses_nothing_up(
        self, alice: User, office: PostOffice, clock: Clock
    ) -> None:
        client, path = Client(), self.link(office, clock)
        refused = use(path, "short", client)
        assert refused.status_code == 200
        assert 'value="short"' not in refused.content.decode()
        assert use(path, NEW, client)["Location"] == DONE

    def test_a_person_who_may_not_log_in_has_no_use_for_it(
        self, alice: User, office: PostOffice, clock: Clock
    ) -> None:
        path, client = self.link(office, clock), Client()
        form_at = client.get(path)["Location"]
        User.objects.update(is_active=False)
        for at in (path, form_at):
            shown = client.get(at)
            assert "is too old, has been used" in shown.content.decode()
            assert "<input" not in shown.content.decode()
        client.post(form_at, {"new_password1": NEW, "new_password2": NEW})
        alice.refresh_from_db()
        assert not alice.check_password(NEW)

    @pytest.mark.parametrize(
        "path",
        ["/reset/MQ/x", "/reset/!!/c8-1", "/reset/MQ/set-password", "/reset/" + "M" * 5000 + "/c-1"]
        + ["/reset/MTAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw/c-1", "/reset/AA/c-1", "/reset/MQ/é-é"],
    )
    def test_a_made_up_one_opens_nothing(self, alice: User, path: str) -> None:
        assert "is too old, has been used" in Client().get(path).content.decode()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_many_workers_send_one_mail(self, alice: User, office: PostOffice) -> None:
        office.delay_seconds = 0.3
        for address in ("alice", "alice@example.com"):
            request_reset(address=address)
        at_once(*[deliver] * 3)
        assert len(office.mails) == 1
        assert not ResetRequest.objects.exists()

    def test_of_two_that_use_one_link_one_is_too_late(
        self, alice: User, office: PostOffice
    ) -> None:
        request_reset(address="alice")
        deliver()
        path = link_in(office.mails[0])
        clients = [Client(), Client()]
        forms = [client.get(path)["Location"] for client in clients]

        def send(number: int) -> str:
            password = f"{NEW} {number}"
            form = {"new_password1": password, "new_password2": password}
            return clients[number].post(forms[number], form).get("Location", "refused")

        answers = at_once(lambda: send(0), lambda: send(1))
        assert sorted(answers) == [DONE, "refused"]
        alice.refresh_from_db()
        assert alice.check_password(f"{NEW} {answers.index(DONE)}")

    def test_it_ends_sessions_and_tokens_for_good(self, alice: User, office: PostOffice) -> None:
        browser = signed_in(alice)
        request_reset(address="alice")
        deliver()
        assert use(link_in(office.mails[0]), NEW)["Location"] == DONE
        assert browser.get("/api/v1/users/me").status_code == 401
