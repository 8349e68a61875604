"""Canaries: dials that must fail. One that succeeds means that there is a way to production.

A name that a canary asks for may have no address, or one of the sandbox; whatever else it has is a
way out already, and is not dialled. A timeout, a refusal or no route is what is hoped for.
`plan_canaries` is pure; the watch asks at the start and every 30 seconds, through a resolver and a
dialler that are handed in. Read next: `canary_ways.py` (the real ones), docs/interlock.md.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from hms_esr.canary_ways import HERE, Ways
from switchboard.base_url import authority_of
from switchboard.errors import GuardError
from switchboard.hosts import Network, literal_address
from switchboard.interlock import ESCAPED
from switchboard.rules import Endpoint, Rules

EVERY_S: Final = 30.0
PORT: Final = 443
TEST_NET: Final = "192.0.2.1"
"""RFC 5737: nobody has it, so only a network that swallows or forges everything answers."""
LABEL: Final = "esr-canary"
"""Below a denied `*.suffix`: a name that nobody registers, so that it answers where all of them do.
"""
AT_ONCE: Final = 64

# What stands in the way of asking, and proves nothing about the network.
_STARVED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class CanaryError(GuardError):
    """A canary got out: what contains us does not contain."""


@dataclass(frozen=True, slots=True)
class Canary:
    """Somebody who must not be reachable. `why`: the rule that says so."""

    host: str
    port: int
    why: str

    @property
    def target(self) -> str:
        return authority_of("", self.host, self.port)


@dataclass(frozen=True, slots=True)
class Known:
    """What is sandbox, whatever a resolver calls it.

    own: addresses of the door itself, which its own DNS gives for every name.
    """

    endpoints: frozenset[Endpoint] = frozenset()
    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()
    own: frozenset[str] = frozenset()

    @classmethod
    def by(cls, rules: Rules, own: Sequence[str] = ()) -> Known:
        """What the rules declare."""
        return cls(
            rules.endpoints("sandbox"), rules.allow_networks, rules.deny_networks, frozenset(own)
        )

    def is_answer(self, text: str) -> bool:
        """True when a resolver may give this address."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if str(address) in self.own:
            return True
        if any(address in network for network in self.denied):
            return False
        if address.is_loopback or any(address in network for network in self.allowed):
            return True
        return any(str(address) == known for known, _ in self.endpoints)

    def is_ours(self, address: str, port: int) -> bool:
        """True when a connection to it is none to production: a destination, or the door."""
        return address in self.own or (address, port) in self.endpoints


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """What became of a canary. `at`: when it was asked."""

    canary: Canary
    outcome: str
    """`no-address`, `timeout`, `refused`, `unreachable`, `sandbox`; or one of `ESCAPED`:
    `escaped`, `foreign-answer`, `failed` (we could not ask)."""
    at: str
    addresses: tuple[str, ...] = ()
    detail: str = ""

    @property
    def is_breach(self) -> bool:
        return self.outcome in ESCAPED

    def to_json(self) -> dict[str, Any]:
        """A row of the interlock."""
        return {
            "target": self.canary.target,
            "why": self.canary.why,
            "addresses": list(self.addresses),
            "outcome": self.outcome,
            "at": self.at,
        }


def plan_canaries(rules: Rules) -> tuple[Canary, ...]:
    """Whom to ask for: none unless the rules want canaries; else those they list, or all they deny.

    A denied `*.suffix` stands for a made-up name below it. `svc.*` and `*` name nobody to dial.
    """
    if rules.canaries is None:
        return ()
    if rules.canaries:
        return tuple(_listed(text) for text in rules.canaries)
    found = [Canary(TEST_NET, PORT, "TEST-NET-1")]
    for number, pattern in enumerate(rules.deny_hosts):
        host = f"{LABEL}.{pattern[2:]}" if pattern.startswith("*.") else pattern
        if "*" not in host:
            found.append(Canary(host, PORT, f"deny.hosts[{number}]"))
    for number, network in enumerate(rules.deny_networks):
        address = network[1] if network.num_addresses > 1 else network[0]
        found.append(Canary(str(address), PORT, f"deny.networks[{number}]"))
    return tuple(found)


def _listed(text: str) -> Canary:
    """`host`, `host:port`, `[v6]:port`, as the rules' reader leaves it."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    return Canary(host.strip("[]"), int(port) if port else PORT, "listed")


async def ask_canary(canary: Canary, known: Known, ways: Ways) -> CanaryResult:
    """Resolve and dial one, a second for each at most; never raises but for cancellation."""
    at = ways.now()
    try:
        return await _ask(canary, known, ways, at)
    except Exception as error:  # what we could not find out is no proof
        return CanaryResult(canary, "failed", at, detail=type(error).__name__)


async def _ask(canary: Canary, known: Known, ways: Ways, at: str) -> CanaryResult:
    addresses: tuple[str, ...] = (canary.host,)
    if not _is_address(canary.host):
        try:
            async with asyncio.timeout(ways.timeout_s):
                addresses = tuple(dict.fromkeys(await ways.resolve(canary.host)))
        except OSError as error:  # a timeout is one too
            outcome = "timeout" if isinstance(error, TimeoutError) else "no-address"
            return CanaryResult(canary, outcome, at)
        foreign = [each for each in addresses if not known.is_answer(each)]
        if foreign:
            return CanaryResult(canary, "foreign-answer", at, addresses, foreign[0])
    outcome = "no-address"
    for address in addresses:
        outcome = await _dial(address, canary.port, known, ways)
        if outcome in ESCAPED:
            return CanaryResult(canary, outcome, at, addresses, address)
    return CanaryResult(canary, outcome, at, addresses)


async def _dial(address: str, port: int, known: Known, ways: Ways) -> str:
    try:
        async with asyncio.timeout(ways.timeout_s):
            await ways.dial(address, port)
    except OSError as error:
        if isinstance(error, TimeoutError):
            return "timeout"
        if error.errno in _STARVED:
            raise
        return "refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
    return "sandbox" if known.is_ours(address, port) else "escaped"


def _is_address(host: str) -> bool:
    return literal_address(host) is not None and not host.endswith("localhost")


def breach_of(results: Sequence[CanaryResult]) -> CanaryError | None:
    """The error that the first breach is, or None."""
    for result in results:
        if result.is_breach:
            return CanaryError(*_breach(result))
    return None


def _breach(result: CanaryResult) -> tuple[str, str, str]:
    canary = result.canary
    happened = {
        "escaped": f"a canary dialled it ({canary.why}) and was connected",
        "foreign-answer": f"DNS gave a canary ({canary.why}) {result.detail}, "
        "which is not the sandbox's",
        "failed": f"its canary ({canary.why}) could not be asked: {result.detail}",
    }[result.outcome]
    remedy = (
        "Something lets traffic out: run it inside esr contain or a network without a way out, "
        "and see docs/interlock.md."
    )
    return (canary.target, happened, remedy)


@dataclass
class CanaryWatch:
    """Asks the canaries of the rules that are in force.

    rules: gives those rules, or None where there are none.   own: see `Known`.
    """

    rules: Callable[[], Rules | None]
    own: Sequence[str] = ()
    ways: Ways = HERE
    every_s: float = EVERY_S
    results: tuple[CanaryResult, ...] = field(default=(), init=False)
    """Of the last round."""
    rounds: int = field(default=0, init=False)

    async def check(self) -> None:
        """One round. Raises CanaryError when one gets out."""
        rules = self.rules()
        canaries = plan_canaries(rules) if rules is not None else ()
        if rules is None or not canaries:
            return
        known, few = Known.by(rules, self.own), asyncio.Semaphore(AT_ONCE)

        async def ask(canary: Canary) -> CanaryResult:
            async with few:
                return await ask_canary(canary, known, self.ways)

        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(canary)) for canary in canaries]
        self.results = tuple(task.result() for task in asked)
        self.rounds += 1
        error = breach_of(self.results)
        if error is not None:
            raise error

    async def run(self, trip: Callable[[str], None]) -> CanaryError:
        """A round every 30 seconds until one gets out: `trip` is told, and the error returned."""
        while True:
            await self.ways.sleep(self.every_s)
            try:
                await self.check()
            except CanaryError as error:
                trip(str(error))
                return error

    def to_json(self) -> dict[str, Any] | None:
        """What the interlock says of them; None when nobody asked for any."""
        if not self.rounds:
            return None
        return {"rounds": self.rounds, "results": [result.to_json() for result in self.results]}
