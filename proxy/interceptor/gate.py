"""The switch as an interceptor sees it: there is no live mode here, so live refuses everything.

Pure. Read next: `naming.py` (under which name a request is asked about), `router.py`.
"""

from __future__ import annotations

from typing import Final

from switchboard.decide import Ask, Decision, Forward, Refuse, parse_authority, refuse
from switchboard.rules import LIVE, SANDBOX, Endpoint
from switchboard.switch import NOTHING, Switch

# Refusals of `GET /` that say nothing against the host itself.
_HOST_IS_ROUTED: Final = frozenset({"unmapped-path", "unmapped-method"})
_NAME_IS_ROUTED: Final = _HOST_IS_ROUTED | {"unmapped-port"}


class Gate:
    """What may pass, and what may be dialled."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        """What may be dialled now: the sandbox's own, and nothing in live mode."""
        switch = self.switch
        rules = switch.rules
        if rules is None or switch.tripped is not None or switch.mode != SANDBOX:
            return NOTHING
        return rules.endpoints(SANDBOX)

    def decide(self, ask: Ask) -> Decision:
        """What becomes of a request."""
        if self.switch.mode == LIVE:
            return refuse("no-live-upstream", "the interceptor has no live mode")
        decision = self.switch.decide(ask)
        if isinstance(decision, Forward) and decision.is_live:
            return refuse("no-live-upstream", "the interceptor has no live mode")
        return decision

    def refuse_tunnel(self, authority: str) -> Refuse | None:
        """Why nobody gets a tunnel to this CONNECT authority; None when its requests may come."""
        where = parse_authority(authority, "https")
        if isinstance(where, Refuse):
            return where
        refusal = self._refuse_host(*where, _HOST_IS_ROUTED)
        if refusal is None and _is_literal(where[0]):
            return refuse("not-plain-http", "a tunnel must be asked for by name, not by address")
        return refusal

    def refuse_name(self, host: str) -> Refuse | None:
        """Why a name is not answered for in the DNS; None when some route names it."""
        return self._refuse_host(host, 443, _NAME_IS_ROUTED)

    def _refuse_host(self, host: str, port: int, is_routed: frozenset[str]) -> Refuse | None:
        decision = self.decide(Ask("https", host, port, "GET", "/"))
        if isinstance(decision, Refuse) and decision.rule not in is_routed:
            return decision
        return None


def _is_literal(host: str) -> bool:
    """True for an address in the spelling of `parse_host`."""
    return ":" in host or host[-1:].isdigit()
