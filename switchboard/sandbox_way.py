"""What the middleware makes of a request in sandbox mode, and of the answer to it.

Floor 0, pure. The request gets the prefix (`/users` becomes `/sandbox/users`) or goes to another
application under its own path; either way without credentials and with the tags. It reuses the
decisions of the gateway: for it, the application is a destination that is asked under the very
host that the client asked for. Read next: `decide.py`, `edit_request.py`, `edit_answer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from switchboard.decide import (
    Ask,
    Forward,
    Refuse,
    ask_of,
    decide,
    is_under,
    refuse,
    why_bad_target,
)
from switchboard.edit_answer import edit_answer
from switchboard.edit_request import edit_request
from switchboard.headers import HOP_BY_HOP, is_label, is_value
from switchboard.rules import NO_EDITS, SANDBOX, Destination, Edits, Pairs, Route, Rules

APP: Final = "app"
"""The name of the only destination there is: the application behind the middleware."""
NO_RULES_FILE: Final = "no rules"
_PATH_SAFE: Final = "/:@!$&'()*+,;=~-._"
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# The server's own business on the way in, which no credential hides in.
_FRAMING: Final = HOP_BY_HOP - {"proxy-connection"} | {"sec-websocket-key"}
_PROTO: Final = "x-forwarded-proto"


@dataclass(slots=True)
class Incoming:
    """A request as a server hands it over; not to be changed."""

    scheme: str
    method: str
    root: bytes
    """Where the application is mounted, percent-decoded: what its own paths come after."""
    path: bytes
    """The rest of the path, percent-decoded."""
    raw: str | None
    """The whole path as it was sent, with the mount; None when the server does not tell."""
    query: str
    headers: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Entered:
    """A request that may go on, and as what; not to be changed."""

    ask: Ask
    forward: Forward
    path: bytes
    """Percent-decoded, without the mount."""
    raw: str
    """With the mount, percent-encoded."""
    query: str
    headers: list[tuple[str, str]]


class SandboxWay:
    """The way of one middleware, decided by its rules. Without any, every plain host passes."""

    def __init__(self, prefix: str, rules: Rules | None, tags: Mapping[str, str]) -> None:
        self._prefix = parse_prefix(prefix)
        self._has_routes = rules is not None
        self._rules = tagged(rules or Rules((), NO_RULES_FILE), tags)
        self._forwards: dict[str, tuple[Forward, Forward]] = {}

    def enter(self, incoming: Incoming) -> Entered | Refuse:
        """What the application gets to see instead, or why it gets nothing."""
        if incoming.method == "CONNECT":
            return refuse("not-plain-http", "CONNECT")
        scheme = _SCHEMES.get(incoming.scheme, incoming.scheme)
        mount = quote(incoming.root, safe=_PATH_SAFE)
        raw = self._raw_path(incoming, mount)
        why = why_bad_target(quote(incoming.root + incoming.path, safe=_PATH_SAFE) or "/")
        if why is not None:  # what was sent and what the server made of it may differ
            return refuse("bad-target", why)
        query = f"?{incoming.query}" if incoming.query else ""
        host = _only_host(incoming.headers)
        ask = ask_of(scheme, host, incoming.method, f"{raw or '/'}{query}")
        if isinstance(ask, Refuse):
            return ask
        if ask.target == "*":
            return refuse("bad-target", "* names no path")
        chosen = self._choose(ask, incoming.path, raw.removeprefix(mount))
        if isinstance(chosen, Refuse):
            return chosen
        inner = Ask(scheme, ask.host, ask.port, ask.method, f"{raw.removeprefix(mount)}{query}")
        out = edit_request(inner, chosen, incoming.headers, self._rules, {})
        path, _, new_query = out.target.partition("?")
        headers = [*self._framing(incoming.headers), *out.headers]
        return Entered(ask, chosen, unquote_to_bytes(path), mount + path, new_query, headers)

    def answer(
        self, entered: Entered, headers: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]] | Refuse:
        """The headers of the application's answer as the client gets them."""
        edited = edit_answer(entered.ask, entered.forward, headers, self._rules)
        if isinstance(edited, Refuse):
            return edited
        framing = [pair for pair in headers if pair[0].lower() in HOP_BY_HOP]
        run = [("x-esr-run", self._rules.run)] if self._rules.run else []
        return [*framing, *edited, *run]

    def _raw_path(self, incoming: Incoming, mount: str) -> str:
        """The path as it was sent, where that is the very path that the server read in it."""
        raw = incoming.raw
        whole = incoming.root + incoming.path
        if raw is not None:
            if raw.startswith(mount) and unquote_to_bytes(raw) == whole:
                return raw
            if why_bad_target(raw) is not None:
                return raw  # and it is refused for it
        return quote(whole, safe=_PATH_SAFE)

    def _choose(self, ask: Ask, path: bytes, raw: str) -> Forward | Refuse:
        rule, edits = NO_RULES_FILE, NO_EDITS
        if self._has_routes:
            decision = decide(self._rules, SANDBOX, ask)
            if isinstance(decision, Refuse):
                return decision
            rule, edits = decision.rule, decision.route.edits
        known = self._forwards.get(rule)
        if known is None:
            edits = replace(edits, strip_prefix="", prefix=self._prefix)
            known = _to_app(rule, edits), _to_app(rule, replace(edits, prefix=""))
            self._forwards[rule] = known
        if not self._prefix or not is_under(path.decode("latin-1"), self._prefix):
            return known[0]
        # It carries the prefix already, as links in pages of the sandbox do: it has arrived.
        if not is_under(raw, self._prefix):
            return refuse("bad-target", f"{self._prefix} is written in disguise")
        return known[1]

    def _framing(self, headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        kept = self._rules.keep.headers
        return [
            (name, value)
            for name, value in headers
            if (low := name.lower()) in _FRAMING
            or (low == _PROTO and low not in kept and value in ("http", "https"))
        ]


def parse_prefix(text: str) -> str:
    """`/sandbox`, or "" where another application takes over. Raises ValueError."""
    prefix = text.rstrip("/")
    if text and (not prefix or why_bad_target(prefix) or "%" in prefix or "?" in prefix):
        raise ValueError(f"the prefix must be plain segments such as /sandbox, not {text!r}")
    return prefix


def tagged(rules: Rules, tags: Mapping[str, str]) -> Rules:
    """The rules with the run (under `run`) and labels of these tags. Raises ValueError."""
    run = tags.get("run", rules.run)
    labels = dict(rules.labels)
    for name, value in tags.items():
        if not is_label(name) or not is_value(value) or len(value) > 200:
            raise ValueError(f"the tag {name!r} must be a plain name with a short plain value")
        if name != "run":
            labels[name.lower()] = value
    if run is not None and not is_label(run):
        raise ValueError("the tag 'run' must be letters, digits, dots and dashes")
    pairs: Pairs = tuple(labels.items())
    return replace(rules, run=run, labels=pairs)


def _to_app(rule: str, edits: Edits) -> Forward:
    to = Destination(APP, "127.0.0.1", 0, host_header="{host}")
    return Forward(Route(rule, ("*",), to=to, edits=edits), to, rule)


def _only_host(headers: Sequence[tuple[str, str]]) -> str:
    """The Host; two of them could be read in two ways, and are joined to what is no host."""
    return ",".join([value for name, value in headers if name.lower() == "host"])
