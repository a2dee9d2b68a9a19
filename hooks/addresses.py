"""Which addresses a webhook may lead to (http-contract.md, 15.5 and 0.1.39)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Reach(Enum):
    """What an operator must say before a webhook may go there."""

    PUBLIC = "nothing: routed all over the internet"
    PRIVATE = "the host's name or the address's range"
    LOCAL = "both: this machine, or its own link"
    NEVER = "cannot be allowed"


# Where clouds hand a machine its credentials, and what stands beside it.
METADATA = tuple(
    ip_network(network)
    for network in (
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure, and outside of every private range
        "169.254.0.23/32",  # Tencent
        "169.254.42.42/32",  # Scaleway
        "169.254.169.0/24",  # nearly all
        "169.254.170.0/24",  # Amazon's containers
        "192.0.0.192/32",  # Oracle
        "fd00:42::42/128",  # Scaleway
        "fd00:a9fe:a9fe::1/128",  # Akamai
        "fd00:ec2::/32",  # Amazon
        "fd20:ce::254/128",  # Google
        "fe80::a9fe:a9fe/128",  # OpenStack
    )
)
# No host's own address, or an IPv4 address inside an IPv6 one: what that leads to is the business
# of routers that we do not know.
NEVER = METADATA + tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this machine, to Linux
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
LOCAL = tuple(
    ip_network(network) for network in ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")
)
IETF = ip_network("192.0.0.0/24")
UNIQUE_LOCAL = ip_network("fc00::/7")
# The only part of IPv6 that is handed out (RFC 4291). Outside lie NAT64 (64:ff9b::/96,
# 64:ff9b:1::/48), IPv4-mapped, -compatible and -translated ones (::/96, ::ffff:0:0/96,
# ::ffff:0:0:0/96), site-local (fec0::/10), segment routing (5f00::/16), multicast, discard.
GLOBAL_UNICAST = ip_network("2000::/3")
# The third quarter of an ISATAP address (RFC 5214); the fourth is an IPv4 address.
ISATAP = (0x00005EFE, 0x02005EFE)


def reach_of(address: Address) -> Reach:
    if any(address in network for network in NEVER):
        return Reach.NEVER
    if any(address in network for network in LOCAL):
        # A zone id is for people; no name server says one.
        return Reach.NEVER if getattr(address, "scope_id", None) else Reach.LOCAL
    if isinstance(address, IPv4Address):
        return Reach.PUBLIC if address.is_global and address not in IETF else Reach.PRIVATE
    if address in UNIQUE_LOCAL:
        return Reach.PRIVATE
    is_isatap = (int(address) >> 32) & 0xFFFFFFFF in ISATAP
    is_public = address in GLOBAL_UNICAST and address.is_global and not is_isatap
    return Reach.PUBLIC if is_public and address.scope_id is None else Reach.NEVER


def is_allowed(address: Address, *, is_named: bool, ranges: Sequence[Network]) -> bool:
    """`is_named`: whether the operator allows the host's name; `ranges`: those allowed."""
    match reach_of(address):
        case Reach.PUBLIC:
            return True
        case Reach.PRIVATE:
            return is_named or any(address in network for network in ranges)
        case Reach.LOCAL:
            return is_named and any(address in network for network in ranges)
    return False
