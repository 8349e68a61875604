"""One request on its way through the interceptor: what was asked, decided, sent and answered.

Kept in the flow's metadata from `requestheaders` on. Read next: `router.py`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from mitmproxy.http import HTTPFlow

from proxy.interceptor.bodies import Tap
from switchboard.base_url import authority_of
from switchboard.decide import Ask, Forward, FromStub
from switchboard.exchange import Exchange, Headers
from switchboard.rules import Rules
from switchboard.trouble import Trouble

KEY: Final = "esr"


@dataclass(slots=True)
class Passage:
    """A request that was not refused."""

    ask: Ask
    decision: Forward | FromStub
    rules: Rules
    client: str
    headers: Headers
    is_http11: bool
    """Of the client; else it is HTTP/1.0 or HTTP/2."""
    asked: Tap
    answered: Tap
    at_ns: int = field(default_factory=time.time_ns)
    began_s: float = field(default_factory=time.perf_counter)
    is_over: bool = False
    """True when it was told of, one way or the other."""
    timer: asyncio.TimerHandle | None = None
    """Runs while the sandbox is expected to answer."""
    is_late: bool = False
    trouble: Trouble | None = None
    """What a declared fault makes of it."""
    has_ended: bool = False
    """True when mitmproxy is done with it."""


def passage_of(flow: HTTPFlow) -> Passage | None:
    """The flow's passage, if it has one."""
    found = flow.metadata.get(KEY)
    return found if isinstance(found, Passage) else None


def exchange_of(passage: Passage, status: int, answer_headers: Headers) -> Exchange:
    """What the observer is told of a request that was answered."""
    ask, decision = passage.ask, passage.decision
    to = decision.to if isinstance(decision, Forward) else None
    return Exchange(
        at_ns=passage.at_ns,
        door="proxy",
        client=passage.client,
        rule=decision.rule,
        upstream=decision.to.name if isinstance(decision, Forward) else decision.stub,
        address=to.address if to is not None else None,
        port=to.port if to is not None else 0,
        scheme=ask.scheme,
        authority=authority_of(ask.scheme, ask.host, ask.port),
        method=ask.method,
        target=ask.target,
        status=status,
        wait_ms=(time.perf_counter() - passage.began_s) * 1e3,
        headers=passage.headers,
        answer_headers=answer_headers,
        body=passage.asked.body,
        answer_body=passage.answered.body,
        bytes_in=passage.asked.size,
        bytes_out=passage.answered.size,
    )
