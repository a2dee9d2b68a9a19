"""Where a webhook may lead to, when it is made and again when it is sent."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from hooks import net
from hooks.lookups import Lookups
from tests.hooks.listener import Listener
from tests.hooks.resolver import NameServer

PUBLIC = "93.184.216.34"
PUBLIC_V6 = "2606:2800:220:1:248:1893:25c8:1946"
INSIDE = "URL resolves to a private/loopback address"
NO_HOST = "URL has a host that is neither a name nor an address"
MALFORMED = "URL has a malformed host or port"
INVISIBLE = "URL must not contain spaces, backslashes or invisible characters"
CREDENTIALS = "URL must not contain a user name or password"

# Never reached unless an operator says so, or never at all.
BAD_ADDRESSES = [
    "0.0.0.0", "0.1.2.3",  # this machine
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",  # RFC 1918
    "100.64.0.1", "100.127.255.254",  # carriers' NAT
    "127.0.0.1", "127.0.0.2", "127.255.255.254",  # loopback
    "169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.170.23",  # link-local, metadata
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "169.254.0.23", "169.254.42.42",  # metadata
    "192.0.0.1", "192.0.0.8", "192.0.0.9", "192.0.0.170",  # IETF
    "192.0.2.1", "198.51.100.1", "203.0.113.1",  # documentation
    "192.88.99.1",  # 6to4 relays
    "198.18.0.1", "198.19.255.255",  # benchmarks
    "224.0.0.1", "239.255.255.250",  # multicast
    "240.0.0.1", "255.255.255.255",  # reserved, broadcast
    "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8",  # unspecified, loopback, IPv4-compatible
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",  # IPv4-mapped
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808",  # NAT64
    "64:ff9b:1::7f00:1", "64:ff9b:1:fffe::a00:1",  # NAT64 for local use
    "100::1",  # discard
    "2001::1", "2001:0:7f00:1::", "2001:10::1", "2001:20::1",  # Teredo, ORCHID
    "2001:db8::1", "3fff::1",  # documentation
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1",  # 6to4
    "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1",  # ISATAP
    "5f00::1",  # segment routing
    "fc00::1", "fd12:3456::1", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42",  # unique local
    "fd00:a9fe:a9fe::1",  # metadata
    "fe80::1", "fe80::a9fe:a9fe", "febf::1",  # link-local
    "fec0::1", "feff::1",  # site-local
    "ff02::1", "ff0e::1",  # multicast
    "4000::1", "8000::1",  # nobody's
]  # fmt: skip
METADATA = [
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "169.254.0.23", "169.254.42.42", "fd00:ec2::254", "fd20:ce::254",
    "fd00:42::42", "fd00:a9fe:a9fe::1", "fe80::a9fe:a9fe",
]  # fmt: skip

# What stands in place of host and port, PORT being a listener's on the loopback address.
TRICKS = {
    "127.0.0.1:PORT": INSIDE,
    "localhost:PORT": INSIDE,
    "LOCALHOST.:PORT": INSIDE,
    "[::1]:PORT": INSIDE,
    "[0:0:0:0:0:0:0:1]:PORT": INSIDE,
    "[::ffff:127.0.0.1]:PORT": INSIDE,
    "[::ffff:7f00:1]:PORT": INSIDE,
    "[::127.0.0.1]:PORT": INSIDE,
    "[64:ff9b::127.0.0.1]:PORT": INSIDE,
    "[2002:7f00:1::]:PORT": INSIDE,
    "[::]:PORT": INSIDE,
    "0.0.0.0:PORT": INSIDE,
    "0:PORT": INSIDE,
    "2130706433:PORT": INSIDE,
    "0x7f000001:PORT": INSIDE,
    "0X7F000001:PORT": INSIDE,
    "017700000001:PORT": INSIDE,
    "0177.0.0.1:PORT": INSIDE,
    "0x7f.0x0.0x0.0x1:PORT": INSIDE,
    "127.1:PORT": INSIDE,
    "127.0.1:PORT": INSIDE,
    "127.0.0.1.:PORT": INSIDE,
    "127.0.0x0.1:PORT": INSIDE,
    "%31%32%37.0.0.1:PORT": INSIDE,
    "127%2e0%2e0%2e1:PORT": INSIDE,
    "169.254.169.254": INSIDE,
    "0xa9fea9fe": INSIDE,
    "2852039166": INSIDE,
    "[::ffff:a9fe:a9fe]": INSIDE,
    "127.0.0.1:0PORT": INSIDE,
    "256.0.0.1:PORT": NO_HOST,
    "1.2.3.4.5:PORT": NO_HOST,
    "127.0.0.09:PORT": NO_HOST,
    "4294967296:PORT": NO_HOST,
    "127..1:PORT": NO_HOST,
    ".localhost:PORT": NO_HOST,
    "localhost..:PORT": NO_HOST,
    "a" * 64 + ".example:PORT": NO_HOST,
    "a." * 127 + "example:PORT": NO_HOST,
    "localhost%00.example:PORT": MALFORMED,
    "localhost%2f.example:PORT": NO_HOST,
    "localhost%23.example:PORT": NO_HOST,
    "[fe80::1%25eth0]:PORT": NO_HOST,
    "[fe80::1%eth0]:PORT": NO_HOST,
    "[::1%25lo]:PORT": NO_HOST,
    "lo*alhost:PORT": NO_HOST,
    "localhost,example.com:PORT": NO_HOST,
    "[127.0.0.1]:PORT": MALFORMED,
    "[::1:PORT": MALFORMED,
    "::1:PORT": MALFORMED,
    "[::1]localhost:PORT": MALFORMED,
    "[v1.127.0.0.1]:PORT": MALFORMED,
    # Look-alikes: full-width and circled digits, dots of other scripts, letters in circles.
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11:PORT": MALFORMED,
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:PORT": MALFORMED,
    "127\u30020\u30020\u30021:PORT": MALFORMED,
    "127\uff0e0\uff0e0\uff0e1:PORT": MALFORMED,
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:PORT": MALFORMED,
    "loc\u00ada\u200dlhost:PORT": INVISIBLE,
    "127.0.0.1:PORT\\@example.com": INVISIBLE,
    "example.com\\@127.0.0.1:PORT": INVISIBLE,
    "127.0.0.1 :PORT": INVISIBLE,
    "127.0.0.1\t:PORT": INVISIBLE,
    "127.0.0.1:PORT\r\nX: y": INVISIBLE,
    "local\nhost:PORT": INVISIBLE,
    "127.0.0.1\x00:PORT": INVISIBLE,
    "\u3000127.0.0.1:PORT": INVISIBLE,
    "example.com@127.0.0.1:PORT": CREDENTIALS,
    "user:secret@127.0.0.1:PORT": CREDENTIALS,
    "user@127.0.0.1:PORT@example.com": CREDENTIALS,
    "127.0.0.1:PORT@example.com": CREDENTIALS,
    ":@127.0.0.1:PORT": CREDENTIALS,
    "@127.0.0.1:PORT": INSIDE,
    "127.0.0.1:PORT#@example.com": INSIDE,
    "127.0.0.1:PORT?@example.com": INSIDE,
    "127.0.0.1:99999": MALFORMED,
    "127.0.0.1:-1": MALFORMED,
    "127.0.0.1:abc": MALFORMED,
    "127.0.0.1:0": MALFORMED,
    "127.0.0.1:\u0661": MALFORMED,
}


@pytest.fixture(scope="module")
def name_server() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture
def names(name_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    name_server.forget()
    monkeypatch.setattr(net, "resolve", name_server.resolve)
    return name_server


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Nobody may ever get here."""
    with Listener() as inside, Listener(host="::1", port=inside.port) as inside_v6:
        yield inside
        assert (inside.count, inside_v6.count) == (0, 0)


def opened(settings: Any, pattern: str | None = None, *ranges: str) -> None:
    settings.WEBHOOK_INTRANET_HOST_ALLOWLIST = re.compile(pattern, re.I) if pattern else None
    settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = [ip_network(network) for network in ranges]


def refusal(url: str, *, allow_http: bool = True) -> net.UrlRefused:
    """What an attempt at this URL ends with, before any connection."""
    with pytest.raises(net.UrlRefused) as caught:
        net.post(net.destination(url, allow_http=allow_http), body=b"", headers={}, seconds=5)
    return caught.value


# The table


@pytest.mark.parametrize("address", BAD_ADDRESSES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_inside_is_refused(address: str, scheme: str, listener: Listener) -> None:
    host = f"[{address}]" if ":" in address else address
    refused = refusal(f"{scheme}://{host}:{listener.port}/")
    assert str(refused) == INSIDE
    assert ip_address(refused.seen_address) == ip_address(address)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_name_that_comes_to_lead_inside_is_refused_when_it_is_sent(
    address: str, names: NameServer, listener: Listener
) -> None:
    url = f"http://rebind.example:{listener.port}/"
    names.say("rebind.example", [PUBLIC], [address])
    assert net.destination(url, allow_http=True).addresses == (ip_address(PUBLIC),)

    refused = refusal(url)

    assert str(refused) == INSIDE
    assert ip_address(refused.seen_address) == ip_address(address)
    assert not isinstance(refused, net.LookupFailed)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_one_bad_address_among_good_ones_is_enough(
    address: str, names: NameServer, listener: Listener
) -> None:
    names.say("first.example", [address, PUBLIC, PUBLIC_V6])
    names.say("last.example", [PUBLIC, PUBLIC_V6, address])
    for name in ("first.example", "last.example"):
        assert str(refusal(f"http://{name}:{listener.port}/")) == INSIDE


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_gets_no_connection(trick: str, listener: Listener) -> None:
    authority = trick.replace("PORT", str(listener.port))
    assert str(refusal(f"http://{authority}/")) == TRICKS[trick]


def test_the_table_is_as_long_as_was_promised() -> None:
    assert len(set(BAD_ADDRESSES)) + len(TRICKS) >= 120


# What is said, in the contract's order


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "URL is required"),
        (" \n", "URL is required"),
        ("hook.example", "Scheme must be http or https"),
        ("//hook.example/", "Scheme must be http or https"),
        ("ftp://127.0.0.1/", "Scheme must be http or https"),
        ("file:///etc/passwd", "Scheme must be http or https"),
        ("gopher://127.0.0.1:6379/_x", "Scheme must be http or https"),
        (" https://hook.example/", "Scheme must be http or https"),
        ("http://127.0.0.1/", "http:// URLs require allow_http=true"),
        ("HTTP:///", "http:// URLs require allow_http=true"),
        ("https:///path", "URL is missing a host"),
        ("https://", "URL is missing a host"),
        ("https:hook.example", "URL is missing a host"),
        ("https://:443/", "URL is missing a host"),
        ("https://./", "URL is missing a host"),
        ("https://unknown.example/", "DNS resolution failed for 'unknown.example'"),
        ("https://127.0.0.1/", INSIDE),
    ],
)
def test_each_refusal_has_its_sentence(names: NameServer, url: str, sentence: str) -> None:
    refused = refusal(url, allow_http=False)
    assert str(refused) == sentence
    assert isinstance(refused, net.LookupFailed) == sentence.startswith("DNS")


def test_the_address_that_was_found_is_in_no_sentence(names: NameServer) -> None:
    names.say("inside.example", ["10.11.12.13"])
    refused = refusal("https://inside.example/")
    assert "10.11.12.13" not in str(refused)
    assert refused.seen_address == "10.11.12.13"


# What is allowed


@pytest.mark.parametrize(
    ("url", "target", "path"),
    [
        ("https://hook.example", "hook.example:443", "/"),
        ("http://hook.example", "hook.example:80", "/"),
        ("HTTPS://Hook.EXAMPLE.:8443/a/../b?x=1#part", "hook.example:8443", "/b?x=1"),
        ("https://hook.example?x=1", "hook.example:443", "/?x=1"),
        ("https://hook.example//evil.example/", "hook.example:443", "//evil.example/"),
        ("https://hook.example/@127.0.0.1", "hook.example:443", "/@127.0.0.1"),
        ("https://hook.example/h\u00e9?\u00e9", "hook.example:443", "/h%C3%A9?%C3%A9"),
        ("https://B\u00dcCHER.example/", "xn--bcher-kva.example:443", "/"),
        ("https://8.8.8.8/", "8.8.8.8:443", "/"),
        ("https://134744072/", "8.8.8.8:443", "/"),
        ("https://[2606:4700:0:0::1111]:8443/", "[2606:4700::1111]:8443", "/"),
    ],
)
def test_a_public_receiver_is_reached_as_its_url_says(
    names: NameServer, url: str, target: str, path: str
) -> None:
    names.say("hook.example", [PUBLIC, PUBLIC_V6])
    names.say("xn--bcher-kva.example", [PUBLIC])
    to = net.destination(url, allow_http=True)
    assert (to.target, to.path, to.is_private) == (target, path, False)


def test_all_addresses_of_a_name_are_kept_in_order(names: NameServer) -> None:
    names.say("hook.example", [PUBLIC, "1.1.1.1", PUBLIC, PUBLIC_V6])
    to = net.destination("https://hook.example/", allow_http=False)
    assert [str(address) for address in to.addresses] == [PUBLIC, "1.1.1.1", PUBLIC_V6]


@pytest.mark.parametrize(
    "port", [1, 22, 25, 79, 81, 442, 444, 1023, 3306, 5432, 6379, 11211, 27017]
)
def test_a_stranger_s_other_services_are_not_knocked_at(names: NameServer, port: int) -> None:
    names.say("hook.example", [PUBLIC])
    refused = refusal(f"https://hook.example:{port}/")
    assert str(refused).startswith(f"Port {port} cannot be used")
    assert refused.seen_address is None


@pytest.mark.parametrize("port", [80, 443, 1024, 3000, 5678, 8080, 8123, 8443, 65535])
def test_web_ports_are_open(names: NameServer, port: int) -> None:
    names.say("hook.example", [PUBLIC])
    assert net.destination(f"https://hook.example:{port}/", allow_http=False).port == port


# What operators open


@pytest.mark.parametrize(
    ("pattern", "network", "address", "is_allowed"),
    [
        (None, "192.168.0.0/16", "192.168.1.9", True),
        (None, "192.168.0.0/24", "192.168.1.9", False),
        (None, "100.64.0.0/10", "100.64.0.1", True),
        (None, "fd00::/8", "fd12::1", True),
        (r"n8n\.lan", None, "192.168.1.9", True),
        (r"N8N\.LAN", None, "10.0.0.1", True),
        (r"n8n\.lan", None, "fd12::1", True),
        (r"lan", None, "192.168.1.9", False),
        (r"n8n", None, "192.168.1.9", False),
        (r"n8n\.lan", None, "127.0.0.1", False),
        (r"n8n\.lan", None, "::1", False),
        (r"n8n\.lan", None, "169.254.7.7", False),
        (r"n8n\.lan", None, "fe80::7", False),
        (None, "127.0.0.0/8", "127.0.0.1", False),
        (None, "169.254.0.0/16", "169.254.7.7", False),
        (None, "0.0.0.0/0", "127.0.0.1", False),
        (r"n8n\.lan", "127.0.0.0/8", "127.0.0.1", True),
        (r"n8n\.lan", "::1/128", "::1", True),
        (r"n8n\.lan", "169.254.7.0/24", "169.254.7.7", True),
        (r"n8n\.lan", "fe80::/64", "fe80::7", True),
        (r"n8n\.lan", "127.0.0.0/8", "169.254.7.7", False),
        (r"other\.lan", "127.0.0.0/8", "127.0.0.1", False),
    ],
)
def test_a_private_receiver_needs_what_the_contract_asks_for(
    settings: Any,
    names: NameServer,
    pattern: str | None,
    network: str | None,
    address: str,
    is_allowed: bool,
) -> None:
    opened(settings, pattern, *([network] if network else []))
    names.say("n8n.lan", [address])
    if is_allowed:
        to = net.destination("http://n8n.lan:5678/", allow_http=True)
        assert (to.addresses, to.is_private) == ((ip_address(address),), True)
    else:
        assert str(refusal("http://n8n.lan:5678/")) == INSIDE


@pytest.mark.parametrize("address", METADATA)
def test_metadata_is_never_opened(settings: Any, names: NameServer, address: str) -> None:
    opened(settings, ".*", "0.0.0.0/0", "::/0", f"{address}/{128 if ':' in address else 32}")
    names.say("metadata.example", [address])
    assert str(refusal("http://metadata.example/")) == INSIDE


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::ffff:10.0.0.1", "64:ff9b::a00:1", "::"],
)
def test_what_is_no_host_s_address_is_never_opened(
    settings: Any, names: NameServer, address: str
) -> None:
    opened(settings, ".*", "0.0.0.0/0", "::/0")
    names.say("odd.example", [address])
    assert str(refusal("http://odd.example/")) == INSIDE


def test_an_opened_host_may_use_any_port(settings: Any, names: NameServer) -> None:
    opened(settings, None, "10.0.0.0/8")
    names.say("n8n.lan", ["10.0.0.1"])
    assert net.destination("http://n8n.lan:81/", allow_http=True).port == 81
    names.say("n8n.lan", ["10.0.0.1", PUBLIC])
    assert str(refusal("http://n8n.lan:81/")).startswith("Port 81")


def test_an_address_is_opened_by_its_own_text(settings: Any) -> None:
    opened(settings, r"192\.168\.1\.\d+")
    assert net.destination("http://0xc0a80105/", allow_http=True).host == "192.168.1.5"


# Name servers


def test_an_address_asks_no_name_server(names: NameServer) -> None:
    refusal("http://127.0.0.1/")
    net.destination(
        "http://2001:4860:4860::8888/".replace("//", "//[", 1)[:-1] + "]/", allow_http=True
    )
    assert names.asked == []


def test_the_system_s_own_resolver_is_asked_otherwise() -> None:
    refused = refusal("http://localhost/")
    assert refused.seen_address in ("127.0.0.1", "::1")


@pytest.mark.parametrize("found", [["10.0.0.1%eth0"], ["nonsense"], []])
def test_an_answer_without_sense_is_none(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    monkeypatch.setattr(net, "resolve", lambda host, port: found)
    assert isinstance(refusal("http://hook.example/"), net.LookupFailed)


def test_a_name_that_cannot_be_encoded_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(host: str, port: int) -> list[str]:
        """As getaddrinfo does it."""
        return [("x" * 64).encode("idna").decode()]

    monkeypatch.setattr(net, "resolve", encode)
    began = time.monotonic()
    refused = refusal("http://hook.example/")
    assert isinstance(refused, net.LookupFailed)
    assert str(refused) == "DNS resolution failed for 'hook.example'"
    assert time.monotonic() - began < net.LOOKUP_SECONDS / 2


def test_a_link_s_address_with_a_zone_is_refused(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(settings, ".*", "fe80::/10")
    monkeypatch.setattr(net, "resolve", lambda host, port: ["fe80::1%eth0"])
    assert str(refusal("http://hook.example/")) == INSIDE


def test_a_silent_name_server_costs_no_more_than_the_time_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    woken, asked = threading.Event(), []

    def silent(host: str, port: int) -> list[str]:
        asked.append(host)
        woken.wait()
        return [PUBLIC]

    monkeypatch.setattr(net, "resolve", silent)
    began = time.monotonic()
    try:
        for _ in range(4):
            with pytest.raises(net.LookupFailed, match="DNS resolution failed for 'slow.example'"):
                net.destination("https://slow.example/", allow_http=False, seconds=0.2)
        assert time.monotonic() - began < 2
        # One name is asked for once, in one thread.
        assert asked == ["slow.example"]
    finally:
        woken.set()


def test_lookups_hold_only_so_many_threads() -> None:
    woken, asked = threading.Event(), []

    def silent(host: str, port: int) -> list[str]:
        asked.append(host)
        woken.wait()
        raise socket.gaierror

    lookups = Lookups(2)
    for number in (0, 0, 0, 1, 2, 3):
        with pytest.raises(TimeoutError):
            lookups.ask(silent, f"slow{number}.example", 443, seconds=0.05)
    assert asked == ["slow0.example", "slow1.example"]

    # As soon as they end, there is room again.
    woken.set()
    assert lookups.ask(lambda host, port: [PUBLIC], "hook.example", 443, seconds=5) == [PUBLIC]
    with pytest.raises(socket.gaierror):
        lookups.ask(silent, "slow0.example", 443, seconds=5)


# For logs


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hook.example/secret?token=secret#secret", "https://hook.example:443"),
        ("http://HOOK.example:8080", "http://hook.example:8080"),
        ("https://[2606:4700::1]/secret", "https://[2606:4700::1]:443"),
        ("https://secret:secret@hook.example/", "a URL that cannot be read"),
        ("secret", "a URL that cannot be read"),
        ("", "a URL that cannot be read"),
    ],
)
def test_logs_see_scheme_host_and_port_only(url: str, shown: str) -> None:
    assert net.describe(url) == shown
