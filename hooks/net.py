"""The only way out to addresses that users give: what a URL leads to is found, judged, and then
connected to by that very address (http-contract.md, 15.5 and 0.1.39).

A URL is parsed once. What was judged is what is sent: no second parser, no second lookup, no
redirect, no proxy of the environment.
"""

from __future__ import annotations

import http.client
import logging
import re
import socket
import ssl
import unicodedata
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import urllib3.connection
import urllib3.exceptions
from django.conf import settings
from urllib3.util import Retry, Url, parse_url

from hooks.addresses import Address, Reach, is_allowed, reach_of
from hooks.lookups import Lookups
from hooks.wire import Deadline, TooMuch, Wire

# Its warning about odd headers shows the URL, whose query may hold a token.
logging.getLogger(urllib3.connection.__name__).setLevel(logging.ERROR)

DEFAULT_PORTS = {"http": 80, "https": 443}
# Above 1023 and yet no web server's: a webhook shall not knock at those of strangers.
OTHER_SERVICES = frozenset(
    {
        1433, 1521, 1719, 1720, 1723, 1883, 2049, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432,
        5672, 5900, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 8883, 9042, 10080,
        11211, 27017,
    }
)  # fmt: skip
NAME_LENGTH = 253
# Underscores stand in names of a compose network.
LABEL = re.compile(r"[a-z0-9_-]{1,63}")
NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")

LOOKUP_SECONDS = 5.0
# Sender threads, and as many again that a silent name server may hold.
LOOKUPS_AT_ONCE = 96
ADDRESSES_TRIED = 4

# Of a reply: its head, and of its body what the preview may need.
REPLY_MAX_BYTES = 64 * 1024
PREVIEW_LENGTH = 2000
PREVIEW_BYTES = 4 * PREVIEW_LENGTH
RETRY_AFTER_MAX_SECONDS = 86_400

_lookups = Lookups(LOOKUPS_AT_ONCE)


class UrlRefused(Exception):
    """A sentence for the URL's owner. `seen_address`: what its host leads to, for operators only;
    None when that is not the reason.
    """

    def __init__(self, sentence: str, seen_address: str | None = None) -> None:
        super().__init__(sentence)
        self.seen_address = seen_address


class LookupFailed(UrlRefused):
    """No name server knows the host, or none says so in time. Later one may."""


class SendFailed(Exception):
    """No reply. A sentence for the URL's owner, which names no address."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What a URL leads to. `host`: a name in ASCII, or an address without brackets; `path`: with
    the query; `is_private`: whether an operator's opening was needed for it.
    """

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[Address, ...]
    is_private: bool

    @property
    def target(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Reply:
    """`retry_after`: seconds, a day at most; `preview`: the beginning of the body, None for a
    private destination.
    """

    status: int
    retry_after: float | None
    preview: str | None


def resolve(host: str, port: int) -> list[str]:
    """The system's answer. Raises OSError. May take long: `destination` bounds it."""
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@cache
def tls_context() -> ssl.SSLContext:
    """Trusts the system's authorities, and those of SSL_CERT_FILE."""
    return ssl.create_default_context()


def destination(url: str, *, allow_http: bool, seconds: float = LOOKUP_SECONDS) -> Destination:
    """Where a webhook's URL leads to at this moment. Raises UrlRefused, of which LookupFailed is
    the one that may pass. `seconds`: what name servers may take.
    """
    parsed = _parsed(url)
    if parsed.scheme == "http" and not allow_http:
        raise UrlRefused("http:// URLs require allow_http=true")
    host, port = _host(parsed), parsed.port or DEFAULT_PORTS[parsed.scheme]
    addresses = _addresses(host, port, seconds)
    reaches = _judged(host, addresses)
    if Reach.PUBLIC in reaches and not _is_web_port(port):
        raise UrlRefused(
            f"Port {port} cannot be used: choose 80, 443, or one from 1024 that is not known for "
            "another service"
        )
    is_private = reaches != {Reach.PUBLIC}
    return Destination(parsed.scheme, host, port, parsed.request_uri, addresses, is_private)


def describe(url: str) -> str:
    """Scheme, host and port, for logs and audits: the rest may hold secrets. Never raises."""
    try:
        parsed = _parsed(url)
        port = parsed.port or DEFAULT_PORTS[parsed.scheme]
        return f"{parsed.scheme}://{_bracketed(_host(parsed))}:{port}"
    except UrlRefused:
        return "a URL that cannot be read"


def post(to: Destination, *, body: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
    """One attempt, over after `seconds` whatever the receiver does. Once the head of its reply is
    here, that is the reply: of the body counts what came in time. Raises SendFailed.
    """
    deadline = Deadline(seconds)
    try:
        with closing(_connected(to, deadline)) as connected:
            return _exchange(to, Wire(connected, deadline, REPLY_MAX_BYTES), body, headers)
    except TimeoutError:
        sentence = "The receiver did not answer in time."
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message.rstrip(".")
        sentence = f"The receiver's certificate was refused: {reason}."
    except ssl.SSLError:
        sentence = "No encrypted connection could be made: the receiver's TLS does not fit."
    except ConnectionRefusedError:
        sentence = "The receiver refused the connection."
    except http.client.RemoteDisconnected:
        sentence = "The receiver closed the connection without a reply."
    except TooMuch:
        sentence = "The head of the receiver's reply is too large."
    except (http.client.HTTPException, urllib3.exceptions.HTTPError):
        sentence = "The receiver's reply is not HTTP."
    except OSError as error:
        sentence = f"The connection failed: {error.strerror or 'it broke off'}."
    raise SendFailed(sentence)


# A URL, read


def _parsed(url: str) -> Url:
    if not url.strip():
        raise UrlRefused("URL is required")
    if url.partition(":")[0].lower() not in DEFAULT_PORTS:
        raise UrlRefused("Scheme must be http or https")
    # Control and format characters, separators, and what Unicode does not know.
    if "\\" in url or any(unicodedata.category(character)[0] in "CZ" for character in url):
        raise UrlRefused("URL must not contain spaces, backslashes or invisible characters")
    try:
        parsed = parse_url(url)
    except ValueError:
        raise UrlRefused("URL has a malformed host or port") from None
    if parsed.auth is not None:
        raise UrlRefused("URL must not contain a user name or password")
    if parsed.port == 0:
        raise UrlRefused("URL has a malformed host or port")
    return parsed


def _host(parsed: Url) -> str:
    """In the one form that is judged, looked up and sent: an address as its standard writes it, or
    a name without its final dot.
    """
    host = parsed.host or ""
    if host.startswith("["):
        return _literal(host[1:-1])
    host = host.lower().removesuffix(".")
    if not host:
        raise UrlRefused("URL is missing a host")
    labels = host.split(".")
    if NUMERIC_LABEL.fullmatch(labels[-1]):
        # 127.1, 0x7f000001 and 2130706433 are addresses, as every browser reads them.
        try:
            return str(IPv4Address(socket.inet_aton(host)))
        except OSError:
            raise _no_name() from None
    if len(host) > NAME_LENGTH or not all(map(LABEL.fullmatch, labels)):
        raise _no_name()
    return host


def _literal(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise _no_name() from None
    if address.scope_id is not None:
        raise _no_name()
    return str(address)


def _no_name() -> UrlRefused:
    return UrlRefused("URL has a host that is neither a name nor an address")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


# What it leads to, judged


def _addresses(host: str, port: int, seconds: float) -> tuple[Address, ...]:
    with suppress(ValueError):
        return (ip_address(host),)
    try:
        found = _lookups.ask(resolve, host, port, seconds=seconds)
        addresses = tuple(dict.fromkeys(map(ip_address, found)))
    except (OSError, ValueError):
        addresses = ()
    if not addresses:
        raise LookupFailed(f"DNS resolution failed for '{host}'")
    return addresses


def _judged(host: str, addresses: tuple[Address, ...]) -> set[Reach]:
    """Raises UrlRefused when one of them is not allowed."""
    pattern = settings.WEBHOOK_INTRANET_HOST_ALLOWLIST
    is_named = pattern is not None and pattern.fullmatch(host) is not None
    for address in addresses:
        ranges = settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS
        if not is_allowed(address, is_named=is_named, ranges=ranges):
            raise UrlRefused("URL resolves to a private/loopback address", str(address))
    return {reach_of(address) for address in addresses}


def _is_web_port(port: int) -> bool:
    return port in DEFAULT_PORTS.values() or (port >= 1024 and port not in OTHER_SERVICES)


# One attempt


def _connected(to: Destination, deadline: Deadline) -> socket.socket:
    """To the first of its addresses that answers; each has its share of the time."""
    candidates = to.addresses[:ADDRESSES_TRIED]
    failure = OSError()
    for index, address in enumerate(candidates):
        share = deadline.left() / (len(candidates) - index)
        try:
            plain = socket.create_connection((str(address), to.port), timeout=share)
        except OSError as error:
            failure = error
        else:
            return _prepared(plain, to, deadline)
    raise failure


def _prepared(plain: socket.socket, to: Destination, deadline: Deadline) -> socket.socket:
    """With TLS, where the URL says so. Raises OSError."""
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if to.scheme == "http":
            return plain
        # Python ends a handshake, all of it, when this is over.
        plain.settimeout(deadline.left())
        return tls_context().wrap_socket(plain, server_hostname=to.host)
    except OSError:
        plain.close()
        raise


def _exchange(to: Destination, wire: Wire, body: bytes, headers: Mapping[str, str]) -> Reply:
    is_default = to.port == DEFAULT_PORTS[to.scheme]
    named = {"Host": _bracketed(to.host) if is_default else to.target, **headers}
    connection = urllib3.connection.HTTPConnection(to.host, to.port)
    connection.sock = wire
    connection.request("POST", to.path, body=body, headers=named, preload_content=False)
    response = connection.getresponse()
    retry_after = _retry_after(response.headers.get("Retry-After"))
    return Reply(response.status, retry_after, None if to.is_private else _preview(response))


def _retry_after(value: str | None) -> float | None:
    """Seconds from now, whether it says seconds or a date; None when it says neither."""
    if value is None:
        return None
    try:
        return float(Retry(retry_after_max=RETRY_AFTER_MAX_SECONDS).parse_retry_after(value))
    except (ValueError, OverflowError, urllib3.exceptions.InvalidHeader):
        return None


def _preview(response: urllib3.BaseHTTPResponse) -> str:
    """What came is decoded, never unpacked: packed bytes may be of any size."""
    found = bytearray()
    with suppress(OSError, TooMuch, http.client.HTTPException, urllib3.exceptions.HTTPError):
        while missing := PREVIEW_BYTES - len(found):
            found += (some := response.read1(missing, decode_content=False))
            if not some:
                break
    # PostgreSQL keeps no NUL.
    return found.decode("utf-8", "replace").replace("\0", "\ufffd")[:PREVIEW_LENGTH]
