"""The names of the sandbox: every DNS query is answered here, and none is ever passed on.

A name that some route names leads to the switchboard's own address; every other name does not
exist. AAAA, HTTPS and SVCB are answered with nothing, so that no client goes by IPv6, HTTP/3 or an
encrypted hello; what could carry a production name in its data is refused. There is no upstream
resolver. Read next: `router.py`, which is asked by mitmproxy.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from mitmproxy.dns import DNSFlow, ResourceRecord
from mitmproxy.net.dns import classes, op_codes, response_codes, types

from proxy.interceptor.bad_names import bad_answer
from proxy.interceptor.gate import Gate
from proxy.interceptor.troubled import Troubles
from switchboard.decide import Refuse, refuse
from switchboard.hosts import parse_host

if TYPE_CHECKING:
    from mitmproxy.dns import DNSMessage  # up to 11.0 it has another name

TTL_S: Final = 5
SVCB: Final = 64
_EMPTY: Final = frozenset({types.A, types.AAAA, types.HTTPS, SVCB})
_NOT_THERE: Final = frozenset({"unmapped-host", "deny.hosts", "deny.networks"})

_HELD_BACK: Final = "esr-held-back"

OnRefused = Callable[[str, Refuse], None]


def is_held_back(flow: DNSFlow) -> bool:
    """Whether a fault wants nothing to be said."""
    return _HELD_BACK in flow.metadata


class NamesService:
    """Answers queries. answer: the address that every name of the sandbox has."""

    def __init__(self, gate: Gate, answer: IPv4Address | IPv6Address, troubles: Troubles) -> None:
        self._gate = gate
        self._answer = answer
        self._troubles = troubles

    def answer(self, flow: DNSFlow, on_refused: OnRefused) -> None:
        """Set the flow's response, always. on_refused: told of the name and why.

        An answer that a fault holds back is marked as such, see `is_held_back`.
        """
        query = flow.request
        flow.response = query.fail(response_codes.REFUSED)
        if query.op_code != op_codes.QUERY:
            flow.response = query.fail(response_codes.NOTIMP)
            return
        if len(query.questions) != 1:
            flow.response = query.fail(response_codes.FORMERR)
            return
        flow.metadata.pop(_HELD_BACK, None)
        question = query.questions[0]
        refusal = self._refusal(question.name, question.type, question.class_)
        if refusal is None:
            flow.response = self._found(flow, query)
            return
        on_refused(question.name, refusal)
        if question.type in _EMPTY and refusal.rule.partition("[")[0] in _NOT_THERE:
            # Final: after REFUSED a client may ask another resolver.
            flow.response = query.fail(response_codes.NXDOMAIN)

    def _found(self, flow: DNSFlow, query: DNSMessage) -> DNSMessage:
        """What is said of a name that some route names."""
        question = query.questions[0]
        as_ever = query.succeed(self._records(question.name, question.type))
        if not self._troubles.is_on:
            return as_ever
        try:
            trouble = self._troubles.of_host("name", parse_host(question.name))
            if trouble is None:
                return as_ever
            trouble.over()
            answer = bad_answer(query, trouble, is_ipv6=isinstance(self._answer, IPv6Address))
        except Exception:  # a mistake of our own
            return query.fail(response_codes.SERVFAIL)
        if answer is None:
            flow.metadata[_HELD_BACK] = True
        return answer or as_ever

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
