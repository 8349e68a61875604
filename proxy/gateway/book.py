"""The plans under one set of rules and one mode: which one a request has, or why it has none.

Floor 1, pure but for the switch it asks. When rules, credentials or mode change, the gateway
begins a new book, so that nothing prepared under the old ones is used again.
Read next: `plan.py`, `server.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from proxy.gateway.plan import Plan, Ready
from proxy.gateway.request_head import RequestHead
from switchboard.decide import (
    Ask,
    Forward,
    FromStub,
    Refuse,
    ask_of,
    host_is_constant,
    refuse,
)
from switchboard.edit_request import MissingSecretError
from switchboard.rules import LIVE, Mode, Rules
from switchboard.switch import Switch

_MOST_HOSTS: Final = 512
_PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,255}(?::[0-9]{1,5})?")


class StubWay:
    """A request that a stub answers in place."""

    __slots__ = ("ask", "decision", "mode", "rules")

    def __init__(self, ask: Ask, decision: FromStub, rules: Rules, mode: Mode) -> None:
        self.ask = ask
        self.decision = decision
        self.rules = rules
        self.mode: Mode = mode


Way = Plan | StubWay | Refuse


class Book:
    """Plans by host, as long as rules, credentials and mode stay what they are."""

    def __init__(
        self, rules: Rules | None, secrets: Mapping[str, str], mode: Mode, hop: str
    ) -> None:
        self.rules = rules
        self.secrets = secrets
        self.mode: Mode = mode
        self._hop = hop
        self._whole_hosts: dict[tuple[str, str], Plan] = {}
        self._ready: Ready = {}
        self._plans: dict[tuple[str, str, int, str], Plan] = {}

    def is_current(self, switch: Switch) -> bool:
        """True while nothing it was begun with has changed."""
        return (
            switch.rules is self.rules
            and switch.secrets is self.secrets
            and switch.mode == self.mode
        )

    def choose(self, switch: Switch, scheme: str, head: RequestHead) -> Way | None:
        """The way of a request; None when the book turned out to be no longer current."""
        if switch.tripped is None:
            # Neither path nor method can change what is decided about this host, and the target
            # was looked at before.
            plan = self._whole_hosts.get((scheme, head.host))
            if plan is not None and head.target in plan.targets:
                return plan
        ask = ask_of(scheme, head.host, head.method, head.target)
        if isinstance(ask, Refuse):
            return ask
        decision = switch.decide(ask)
        if isinstance(decision, Refuse):
            return decision
        rules = self.rules
        if rules is None or not self.is_current(switch):
            return None
        if isinstance(decision, FromStub):
            return StubWay(ask, decision, rules, self.mode)
        if decision.is_live != (self.mode == LIVE):
            return None
        return self._plan(ask, decision, rules, head.host)

    def _plan(self, ask: Ask, forward: Forward, rules: Rules, asked_host: str) -> Plan | Refuse:
        key = (ask.scheme, ask.host, ask.port, forward.rule)
        plan = self._plans.get(key)
        if plan is None:
            try:
                plan = Plan(ask, forward, rules, self.secrets, self._hop, self._ready)
            except MissingSecretError as error:
                return refuse("no-rules", str(error))
            if len(self._plans) >= _MOST_HOSTS:
                self._plans.clear()
                self._whole_hosts.clear()
                self._ready.clear()
            self._plans[key] = plan
            if _PLAIN_HOST.fullmatch(asked_host) and host_is_constant(rules, ask.host):
                self._whole_hosts[ask.scheme, asked_host] = plan
        return plan
