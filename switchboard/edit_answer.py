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
from switchboard.decide import (
    LONGEST_AUTHORITY,
    Ask,
    Forward,
    Refuse,
    is_under,
    parse_authority,
    refuse,
    why_denied,
)
from switchboard.edit_request import host_of_destination
from switchboard.headers import HOP_BY_HOP, connection_names, is_token
from switchboard.hosts import literal_address, matches
from switchboard.rules import Rules

# What would bind the client beyond this answer, or offer it a way round the switchboard.
_DROPPED: Final = frozenset(
    {
        "alt-svc",
        "clear-site-data",
        "content-security-policy-report-only",
        "expect-ct",
        "nel",
        "proxy-authenticate",
        "public-key-pins",
        "report-to",
        "reporting-endpoints",
        "set-cookie2",
        "sourcemap",
        "strict-transport-security",
        "x-sourcemap",
    }
)
_LEADING: Final = frozenset({"location", "refresh"})
"""Clients follow them by themselves."""
_POLICY: Final = "content-security-policy"
_SPECIAL: Final = _LEADING | {"content-location", _POLICY, "link", "set-cookie"}
_URL: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?//([^/?#\\\s\"'<>]*)([^\s\"'<>]*)")
_REFRESH: Final = re.compile(
    r"([\s0-9.]*[;,\s]\s*(?:url\s*=\s*)?)(['\"]?)(.*?)(['\"]?)", re.IGNORECASE | re.DOTALL
)
_REPORTS: Final = re.compile(r"\s*report-(?:uri|to)\b", re.IGNORECASE)
_LINK: Final = re.compile(r"<([^>]*)>")
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
        if low in _SPECIAL:
            edited = _edit_special(low, value, ask, forward, rules)
            if isinstance(edited, Refuse):
                return edited
            if not edited:
                continue
            value = edited
        out.append((name, value))
    out.append(("x-esr-env", "sandbox"))
    return out


def _edit_special(low: str, value: str, ask: Ask, forward: Forward, rules: Rules) -> str | Refuse:
    """A header that names a place or sets a cookie; "" is one that the client does not get."""
    if low == "set-cookie":
        return set_cookie(value, are_marked=rules.cookies == "sandbox") or ""
    if low == _POLICY:
        return _without_reports(value)
    if low == "link":
        return _map_links(value, ask, forward, rules) or ""
    if low == "refresh":
        place = _map_refresh(value, ask, forward, rules)
    else:
        place = map_place(value, ask, forward, rules)
    if place is None and low in _LEADING:
        return refuse("redirect", shown_place(value))
    return place or ""


def _without_reports(policy: str) -> str:
    """A policy that holds, and tells nobody elsewhere when it is broken."""
    kept = (part for part in policy.split(";") if not _REPORTS.match(part))
    return ";".join(kept).strip(" ;")


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
    if is_own(authority, forward, ask):
        asked = authority_of(ask.scheme, ask.host, ask.port)
        return f"{client_scheme(scheme, ask)}//{asked}{_map_path(rest, forward)}"
    if not is_routed(authority, scheme, rules):
        return None
    return f"{scheme + ':' if scheme else ''}//{authority}{rest}"


def client_scheme(scheme: str, ask: Ask) -> str:
    """`https:` where the sandbox said `http:` and the client speaks TLS; "" stays ""."""
    if not scheme:
        return ""
    plain = "ws" if scheme.startswith("ws") else "http"
    return f"{plain}s:" if ask.scheme == "https" else f"{plain}:"


def is_own(authority: str, forward: Forward, ask: Ask) -> bool:
    """True when the sandbox speaks of itself: its address, or the Host it was asked under."""
    if authority.lower() == host_of_destination(ask, forward).lower():
        return True
    if len(authority) > LONGEST_AUTHORITY:
        return False
    where = parse_authority(authority, forward.to.scheme)
    if isinstance(where, Refuse) or where[1] != forward.to.port:
        return False
    return str(literal_address(where[0])) == forward.to.address


def is_routed(authority: str, scheme: str, rules: Rules) -> bool:
    """True when some route takes the host and no rule denies it."""
    if len(authority) > LONGEST_AUTHORITY:
        return False
    where = parse_authority(authority, "https" if scheme in ("https", "wss") else "http")
    if isinstance(where, Refuse):
        return False
    host = where[0]
    if why_denied(rules, host) is not None:
        return False
    return any(matches(pattern, host) for route in rules.routes for pattern in route.hosts)


def _map_path(path: str, forward: Forward) -> str:
    """The client's path for a path of the sandbox: the route's prefix swap, undone."""
    edits = forward.route.edits
    bare = path.partition("?")[0].partition("#")[0]
    if edits.prefix and is_under(bare, edits.prefix):
        # What is left must not read as a host: `/sandbox//prod.example`.
        path = "/" + path.removeprefix(edits.prefix).lstrip("/")
    if edits.strip_prefix and path.startswith("/") and not is_under(bare, edits.strip_prefix):
        path = edits.strip_prefix + path
    return path


def _map_refresh(value: str, ask: Ask, forward: Forward, rules: Rules) -> str | None:
    """`5; url=...` with its place mapped; None when it leads nowhere."""
    if not value.strip(" \t0123456789.;,"):
        return value
    parts = _REFRESH.fullmatch(value)
    place = map_place(parts[3], ask, forward, rules) if parts is not None else None
    return None if parts is None or place is None else f"{parts[1]}{parts[2]}{place}{parts[4]}"


def _map_links(value: str, ask: Ask, forward: Forward, rules: Rules) -> str | None:
    """`<...>; rel=next, <...>` with every place mapped; None when one of them leads nowhere."""
    if "//" in _LINK.sub("", value):
        return None  # whoever reads a place there may read it in another way than we do
    places = [map_place(place, ask, forward, rules) for place in _LINK.findall(value)]
    if any(place is None for place in places):
        return None
    mapped = iter(places)
    return _LINK.sub(lambda _: f"<{next(mapped)}>", value)


def shown_place(value: str) -> str:
    """Where a hostile answer leads, fit for a report: no path, no query, no user information."""
    found = _URL.search(value)
    place = found[2].rpartition("@")[2] if found is not None else value.partition("?")[0]
    return ascii(place[:80])[1:-1]
