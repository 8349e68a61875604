"""What would become of a request, and which rule says so: the same decision as at a door, told.

Floor 0, pure. Nothing is sent, and nothing secret is told: of what a client sends only names, of
what is injected only where it comes from. Read next: `decide.py`, which it asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from switchboard.credentials import safe_target
from switchboard.curl import HIDDEN, CurlRequest
from switchboard.decide import (
    Ask,
    Decision,
    Forward,
    FromStub,
    Refuse,
    ask_of,
    decide,
    refuse,
    why_missed,
)
from switchboard.edit_request import edit_request
from switchboard.hosts import literal_address, matches, parse_host
from switchboard.rules import Mode, Route, Rules

LineOf = Callable[[str], int | None]
Header = tuple[str, str | None]
"""A name and a value; None is a secret."""

_SOCKETS: Final = {"ws": "http", "wss": "https"}
_PARTS: Final = re.compile(r"([&;#])")
_MISSED: Final = {
    "unmapped-port": "it takes other ports",
    "unmapped-path": "it takes other paths",
    "unmapped-method": "it takes other methods",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A rule that was looked at before the one that decided."""

    rule: str
    line: int | None
    why: str
    """Why it did not take the request."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen, in values that are fit to be shown."""

    decision: Decision
    mode: Mode
    source: str
    """The rules file."""
    request: str
    """`GET https://api.hms.example/x?token=(hidden)`."""
    line: int | None
    """Of the rule that decided."""
    looked: tuple[Looked, ...] = ()
    destination: str | None = None
    target_before: str | None = None
    target_after: str | None = None
    dropped: tuple[str, ...] = ()
    """Names of headers of the client that do not go on as they are."""
    added: tuple[Header, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_refused(self) -> bool:
        return isinstance(self.decision, Refuse)

    @property
    def rule(self) -> str:
        return self.decision.rule

    @property
    def where(self) -> str:
        """The rule with its file and line, where it has one: `routes[0] (switchboard.yml:3)`."""
        return self.rule if self.line is None else f"{self.rule} ({self.source}:{self.line})"

    @property
    def sentence(self) -> str:
        """The decision in plain words."""
        if isinstance(self.decision, Refuse):
            return (
                f"refused with {self.decision.status} by {self.where}: {self.decision.reason}; "
                "nothing would be dialled"
            )
        if isinstance(self.decision, FromStub):
            return f"answered in place by the stub {self.decision.stub}, by {self.where}"
        if self.decision.is_live:
            return f"LIVE: passed untouched to {self.destination}, by {self.where}"
        return f"forwarded to the sandbox: {self.destination}, by {self.where}"

    def to_json(self) -> dict[str, Any]:
        refused = self.decision if isinstance(self.decision, Refuse) else None
        return {
            "decision": _word_of(self.decision),
            "rule": self.rule,
            "source": self.source,
            "line": self.line,
            "sentence": self.sentence,
            "mode": self.mode,
            "request": self.request,
            "reason": refused.reason if refused else None,
            "status": refused.status if refused else None,
            "destination": self.destination,
            "target_before": self.target_before,
            "target_after": self.target_after,
            "headers_dropped": list(self.dropped),
            "headers_added": [
                {"name": name, "value": value, "secret": value is None}
                for name, value in self.added
            ],
            "looked_at": [
                {"rule": each.rule, "line": each.line, "why": each.why} for each in self.looked
            ],
            "notes": list(self.notes),
        }


def explain(
    request: CurlRequest,
    rules: Rules,
    mode: Mode,
    *,
    line_of: LineOf,
    server_name: str | None = None,
) -> Explanation:
    """What a door would do with the request.

    line_of: the line of a path like `deny.hosts[0]` in the rules file.
    server_name: what TLS was asked for, where that is not the host of the URL.
    """
    scheme, authority, target = _split(request.url)
    target = target if request.target is None else request.target
    notes = [*(f"curl would dial elsewhere: {option}; the switchboard would never see it"
               for option in request.elsewhere), *request.notes]  # fmt: skip
    hosts = [value for name, value in request.headers if name.lower() == "host"]
    if hosts and hosts[0].lower() != authority.lower():
        notes.append(
            "the URL and the Host header disagree: the gateway goes by Host, "
            "esr proxy refuses it (host-mismatch)"
        )
    ask = _ask(request, scheme, hosts, authority, target, server_name)
    decision = ask if isinstance(ask, Refuse) else decide(rules, mode, ask)
    shown = f"{request.method} {scheme}://{_bare(authority)}{hidden_target(target)}"
    told = Explanation(
        decision, mode, rules.source, _printable(shown), _line(decision.rule, line_of)
    )
    extra: dict[str, Any] = {"notes": tuple(map(_printable, notes))}
    if not isinstance(ask, Refuse):
        extra["looked"] = tuple(_looked(rules, ask, decision, line_of))
        extra["target_before"] = hidden_target(ask.target)
        extra.update(_edits(request.headers, rules, ask, decision))
    return replace(told, **extra)


def request_of_url(url: str, method: str = "GET") -> CurlRequest:
    """A URL alone, as somebody pastes one."""
    return CurlRequest(method, url, (), has_body=False)


def hidden_target(target: str) -> str:
    """The target with `(hidden)` where a secret stands in it."""
    pieces = zip(target.partition("?"), safe_target(target).partition("?"), strict=True)
    return "".join(_hidden_piece(before, after) for before, after in pieces)


def _hidden_piece(before: str, after: str) -> str:
    old, new = _PARTS.split(before), _PARTS.split(after)
    if len(old) != len(new):  # a secret in the path that holds a separator
        return after
    pairs = zip(old, new, strict=True)
    return "".join(was if was == now else _hidden(now) for was, now in pairs)


def _hidden(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}{equals}{HIDDEN}" if equals else part


def _ask(
    request: CurlRequest,
    scheme: str,
    hosts: Sequence[str],
    authority: str,
    target: str,
    server_name: str | None,
) -> Ask | Refuse:
    if len(hosts) > 1:
        return refuse("bad-request", "it has several Host headers")
    # Whatever stands in the URL is refused as strictly as what stands in Host.
    asked = ask_of(_SOCKETS.get(scheme, scheme), authority, request.method, target)
    if isinstance(asked, Refuse):
        return asked
    if hosts:
        asked = ask_of(asked.scheme, hosts[0], request.method, target)
    if not isinstance(asked, Refuse) and server_name is not None:
        return asked if _is_host(server_name, asked.host) else refuse("host-mismatch")
    return asked


def _is_host(server_name: str, host: str) -> bool:
    try:
        return parse_host(server_name) == host
    except ValueError:
        return False


def _looked(rules: Rules, ask: Ask, decision: Decision, line_of: LineOf) -> list[Looked]:
    """The rules in the order in which they are asked, up to the one that decided."""
    looked: list[Looked] = []
    for rule, why in _misses(rules, ask):
        if rule == decision.rule.removesuffix(".live"):
            break
        looked.append(Looked(rule, _line(rule, line_of), why or "it names no live upstream"))
    return looked


def _misses(rules: Rules, ask: Ask) -> list[tuple[str, str | None]]:
    """Each rule with why it does not take the request; None for one that does."""
    address = literal_address(ask.host)
    found: list[tuple[str, str | None]] = [
        (f"deny.hosts[{at}]", None if matches(pattern, ask.host) else _is_not(ask.host, (pattern,)))
        for at, pattern in enumerate(rules.deny_hosts)
    ]
    found += [
        (
            f"deny.networks[{at}]",
            f"{ask.host} is a name, and names are not resolved"
            if address is None
            else f"{address} does not lie in {network}",
        )
        for at, network in enumerate(rules.deny_networks)
    ]
    for route in rules.routes:
        why = _why_not(route, ask)
        found.append((route.rule, why))
        if why is None:
            break
    return found


def _why_not(route: Route, ask: Ask) -> str | None:
    if not any(matches(pattern, ask.host) for pattern in route.hosts):
        return _is_not(ask.host, route.hosts)
    missed = why_missed(route, ask)
    if missed is None:
        return None
    takes = {
        "unmapped-port": ", ".join(map(str, sorted(route.ports))),
        "unmapped-path": route.path,
        "unmapped-method": ", ".join(sorted(route.methods)),
    }
    return f"{_MISSED[missed]}: {takes[missed]}"


def _is_not(host: str, patterns: Sequence[str]) -> str:
    named = ", ".join(patterns[:4]) + (", ..." if len(patterns) > 4 else "")
    return f"{host} is not {named}"


def _edits(
    headers: Sequence[tuple[str, str]], rules: Rules, ask: Ask, decision: Decision
) -> dict[str, Any]:
    """Where it would go, and what it would be made into."""
    if not isinstance(decision, Forward):
        return {}
    # A stand-in for every secret: the real ones are not needed to say what would happen.
    secrets = {each.secret_name: HIDDEN for each in rules.injections}
    out = edit_request(ask, decision, headers, rules, secrets)
    injected = {
        each.header.lower() for each in rules.injections if each.upstream == decision.to.name
    }
    private = injected | {"cookie"}
    given, left = set(headers), set(out.headers)
    to = decision.to
    return {
        "destination": f"{to.name} at {to.scheme}://{to.authority}",
        "target_after": hidden_target(out.target),
        "dropped": tuple(
            dict.fromkeys(
                name for name, value in headers
                if (name, value) not in left and name.lower() != "host"
            )
        ),
        "added": tuple(
            (name, None if name.lower() in private else value)
            for name, value in out.headers
            if (name, value) not in given
        ),
    }  # fmt: skip


def _split(url: str) -> tuple[str, str, str]:
    """Scheme, authority and target exactly as written, for somebody stricter to judge."""
    scheme, _, rest = url.partition("://")
    cut = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    target = rest[cut:].partition("#")[0]
    return scheme.lower(), rest[:cut], target if target.startswith("/") else f"/{target}"


def _line(rule: str, line_of: LineOf) -> int | None:
    is_placed = "[" in rule or rule.startswith("environment.")
    return line_of(rule) if is_placed else None


def _word_of(decision: Decision) -> str:
    if isinstance(decision, Refuse):
        return "refuse"
    if isinstance(decision, FromStub):
        return "stub"
    return "live" if decision.is_live else "forward"


def _bare(authority: str) -> str:
    return authority.rpartition("@")[2]


def _printable(text: str) -> str:
    return ascii(text[:2_000])[1:-1] if not text.isprintable() or not text.isascii() else text
