"""What becomes of a request: forwarded into the sandbox, answered by a stub, or refused.

Floor 0, pure. Refusing is the default: a function here says Forward only after a route said yes,
and whatever could be read in two ways is refused before any route is asked. A host is compared
with patterns, never resolved. Read next: `edit_request.py` (what the request is made into),
`switch.py` (how a door asks).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from switchboard.base_url import DEFAULT_PORTS
from switchboard.headers import is_token
from switchboard.hosts import literal_address, matches, parse_host
from switchboard.rules import LIVE, SANDBOX, Destination, Mode, Route, Rules

LONGEST_TARGET: Final = 16_384
LONGEST_AUTHORITY: Final = 300
_AUTHORITIES: Final = 4_096
OURS: Final = 599
"""No service answers with it (RFC 9110 leaves it unassigned), so nobody takes it for one's own."""

# One line a rule: the status of the answer, and what it means in one sentence.
REFUSALS: Final[Mapping[str, tuple[int, str]]] = {
    "no-rules": (OURS, "the rules cannot be read or failed, so everything is refused"),
    "interlock": (OURS, "a canary got out or the interlock was tripped: everything is refused"),
    "unmapped-host": (OURS, "no route names this host"),
    "unmapped-port": (OURS, "routes name this host, but not this port"),
    "unmapped-path": (OURS, "routes name this host, but not this path"),
    "unmapped-method": (OURS, "routes name this host and path, but not this method"),
    "deny.hosts": (OURS, "the host is denied as production"),
    "deny.networks": (OURS, "the address is in a network that is denied as production"),
    "no-live-upstream": (OURS, "the mode is live, and the route names no live upstream"),
    "not-sealed": (OURS, "the address is in no allow-set"),
    "redirect": (OURS, "the answer sends the client to a host that no route names"),
    "no-host": (400, "the request names no host"),
    "bad-host": (400, "the host can be read in more than one way, or in none"),
    "bad-target": (400, "the target is no plain path, or steps out of its folder"),
    "bad-request": (400, "the request is not well-formed HTTP/1.1"),
    "not-plain-http": (400, "this door takes neither tunnels nor this protocol"),
    "host-mismatch": (421, "the names in TLS, CONNECT and Host disagree"),
    "timeout": (408, "the request did not arrive in time"),
    "body-too-large": (413, "the body is over the limit"),
    "head-too-large": (431, "the head is over the limit"),
    "flipped": (503, "the mode was flipped while the request was under way"),
    "too-many-connections": (503, "the door holds as many connections as it may"),
    "upstream-unreachable": (502, "the sandbox upstream does not accept a connection"),
    "upstream-died": (502, "the sandbox upstream ended before its answer did"),
    "bad-answer": (502, "the sandbox upstream's answer is not well-formed HTTP/1.1"),
    "upstream-timeout": (504, "the sandbox upstream did not answer in time"),
    "stub-broken": (500, "the stub that should have answered is broken"),
    "loop": (508, "the request came back to the door that sent it"),
}

# Visible ASCII without `#`, which never travels, and `\`, which some servers read as a slash.
_TARGET: Final = re.compile(r'/[!"$-\[\]-~]*')
_AUTHORITY: Final = re.compile(r"(\[[^\]@]*\]|[^:@\[\]/?#\\]*)(?::([0-9]{1,5}))?")
_DOTS: Final = re.compile(r"(?:^|[/\\])(?:\.|%2e){1,2}(?=[/\\;]|$)", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"%(?:25|2e|2f|5c|00)", re.IGNORECASE)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")


@dataclass(slots=True, unsafe_hash=True)  # one a request; frozen ones take three times as long
class Ask:
    """What a client asks for; not to be changed.

    host: as `parse_host` gives it.   target: a path with its query, or `*`.
    """

    scheme: str
    host: str
    port: int
    method: str
    target: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Forward:
    """Send it to this destination."""

    route: Route
    to: Destination
    rule: str
    is_live: bool = False


@dataclass(frozen=True, slots=True)
class FromStub:
    """Let the stub of this service answer in place."""

    route: Route
    stub: str
    rule: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a problem document and dial nothing."""

    rule: str
    """A key of REFUSALS, or one with its place in the file: `deny.hosts[0]`."""
    reason: str
    status: int


Decision = Forward | FromStub | Refuse


def refuse(rule: str, detail: str = "") -> Refuse:
    """A refusal by one of REFUSALS; `detail` says more than its sentence."""
    status, sentence = REFUSALS[rule.partition("[")[0]]
    return Refuse(rule, f"{sentence}: {detail}" if detail else sentence, status)


def ask_of(scheme: str, authority: str, method: str, target: str) -> Ask | Refuse:
    """The request as a value, read strictly: what can be read in two ways is refused.

    authority: the Host header, a CONNECT authority or an `:authority`.
    """
    if not is_token(method):
        return refuse("bad-request", "the method is no token")
    if scheme not in DEFAULT_PORTS:
        return refuse("not-plain-http", "the scheme must be http or https")
    if not authority:
        return refuse("no-host")
    if len(authority) > LONGEST_AUTHORITY:
        return refuse("bad-host", f"it is longer than {LONGEST_AUTHORITY} characters")
    where = parse_authority(authority, scheme)
    if isinstance(where, Refuse):
        return where
    why = why_bad_target(target)
    if why is not None and not (target == "*" and method == "OPTIONS"):
        return refuse("bad-target", why)
    return Ask(scheme, where[0], where[1], method, target)


@lru_cache(maxsize=_AUTHORITIES)
def parse_authority(authority: str, scheme: str) -> tuple[str, int] | Refuse:
    """Host and port of `host`, `host:port` or `[v6]:port`."""
    parts = _AUTHORITY.fullmatch(authority)
    if "@" in authority:
        return refuse("bad-host", "user information stands before an @")
    if parts is None:
        return refuse("bad-host", f"{_shown(authority)} is not HOST or HOST:PORT")
    try:
        host = parse_host(parts[1])
    except ValueError as error:
        return refuse("bad-host", str(error))
    port = int(parts[2]) if parts[2] else DEFAULT_PORTS[scheme]
    if not 1 <= port <= 65_535:
        return refuse("bad-host", "the port must be a number from 1 to 65535")
    return host, port


def why_bad_target(target: str) -> str | None:
    """Why a target is refused, or None when it is a plain path with an optional query."""
    if len(target) > LONGEST_TARGET:
        return f"it is longer than {LONGEST_TARGET:,} characters"
    if _TARGET.fullmatch(target) is None:
        return "it must start with / and be visible ASCII without # and backslash"
    path = target.partition("?")[0]
    if path.startswith("//"):
        return "two slashes at its start could be read as a host"
    if ("." in path or "%" in path) and _steps_out(path):
        return "it has a . or .. segment, or hides one"
    return None


def _steps_out(path: str) -> bool:
    """True when some server may read a `.` or `..` segment, a backslash or a NUL in the path."""
    for _ in range(4):
        if _DOTS.search(path):
            return True
        if not _HIDDEN.search(path):
            return False
        # Whoever decodes twice, or before it splits, must not see another path than we do.
        path = _ESCAPE.sub(_unescaped, path)
        if "\\" in path or "\0" in path:
            return True
    return True


def _unescaped(found: re.Match[str]) -> str:
    char = chr(int(found[1], 16))
    return char if char in "%./\\\0" else found[0]


def decide(rules: Rules | None, mode: Mode, ask: Ask) -> Decision:
    """What becomes of the request. Deny wins over every route; no route is a refusal."""
    if rules is None:
        return refuse("no-rules")
    denied = why_denied(rules, ask.host)
    if denied is not None:
        return denied
    missed = "unmapped-host"
    for route in rules.routes:
        if not any(matches(pattern, ask.host) for pattern in route.hosts):
            continue
        miss = why_missed(route, ask)
        if miss is None:
            return _decide_by(route, mode)
        missed = max(missed, miss, key=_MISSES.index)
    return refuse(missed)


# The nearest miss is the one worth telling.
_MISSES: Final = ("unmapped-host", "unmapped-port", "unmapped-path", "unmapped-method")


def why_missed(route: Route, ask: Ask) -> str | None:
    """Which part of the route does not take the request, or None when all of it does."""
    if route.ports and ask.port not in route.ports:
        return "unmapped-port"
    if route.path and not is_under(ask.path, route.path):
        return "unmapped-path"
    if route.methods and ask.method not in route.methods:
        return "unmapped-method"
    return None


def _decide_by(route: Route, mode: Mode) -> Decision:
    if mode == LIVE:
        if route.live is None:
            return refuse("no-live-upstream", f"{route.rule} names none")
        return Forward(route, route.live, f"{route.rule}.live", is_live=True)
    if mode != SANDBOX:
        return refuse("no-rules", "the mode is neither live nor sandbox")
    if route.stub is not None:
        return FromStub(route, route.stub, route.rule)
    if route.to is None:
        return refuse("no-rules", f"{route.rule} leads nowhere")
    return Forward(route, route.to, route.rule)


def is_under(path: str, prefix: str) -> bool:
    """True when the path is the prefix or lies in its folder: whole segments only."""
    return path == prefix or path.startswith(f"{prefix}/")


def why_denied(rules: Rules, host: str) -> Refuse | None:
    for index, pattern in enumerate(rules.deny_hosts):
        if matches(pattern, host):
            return refuse(f"deny.hosts[{index}]", pattern)
    if not rules.deny_networks or not _may_be_address(host):
        return None
    address = literal_address(host)
    if address is None:
        return None
    address = ip_address(address)
    mapped = getattr(address, "ipv4_mapped", None)
    for index, network in enumerate(rules.deny_networks):
        if address in network or (mapped is not None and mapped in network):
            return refuse(f"deny.networks[{index}]", str(network))
    return None


def _may_be_address(host: str) -> bool:
    """False for nearly every name: asking `ipaddress` to find that out costs microseconds."""
    return host[-1:].isdigit() or ":" in host or host.endswith("localhost")


def host_is_constant(rules: Rules, host: str) -> bool:
    """True when neither path nor method can change what is decided about this host and a port."""
    routes = (r for r in rules.routes if any(matches(pattern, host) for pattern in r.hosts))
    return all(route.is_for_whole_host for route in routes)


def problem(refusal: Refuse, host: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the answer to a refused request (RFC 9457)."""
    document = {
        "type": f"urn:esr:refused:{refusal.rule.partition('[')[0]}",
        "title": "Refused by the switchboard",
        "status": refusal.status,
        "detail": refusal.reason,
        "rule": refusal.rule,
        "host": _shown(host),
    }
    body = json.dumps(document).encode()
    headers = [
        ("content-type", "application/problem+json"),
        ("content-length", str(len(body))),
        ("x-esr-refused", refusal.rule),
        ("x-esr-env", "sandbox"),
        ("cache-control", "no-store"),
    ]
    return refusal.status, headers, body


def _shown(text: str) -> str:
    """A hostile authority fit for a report: no user information, no control characters."""
    return ascii(text.rpartition("@")[2][:100])[1:-1]
