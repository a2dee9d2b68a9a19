"""Names without a name server: a host has a public address unless a test says another."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from hooks import net

# Documentation addresses are no public ones.
PUBLIC = "93.184.215.14"


@dataclass
class Names:
    """`addresses`: by host; a host with none does not exist. `asked`: every look-up."""

    addresses: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        found = self.addresses.get(host, [_literal(host) or PUBLIC])
        if not found or host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    made = Names()
    monkeypatch.setattr(net, "resolve", made.resolve)
    return made


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None
