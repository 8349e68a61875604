"""The names of the sandbox: every DNS query is answered here, and none is ever passed on.

A name that some route names leads to the switchboard's own address; every other name does not
exist. AAAA, HTTPS and SVCB are answered with nothing, so that no client goes by IPv6, HTTP/3 or an
encrypted hello; what could carry a production name in its data is refused. There is no upstream
resolver. Read next: `router.py`, which is asked by mitmproxy.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from mitmproxy.dns import DNSFlow, ResourceRecord
from mitmproxy.net.dns import classes, op_codes, response_codes, types

from proxy.interceptor.gate import Gate
from switchboard.decide import Refuse, refuse
from switchboard.hosts import parse_host

TTL_S: Final = 5
SVCB: Final = 64
_EMPTY: Final = frozenset({types.A, types.AAAA, types.HTTPS, SVCB})
_NOT_THERE: Final = frozenset({"unmapped-host", "deny.hosts", "deny.networks"})

OnRefused = Callable[[str, Refuse], None]


class NamesService:
    """Answers queries. answer: the address that every name of the sandbox has."""

    def __init__(self, gate: Gate, answer: IPv4Address | IPv6Address) -> None:
        self._gate = gate
        self._answer = answer

    def answer(self, flow: DNSFlow, on_refused: OnRefused) -> None:
        """Set the flow's response, always. on_refused: told of the name and why."""
        query = flow.request
        flow.response = query.fail(response_codes.REFUSED)
        if query.op_code != op_codes.QUERY:
            flow.response = query.fail(response_codes.NOTIMP)
            return
        if len(query.questions) != 1:
            flow.response = query.fail(response_codes.FORMERR)
            return
        question = query.questions[0]
        refusal = self._refusal(question.name, question.type, question.class_)
        if refusal is None:
            flow.response = query.succeed(self._records(question.name, question.type))
            return
        on_refused(question.name, refusal)
        if question.type in _EMPTY and refusal.rule.partition("[")[0] in _NOT_THERE:
            # Final: after REFUSED a client may ask another resolver.
            flow.response = query.fail(response_codes.NXDOMAIN)

    def _refusal(self, name: str, kind: int, class_: int) -> Refuse | None:
        try:
            host = parse_host(name)
        except ValueError as error:
            return refuse("bad-host", str(error))
        refusal = self._gate.refuse_name(host)
        if refusal is None and (class_ != classes.IN or kind not in _EMPTY):
            return refuse("not-plain-http", "only addresses are answered for in the DNS")
        return refusal

    def _records(self, name: str, kind: int) -> list[ResourceRecord]:
        address = self._answer
        if kind == types.A and isinstance(address, IPv4Address):
            return [ResourceRecord.A(name, address, ttl=TTL_S)]
        if kind == types.AAAA and isinstance(address, IPv6Address):
            return [ResourceRecord.AAAA(name, address, ttl=TTL_S)]
        return []
