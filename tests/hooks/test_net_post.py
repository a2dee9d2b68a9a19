"""How a webhook is sent: to the checked address, in time, with little read of what comes back."""

from __future__ import annotations

import gzip
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hooks import net
from tests.hooks.listener import Listener, head_of
from tests.hooks.resolver import NameServer

HOST = "hook.example"
BODY = b'{"id":"x"}'
HEADERS = {"Content-Type": "application/json", "User-Agent": "Speakr-Webhook/1.0"}
SECONDS = 0.6
# Of a busy machine.
LATE = 1.5


def send(to: net.Destination, *, body: bytes = BODY, seconds: float = 10) -> net.Reply:
    return net.post(to, body=body, headers=HEADERS, seconds=seconds)


def failure(to: net.Destination, *, body: bytes = BODY, seconds: float = 10) -> str:
    with pytest.raises(net.SendFailed) as caught:
        send(to, body=body, seconds=seconds)
    assert "127.0.0" not in str(caught.value)
    return str(caught.value)


def answering(head: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body


# The request


def test_a_request_says_what_it_should_and_nothing_more() -> None:
    with Listener() as listener:
        to = replace(listener.destination(), path="/hook?token=a%20b")
        assert send(to) == net.Reply(200, None, "ok")
    head, _, body = listener.requests[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert first == "POST /hook?token=a%20b HTTP/1.1"
    assert sorted(headers) == [
        "Accept-Encoding: identity",
        f"Content-Length: {len(BODY)}",
        "Content-Type: application/json",
        f"Host: {HOST}:{listener.port}",
        "User-Agent: Speakr-Webhook/1.0",
    ]
    assert body == BODY


@pytest.mark.parametrize(
    ("scheme", "host", "port", "said"),
    [
        ("http", HOST, 80, HOST),
        ("https", HOST, 443, HOST),
        ("http", HOST, 443, f"{HOST}:443"),
        ("https", HOST, 8443, f"{HOST}:8443"),
        ("http", "::1", 80, "[::1]"),
        ("http", "::1", 8080, "[::1]:8080"),
    ],
)
def test_the_host_header_has_the_port_unless_it_is_the_scheme_s(
    monkeypatch: pytest.MonkeyPatch, scheme: str, host: str, port: int, said: str
) -> None:
    with Listener() as listener:
        connect = socket.create_connection
        # The listener may not have port 80.
        monkeypatch.setattr(
            socket, "create_connection", lambda _, timeout: connect((listener.host, listener.port))
        )
        monkeypatch.setattr(net, "tls_context", _NoTls)
        to = net.Destination(scheme, host, port, "/", (ip_address("127.0.0.1"),), False)
        send(to)
    assert f"\r\nHost: {said}\r\n".encode() in listener.requests[0]


class _NoTls:
    def wrap_socket(self, plain: socket.socket, *, server_hostname: str) -> socket.socket:
        return plain


# To where it goes


@pytest.fixture
def opened(settings: Any) -> None:
    settings.WEBHOOK_INTRANET_HOST_ALLOWLIST = re.compile(r"hook\.example")
    settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = [ip_network("127.0.0.0/8")]


def test_a_connection_goes_to_the_address_that_was_checked(
    opened: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever name servers say after the check: nothing but the resolver is replaced here."""
    with NameServer() as names, Listener() as checked:
        monkeypatch.setattr(net, "resolve", names.resolve)
        names.say(HOST, ["127.0.0.1"], ["127.0.0.2"])
        with Listener(host="127.0.0.2", port=checked.port) as other:
            to = net.destination(f"http://{HOST}:{checked.port}/", allow_http=True)
            assert send(to).status == 200
            assert send(to).status == 200
            assert (checked.count, other.count) == (2, 0)
            assert names.asked == [HOST]


def test_the_next_address_is_tried_when_one_does_not_answer(opened: None) -> None:
    with Listener(host="127.0.0.3") as listener:
        addresses = tuple(map(ip_address, ("127.0.0.1", "127.0.0.2", "127.0.0.3")))
        assert send(replace(listener.destination(), addresses=addresses)).status == 200
        beyond = (*[ip_address("127.0.0.1")] * net.ADDRESSES_TRIED, ip_address("127.0.0.3"))
        refused = failure(replace(listener.destination(), addresses=beyond))
    assert refused == "The receiver refused the connection."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with Listener() as metadata:
        location = f"http://{metadata.host}:{metadata.port}/latest/meta-data/"
        with Listener(answering(f"{status} Moved\r\nLocation: {location}")) as listener:
            assert send(listener.destination()).status == status
        assert (listener.count, metadata.count) == (1, 0)


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener() as proxy, Listener() as listener:
        for name in (
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ):
            monkeypatch.setenv(name, f"http://{proxy.host}:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert send(listener.destination()).status == 200
        assert (listener.count, proxy.count) == (1, 0)


def test_nobody_there_is_said_without_an_address() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        to = net.Destination("http", HOST, port, "/", (ip_address("127.0.0.1"),), False)
        assert failure(to) == "The receiver refused the connection."


# TLS


class Authority:
    """Signs certificates that only a context made by `trusting` believes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._signed(self._name, self._key, [], is_authority=True)

    def trusting(self) -> ssl.SSLContext:
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, *names: x509.GeneralName, days: int = 1) -> ssl.SSLContext:
        """A server's side that presents a certificate for these."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(x509.Name([]), key, list(names), days=days)
        path = self._folder / f"{certificate.serial_number}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: list[x509.GeneralName],
        *,
        is_authority: bool = False,
        days: int = 1,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        draft = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if names:
            draft = draft.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return draft.sign(self._key, hashes.SHA256())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setattr(net, "tls_context", authority.trusting)
    return authority


def speaking_tls(
    context: ssl.SSLContext, seen: list[str | None]
) -> Callable[[socket.socket], None]:
    context.sni_callback = lambda _, name, __: seen.append(name)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            head_of(tls)
            tls.sendall(answering("200 OK", b"in private"))
            tls.unwrap()

    return answer


def test_the_certificate_must_name_the_url_s_host(trusted: Authority) -> None:
    seen: list[str | None] = []
    server = trusted.server(x509.DNSName(HOST))
    with Listener(speaking_tls(server, seen)) as listener:
        assert send(listener.destination(scheme="https")).preview == "in private"
        refused = failure(listener.destination(scheme="https", host="other.example"))
    assert seen == [HOST, "other.example"]
    assert refused == (
        "The receiver's certificate was refused: Hostname mismatch, certificate is not valid for "
        "'other.example'."
    )


def test_an_address_must_stand_in_the_certificate_too(trusted: Authority) -> None:
    server = trusted.server(x509.IPAddress(ip_address("127.0.0.1")))
    with Listener(speaking_tls(server, [])) as listener:
        to = listener.destination(scheme="https", host="127.0.0.1")
        assert send(to).status == 200
        assert "certificate was refused" in failure(replace(to, host=HOST))
    with Listener(speaking_tls(trusted.server(x509.DNSName(HOST)), [])) as listener:
        to = listener.destination(scheme="https", host="127.9.9.9")
        with pytest.raises(net.SendFailed, match="certificate was refused: IP address mismatch"):
            send(to)


def test_a_certificate_that_is_over_is_refused(trusted: Authority) -> None:
    server = trusted.server(x509.DNSName(HOST), days=-1)
    with Listener(speaking_tls(server, [])) as listener:
        assert "certificate has expired" in failure(listener.destination(scheme="https"))


def test_an_authority_that_nobody_trusts_is_refused(authority: Authority) -> None:
    server = authority.server(x509.DNSName(HOST))
    with Listener(speaking_tls(server, [])) as listener:
        assert "certificate was refused" in failure(listener.destination(scheme="https"))


def test_a_receiver_without_tls_is_told_apart(trusted: Authority) -> None:
    with Listener(lambda connection: connection.sendall(answering("400 Bad Request"))) as listener:
        sentence = failure(listener.destination(scheme="https"))
    assert sentence.startswith("No encrypted connection could be made")


# In time, whatever the receiver does

DRIPS: dict[str, tuple[str, bytes, bytes]] = {
    "a TLS handshake": ("https", b"", b"\x16\x03\x03\x40\x00\x02" + bytes(500)),
    "a status line": ("http", b"", b"HTTP/1.1 200 " + b"O" * 500),
    "a header": ("http", b"HTTP/1.1 200 OK\r\n", b"X-Slow: " + b"x" * 500),
    "header after header": ("http", b"HTTP/1.1 200 OK\r\n", b"a:b\r\n" * 100),
    "one interim reply after the other": ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
}


@pytest.mark.parametrize("phase", DRIPS)
def test_a_receiver_that_drips_is_left_in_time(trusted: Authority, phase: str) -> None:
    scheme, at_once, slowly = DRIPS[phase]

    def drip(connection: socket.socket) -> None:
        connection.sendall(at_once)
        listener.drip(connection, slowly)

    with Listener(drip) as listener:
        began = time.monotonic()
        sentence = failure(listener.destination(scheme=scheme), seconds=SECONDS)
        taken = time.monotonic() - began
    assert sentence == "The receiver did not answer in time."
    assert SECONDS * 0.9 < taken < SECONDS + LATE


@pytest.mark.parametrize(
    "framing", ["", "\r\nContent-Length: 500", "\r\nTransfer-Encoding: chunked"]
)
def test_of_a_body_that_drips_counts_what_came_in_time(framing: str) -> None:
    """The receiver has said that it took the event: that it is slow to say more changes nothing."""
    body = b"".join(b"1\r\nx\r\n" for _ in range(500)) if "chunked" in framing else b"x" * 500

    def drip(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answering(f"202 Accepted{framing}"))
        listener.drip(connection, body)

    with Listener(drip) as listener:
        began = time.monotonic()
        reply = send(listener.destination(), seconds=SECONDS)
        taken = time.monotonic() - began
    assert reply.status == 202
    assert 1 <= len(reply.preview or "") < 100
    assert set(reply.preview or "") == {"x"}
    assert SECONDS * 0.9 < taken < SECONDS + LATE


def test_a_drip_inside_tls_ends_in_time(trusted: Authority) -> None:
    context = trusted.server(x509.DNSName(HOST))

    def drip(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            listener.drip(tls, b"HTTP/1.1 200 " + b"O" * 500)

    with Listener(drip) as listener:
        began = time.monotonic()
        sentence = failure(listener.destination(scheme="https"), seconds=SECONDS)
        assert time.monotonic() - began < SECONDS + LATE
    assert sentence == "The receiver did not answer in time."


@pytest.mark.parametrize("size", [0, 400_000])
def test_a_receiver_that_does_not_read_on_is_left_in_time(size: int) -> None:
    def read(connection: socket.socket) -> None:
        while not listener.ending.wait(0.05):
            connection.recv(size)

    with Listener(read) as listener:
        began = time.monotonic()
        sentence = failure(listener.destination(), body=bytes(60_000_000), seconds=SECONDS)
        assert time.monotonic() - began < SECONDS + LATE
    assert sentence == "The receiver did not answer in time."


def test_a_connection_that_is_never_taken_is_left_in_time() -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # The kernel answers no more of these.
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        addresses = (ip_address("127.0.0.1"),) * 2
        to = net.Destination("http", HOST, full.getsockname()[1], "/", addresses, False)
        began = time.monotonic()
        sentence = failure(to, seconds=SECONDS)
        taken = time.monotonic() - began
    assert sentence == "The receiver did not answer in time."
    assert taken < SECONDS + LATE


def test_no_time_is_no_connection() -> None:
    with Listener() as listener:
        assert failure(listener.destination(), seconds=0) == "The receiver did not answer in time."
        assert listener.count == 0


# What comes back


@pytest.mark.parametrize(
    ("sent", "preview"),
    [
        (b"", ""),
        (b'{"ok":true}', '{"ok":true}'),
        ("h\u00e9llo \U0001f600".encode(), "h\u00e9llo \U0001f600"),
        (b"h\xe9llo\xff", "h\ufffdllo\ufffd"),
        (b"a\0b", "a\ufffdb"),
        (b"x" * 1999 + "\u00e9\u00e9".encode(), "x" * 1999 + "\u00e9"),
        ("\U0001f600".encode() * 3000, "\U0001f600" * 2000),
    ],
)
def test_a_preview_is_the_beginning_as_text(sent: bytes, preview: str) -> None:
    with Listener(answering("200 OK", sent)) as listener:
        assert send(listener.destination()).preview == preview


def test_a_chunked_body_is_put_together() -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"one ", b"and ", b"two"))
    head = "200 OK\r\nTransfer-Encoding: chunked"
    with Listener(answering(head, chunks + b"0\r\n\r\n")) as listener:
        assert send(listener.destination()).preview == "one and two"


@pytest.mark.parametrize(
    ("framing", "body", "preview"),
    [
        ("Content-Length: 500", b"cut", "cut"),
        ("Transfer-Encoding: chunked", b"3\r\ncut\r\nzz\r\n", "cut"),
        ("Content-Length: nonsense", b"cut", "cut"),
        ("Content-Encoding: br", b"cut", "cut"),
    ],
)
def test_a_body_that_breaks_off_costs_nothing(framing: str, body: bytes, preview: str) -> None:
    with Listener(answering(f"200 OK\r\n{framing}", body)) as listener:
        assert send(listener.destination()) == net.Reply(200, None, preview)


def test_packed_bytes_stay_packed() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = f"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}"
    with Listener(answering(head, bomb)) as listener:
        preview = send(listener.destination()).preview or ""
    assert preview.startswith("\x1f\ufffd\x08")
    assert len(preview) <= net.PREVIEW_LENGTH


def test_of_a_large_body_little_is_read() -> None:
    sent = []

    def flood(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answering("200 OK\r\nContent-Length: 50000000"))
        for _ in range(500):
            connection.sendall(b"x" * 100_000)
            sent.append(100_000)

    with Listener(flood) as listener:
        reply = send(listener.destination())
    assert reply == net.Reply(200, None, "x" * net.PREVIEW_LENGTH)
    # The kernels' buffers took some.
    assert sum(sent) < 20_000_000


def test_nothing_is_waited_for_beyond_the_preview() -> None:
    def answer(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(answering("200 OK\r\nContent-Length: 50000", b"x" * 9000))
        listener.ending.wait(30)

    with Listener(answer) as listener:
        began = time.monotonic()
        assert send(listener.destination(), seconds=10).preview == "x" * net.PREVIEW_LENGTH
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: x\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000,
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + (b"X-Long: " + b"x" * 5000 + b"\r\n") * 50,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    ],
)
def test_a_head_beyond_measure_is_refused(head: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(head + b"\r\n\r\n")
        listener.ending.wait(30)

    with Listener(answer) as listener:
        sentence = failure(listener.destination(), seconds=20)
    assert sentence in (
        "The head of the receiver's reply is too large.",
        "The receiver's reply is not HTTP.",
    )


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"-ERR unknown command 'POST'\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n" * 3,
        b"\x00" * 100,
    ],
)
def test_what_is_no_http_is_said_and_not_shown(reply: bytes) -> None:
    with Listener(reply) as listener:
        assert failure(listener.destination()) == "The receiver's reply is not HTTP."


def test_a_receiver_that_hangs_up_is_a_failure() -> None:
    with Listener(b"") as listener:
        sentence = failure(listener.destination())
    assert sentence == "The receiver closed the connection without a reply."


@pytest.mark.parametrize("status", [103, 200, 204, 299, 304, 404, 410, 429, 500, 599, 999])
def test_a_status_is_handed_on_as_it_is(status: int) -> None:
    with Listener(answering(f"{status} Word")) as listener:
        assert send(listener.destination()).status == status


def test_an_interim_reply_is_passed_over() -> None:
    with Listener(b"HTTP/1.1 100 Continue\r\n\r\n" + answering("200 OK")) as listener:
        assert send(listener.destination()).status == 200


def test_of_a_private_receiver_s_reply_nothing_is_kept() -> None:
    with Listener(answering("200 OK", b"inner secret")) as listener:
        to = replace(listener.destination(), is_private=True)
        assert send(to) == net.Reply(200, None, None)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("0", 0, 0),
        ("120", 120, 120),
        (" 7 ", 7, 7),
        ("999999999", 86_400, 86_400),
        (timedelta(seconds=90), 60, 90),
        (timedelta(days=9), 86_400, 86_400),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 0, 0),
    ],
)
def test_retry_after_says_seconds_or_a_date(
    value: str | timedelta, least: float, most: float
) -> None:
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value, usegmt=True)
    with Listener(answering(f"429 Busy\r\nRetry-After: {value}")) as listener:
        retry_after = send(listener.destination()).retry_after
    assert retry_after is not None
    assert least <= retry_after <= most


@pytest.mark.parametrize(
    "value", ["", "-5", "soon", "1.5x", "9" * 5000, "1 Jan 99999999999999999999"]
)
def test_a_retry_after_without_sense_is_none(value: str) -> None:
    with Listener(answering(f"503 Busy\r\nRetry-After: {value}")) as listener:
        assert send(listener.destination()) == net.Reply(503, None, "")


def test_no_log_shows_the_path_of_a_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Listener(b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n") as listener:
        send(replace(listener.destination(), path="/hook?key=hidden"))
    assert "hidden" not in caplog.text
