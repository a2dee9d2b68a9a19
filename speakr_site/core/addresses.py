"""Whose request it is: the address behind the proxies that the operator trusts."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str:
    """REMOTE_ADDR, or the hop that the outermost of TRUSTED_PROXY_HOPS proxies saw.

    What stands left of that hop is hearsay. An IPv6 address is cut to its /64, which one subscriber
    has whole. Empty when a server on a Unix socket knows none.
    """
    remote = _network(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if settings.TRUSTED_PROXY_HOPS and any(hops):
        return _network(hops[-settings.TRUSTED_PROXY_HOPS :][0]) or remote
    return remote


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if address.version == 6:
        network = ipaddress.ip_network((address, IPV6_PREFIX), strict=False)
        return str(network.network_address)
    return str(address)
