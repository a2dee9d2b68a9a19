"""Whatever address, whatever text: what the guard may never do."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hooks import net
from hooks.addresses import Address, Reach, is_allowed, reach_of

PUBLIC = "93.184.216.34"
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))
# What Python calls global in some version of it, and is nobody's host on the internet.
NOT_PUBLIC = [
    ip_network(network)
    for network in (
        "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "224.0.0.0/4", "240.0.0.0/4", "::/8", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7",
        "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
NEVER_OPENED = [
    ip_network(network)
    for network in (
        "0.0.0.0/8", "100.100.100.200/32", "168.63.129.16/32", "169.254.169.254/32",
        "169.254.170.2/32", "169.254.170.23/32", "192.0.0.192/32", "224.0.0.0/4", "240.0.0.0/4",
        "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
        "fd00:ec2::254/128", "fd20:ce::254/128", "fd00:42::42/128", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
# An IPv4 address inside an IPv6 one: the network, and how far left of its end the address stands.
EMBEDDINGS = [
    ("::", 0), ("::ffff:0:0", 0), ("::ffff:0:0:0", 0), ("64:ff9b::", 0), ("64:ff9b:1::", 0),
    ("2002::", 80), ("2001::", 64), ("2001::", 0), ("2606:4700::5efe:0:0", 0),
    ("2606:4700::200:5efe:0:0", 0),
]  # fmt: skip


def embedded(inner: IPv4Address, embedding: tuple[str, int]) -> IPv6Address:
    network, shift = embedding
    return IPv6Address(int(IPv6Address(network)) | int(inner) << shift)


networks = st.sampled_from(NOT_PUBLIC + NEVER_OPENED)
addresses = st.one_of(
    st.ip_addresses(),
    networks.flatmap(lambda network: st.ip_addresses(network=network)),
    st.builds(embedded, st.ip_addresses(v=4), st.sampled_from(EMBEDDINGS)),
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(0, 2**128 - 1).map(IPv6Address),
)


@hypothesis_settings(max_examples=1000)
@given(addresses)
def test_nothing_but_a_public_address_is_allowed_unasked(address: Address) -> None:
    if is_allowed(address, is_named=False, ranges=()):
        assert address.is_global
        assert not (address.is_multicast or address.is_reserved or address.is_link_local)
        assert not any(address in network for network in NOT_PUBLIC)
        if isinstance(address, IPv6Address):
            assert address.ipv4_mapped is address.sixtofour is address.teredo is None


@hypothesis_settings(max_examples=300)
@given(st.ip_addresses(v=4), st.sampled_from(EMBEDDINGS), st.booleans())
def test_an_address_inside_another_is_never_allowed(
    inner: IPv4Address, embedding: tuple[str, int], is_named: bool
) -> None:
    outer = embedded(inner, embedding)
    if outer == ip_address("::1"):
        return
    assert not is_allowed(outer, is_named=is_named, ranges=EVERYTHING)


@hypothesis_settings(max_examples=300)
@given(st.sampled_from(NEVER_OPENED).flatmap(lambda network: st.ip_addresses(network=network)))
def test_some_addresses_are_never_allowed(address: Address) -> None:
    assert not is_allowed(address, is_named=True, ranges=EVERYTHING)


@hypothesis_settings(max_examples=300)
@given(addresses, st.booleans())
def test_local_addresses_need_both_openings(address: Address, is_named: bool) -> None:
    if address.is_loopback or address.is_link_local:
        assert not is_allowed(address, is_named=is_named, ranges=() if is_named else EVERYTHING)


@given(addresses)
def test_each_address_is_of_one_reach(address: Address) -> None:
    allowed = is_allowed(address, is_named=False, ranges=())
    assert allowed == (reach_of(address) is Reach.PUBLIC)


pieces = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["@", ":", "[", "]", "%", "%25", "%00", "\\", "/", "//", "#", "?", ".", "..", "xn--",
         "127.0.0.1", "0x7f", "::1", "::ffff:", "localhost", "\u3002", "\uff11", "\u00df", "\u200d",
         "a" * 64, "\ud800", "\x00", "80", "99999", "8.8.8.8", "fe80::1%25lo"]
    ),
)  # fmt: skip
urls = st.one_of(
    st.text(),
    st.builds(
        "{}{}".format,
        st.sampled_from(["http://", "https://", "HTTP:", "https:///", "http://["]),
        st.lists(pieces, max_size=8).map("".join),
    ),
)


@hypothesis_settings(max_examples=1000)
@given(urls)
@example("http://[::1")
@example("http://\ud800/")
@example("https://xn--\u00df-/")
@example("http://a:\u0661/")
@example("http://" + "1." * 200)
@example("https://8.8.8.8/\ud83d\ude00?\u00e9=%zz")
def test_any_text_is_a_receiver_or_refused_with_a_sentence(url: str) -> None:
    assert net.describe(url)
    with patch.object(net, "resolve", lambda host, port: [PUBLIC]):
        try:
            to = net.destination(url, allow_http=True)
        except net.UrlRefused as refused:
            assert str(refused)
            return
    assert all(reach_of(address) is Reach.PUBLIC for address in to.addresses)
    assert re.fullmatch(r"[a-z0-9._-]{1,253}|[0-9a-f:.]+", to.host)
    assert re.fullmatch(r"/[\x21-\x7e]*", to.path)
    assert "#" not in to.path
    assert 1 <= to.port <= 65535
    # Read again, it says the same.
    again = f"{to.scheme}://{to.target}{to.path}"
    with patch.object(net, "resolve", lambda host, port: [PUBLIC]):
        assert net.destination(again, allow_http=True) == to
