"""A real name server on the loopback address, and the function that asks it.

with NameServer() as names:
    monkeypatch.setattr(net, "resolve", names.resolve)
    names.say("hook.example", ["93.184.216.34"])                 # from now on
    names.say("rebind.example", ["93.184.216.34"], ["10.0.0.1"])  # first this, then that
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from types import TracebackType

from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSHeader, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

HOST = "127.0.0.1"
SECONDS = 5


class _Zone(BaseResolver):
    """A lookup is a question for A and one for AAAA, in this order: both get the same answer."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        name, kind = str(request.q.qname).rstrip(".").lower(), request.q.qtype
        reply = DNSRecord(DNSHeader(id=request.header.id, qr=1, aa=1, ra=1), q=request.q)
        turns = self.answers.get(name)
        if turns is None:
            reply.header.rcode = RCODE.NXDOMAIN
            return reply
        for text in turns[0]:
            version = ip_address(text).version
            if (version, kind) in ((4, QTYPE.A), (6, QTYPE.AAAA)):
                packed = tuple(ip_address(text).packed)
                data = A(packed) if version == 4 else AAAA(packed)
                reply.add_answer(RR(request.q.qname, kind, rdata=data, ttl=0))
        if kind == QTYPE.AAAA:
            self.asked.append(name)
            if len(turns) > 1:
                turns.pop(0)
        return reply


class NameServer:
    """`asked`: the names of all lookups, in order."""

    def __init__(self) -> None:
        self._zone = _Zone()
        self._server = DNSServer(
            self._zone, address=HOST, port=0, logger=DNSLogger(logf=lambda _: None)
        )

    def __enter__(self) -> NameServer:
        self._server.start_thread()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._server.thread.join()
        self._server.server.server_close()

    @property
    def asked(self) -> list[str]:
        return self._zone.asked

    def forget(self) -> None:
        """All names and lookups."""
        self._zone.answers.clear()
        self._zone.asked.clear()

    def say(self, name: str, *turns: list[str]) -> None:
        """The addresses of one lookup after the other; the last ones stay."""
        self._zone.answers[name] = [list(turn) for turn in turns]

    def resolve(self, host: str, port: int) -> list[str]:
        """As hooks.net.resolve."""
        found = []
        for kind in ("A", "AAAA"):
            question = DNSRecord.question(host, kind)
            sent = question.send(HOST, self._server.server.server_address[1], timeout=SECONDS)
            reply = DNSRecord.parse(sent)
            if reply.header.rcode != RCODE.NOERROR:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            found += [
                str(record.rdata) for record in reply.rr if record.rtype == getattr(QTYPE, kind)
            ]
        return found
