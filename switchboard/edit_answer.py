"""What an answer becomes on its way back: it must not lead the client out of the sandbox.

Floor 0, pure. A place that the answer names (`Location`, `Link`, ...) is the sandbox's own address,
which is mapped back to what the client asked; or a host that the rules route, which stays; or
neither, which is no place to go. Read next: `link_mapper.py`, the same for the text of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from switchboard.base_url import authority_of
from switchboard.cookies import set_cookie
from switchboard.decide import Ask, Forward, Refuse, is_under, parse_authority, refuse
from switchboard.headers import HOP_BY_HOP, connection_names, is_token
from switchboard.hosts import matches
from switchboard.rules import Rules

# What would bind the client beyond this answer, or offer it a way round the switchboard.
_DROPPED: Final = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "expect-ct",
        "nel",
        "proxy-authenticate",
        "public-key-pins",
        "report-to",
        "reporting-endpoints",
        "set-cookie2",
        "strict-transport-security",
    }
)
_PLACES: Final = frozenset({"location", "content-location"})
_URL: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?//([^/?#\\\s\"'<>]*)([^\s\"'<>]*)")
_HAS_URL: Final = re.compile(r"//|\\")
_BEFORE_URL: Final = re.compile(r"[\x00-\x20]+")
_VISIBLE: Final = "!\"#$%&'()*+,/:;<=>?@[]^`{|}~"
_SPLITS: Final = re.compile(r"[\r\n\0]")


def edit_answer(
    ask: Ask, forward: Forward, headers: Sequence[tuple[str, str]], rules: Rules
) -> list[tuple[str, str]] | Refuse:
    """The headers of the answer as the client gets them, framing left out; or a refusal.

    In live mode nothing is touched but what ends at this hop.
    """
    hop = connection_names(headers) | HOP_BY_HOP
    if forward.is_live:
        return [pair for pair in headers if pair[0].lower() not in hop]
    out: list[tuple[str, str]] = []
    for name, value in headers:
        low = name.lower()
        if low in hop or low in _DROPPED or not is_token(name) or _SPLITS.search(value):
            continue
        if low.startswith("x-esr-"):
            continue
        if low == "set-cookie":
            cookie = set_cookie(value, are_marked=rules.cookies == "sandbox")
            if cookie is not None:
                out.append((name, cookie))
            continue
        if low in _PLACES:
            place = map_place(value, ask, forward, rules)
            if place is None and low == "location":
                return refuse("redirect", shown_place(value))
            value = place or ""
        elif low in ("link", "refresh") and _HAS_URL.search(value):
            mapped = _map_all(value, ask, forward, rules)
            if mapped is None and low == "refresh":
                return refuse("redirect", shown_place(value))
            value = mapped or ""
        if value or low not in (*_PLACES, "link"):
            out.append((name, value))
    out.append(("x-esr-env", "sandbox"))
    return out


def map_place(value: str, ask: Ask, forward: Forward, rules: Rules) -> str | None:
    """Where a Location leads, in the client's words; None when the rules do not lead there."""
    text = _BEFORE_URL.sub("", value)
    if "\\" in text:
        return None  # browsers read a backslash as a slash
    if not text.isascii():
        text = quote(text.encode("utf-8" if max(text) > "\xff" else "latin-1"), safe=_VISIBLE)
    found = _URL.fullmatch(text)
    if found is None:
        return None if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) else _map_path(text, forward)
    scheme, authority, rest = found[1], found[2], found[3]
    return _map_url((scheme or "").lower(), authority, rest, ask, forward, rules)


def _map_url(
    scheme: str, authority: str, rest: str, ask: Ask, forward: Forward, rules: Rules
) -> str | None:
    if scheme not in ("", "http", "https", "ws", "wss"):
        return None
    if is_own(authority, forward):
        asked = authority_of(ask.scheme, ask.host, ask.port)
        shown = {"ws": "ws", "wss": "ws"}.get(scheme, "http") + (
            "s" if ask.scheme == "https" else ""
        )
        return f"{shown + ':' if scheme else ''}//{asked}{_map_path(rest, forward)}"
    if not is_routed(authority, scheme, rules):
        return None
    return f"{scheme + ':' if scheme else ''}//{authority}{rest}"


def client_scheme(scheme: str, ask: Ask) -> str:
    """`https:` where the sandbox said `http:` and the client speaks TLS; "" stays ""."""
    if not scheme:
        return ""
    plain = "ws" if scheme.startswith("ws") else "http"
    return f"{plain}s:" if ask.scheme == "https" else f"{plain}:"


def is_own(authority: str, forward: Forward) -> bool:
    """True when the sandbox speaks of itself: its address, or the Host it was asked under."""
    low = authority.lower()
    host = (forward.to.host_header or "").lower()
    return low in (forward.to.authority, f"{_bare(forward)}:{forward.to.port}") or (
        bool(host) and "{" not in host and low == host
    )


def _bare(forward: Forward) -> str:
    address = forward.to.address
    return f"[{address}]" if ":" in address else address


def is_routed(authority: str, scheme: str, rules: Rules) -> bool:
    """True when some route takes the host and no rule denies it."""
    where = parse_authority(authority, "https" if scheme in ("https", "wss") else "http")
    if isinstance(where, Refuse):
        return False
    host = where[0]
    if any(matches(pattern, host) for pattern in rules.deny_hosts):
        return False
    return any(matches(pattern, host) for route in rules.routes for pattern in route.hosts)


def _map_path(path: str, forward: Forward) -> str:
    """The client's path for a path of the sandbox: the route's prefix swap, undone."""
    edits = forward.route.edits
    bare = path.partition("?")[0].partition("#")[0]
    if edits.prefix and is_under(bare, edits.prefix):
        path = path.removeprefix(edits.prefix)
        if not path.startswith("/"):
            path = f"/{path}"
    if edits.strip_prefix and path.startswith("/") and not is_under(bare, edits.strip_prefix):
        path = edits.strip_prefix + path
    return path


def _map_all(value: str, ask: Ask, forward: Forward, rules: Rules) -> str | None:
    """The header with every URL in it mapped; None when one of them leads nowhere."""
    if "\\" in value:
        return None
    parts: list[str] = []
    at = 0
    for found in _URL.finditer(value):
        scheme, authority, rest = found[1], found[2], found[3]
        mapped = _map_url((scheme or "").lower(), authority, rest, ask, forward, rules)
        if mapped is None:
            return None
        parts += [value[at : found.start()], mapped]
        at = found.end()
    return "".join([*parts, value[at:]])


def shown_place(value: str) -> str:
    """Where a hostile answer leads, fit for a report: no path, no query, no user information."""
    found = _URL.search(value)
    place = found[2].rpartition("@")[2] if found is not None else value.partition("?")[0]
    return ascii(place[:80])[1:-1]
