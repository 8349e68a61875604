"""What a request becomes for the destination it is forwarded to: rebuilt, never passed through.

Floor 0, pure. Credentials of the client go out first, by the same rules that keep them off a tape
(`credentials.py`); then the route's edits, the destination's own credentials and the tags go in.
The framing (content-length, transfer-encoding, connection, upgrade) is the door's to write.
Read next: `edit_answer.py`, the way back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote_plus

from switchboard.base_url import authority_of
from switchboard.cookies import cookie_header
from switchboard.credentials import has_secret_shape, safe_headers, safe_target, safe_value
from switchboard.decide import Ask, Forward, is_under
from switchboard.headers import HOP_BY_HOP, connection_names, is_label, is_token, is_value
from switchboard.routes import service_of
from switchboard.rules import Edits, Rules

HOP: Final = "x-esr-hop"
MOST_HOPS: Final = 20
_REQUEST_ID: Final = re.compile(r"[0-9a-fA-F]{1,16}")
_FROM_INJECTOR: Final = ("x-esr-request", "x-esr-run", "x-esr-service")


class MissingSecretError(ValueError):
    """An injected credential has no value; the message names its source, never what is in it."""


@dataclass(slots=True)
class Outgoing:
    """The request line's target and the headers to send, framing left out; not to be changed."""

    target: str
    headers: list[tuple[str, str]] = field(repr=False)


def edit_request(
    ask: Ask,
    forward: Forward,
    headers: Sequence[tuple[str, str]],
    rules: Rules,
    secrets: Mapping[str, str],
    hop: str = "",
) -> Outgoing:
    """The request as the destination gets it. Raises MissingSecretError.

    hop: the name of this door, by which a request that comes back is known.
    """
    if forward.is_live:
        return Outgoing(ask.target, untouched(headers))
    edits = forward.route.edits
    kept = kept_headers(headers, rules, edits)
    cookie = cookie_header(
        [value for name, value in headers if name.lower() == "cookie"],
        are_marked=rules.cookies == "sandbox",
        keep=rules.keep.cookies,
        drop=edits.drop_cookies,
        add=edits.set_cookies,
    )
    if cookie:
        kept.append(("cookie", cookie))
    own = own_headers(ask, forward, rules, secrets)
    ours = {name.lower() for name, _ in own}
    added = [pair for pair in edits.set_headers if pair[0].lower() not in ours]
    ours.update(name.lower() for name, _ in added)
    out = [pair for pair in kept if pair[0].lower() not in ours]
    tags = injector_tags(headers, rules, ask)
    hops = hop_header(headers, hop) if hop else []
    return Outgoing(edit_target(ask.target, rules, edits), [*own, *out, *added, *tags, *hops])


def untouched(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """All headers but those that end at this hop, and cookies and all else as they came.

    A `Connection: host` does not make the host a matter of one hop.
    """
    hop = connection_names(headers) - {"host"} | HOP_BY_HOP
    return [(name, value) for name, value in headers if name.lower() not in hop]


def kept_headers(
    headers: Sequence[tuple[str, str]], rules: Rules, edits: Edits
) -> list[tuple[str, str]]:
    """The client's headers that pass: no credential, nothing of this hop, nothing dropped."""
    keep = rules.keep.headers
    if keep:
        named = connection_names(headers)
        passed = [
            (name, kept)
            for name, value in headers
            if (kept := _kept_value(name, value, keep)) is not None and name.lower() not in named
        ]
    else:
        passed = safe_headers(headers)
    drop = edits.drop_headers
    return [pair for pair in passed if pair[0].lower() not in drop] if drop else passed


def _kept_value(name: str, value: str, keep: frozenset[str]) -> str | None:
    if name.lower() in keep:
        return value.strip(" \t") if is_token(name) and is_value(value) else None
    return safe_value(name, value)


def own_headers(
    ask: Ask, forward: Forward, rules: Rules, secrets: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Host, the destination's credentials and the tags: the same for all requests to one host."""
    injected = [
        (each.header, each.prefix + _secret(secrets, each.secret_name))
        for each in rules.injections
        if each.upstream == forward.to.name
    ]
    return [
        ("Host", host_of_destination(ask, forward)),
        *injected,
        ("x-esr-env", "sandbox"),
        *((f"x-esr-label-{name}", value) for name, value in rules.labels),
    ]


def host_of_destination(ask: Ask, forward: Forward) -> str:
    """The Host header that the destination is asked under."""
    asked = authority_of(ask.scheme, ask.host, ask.port)
    host = forward.to.host_header or forward.to.authority
    return host.replace("{service}", service_of(asked)).replace("{host}", asked)


def _secret(secrets: Mapping[str, str], name: str) -> str:
    value = secrets.get(name, "").strip()
    if not value or not is_value(value):
        raise MissingSecretError(f"the credential from {name} is missing or fits no header")
    return value


def injector_tags(
    headers: Iterable[tuple[str, str]], rules: Rules, ask: Ask
) -> list[tuple[str, str]]:
    """Run, service and request number: the injector's where it is one, so that stubs agree.

    Nothing else that starts with `x-esr-` passes, and nothing that is no plain label.
    """
    given = {low: value for name, value in headers if (low := name.lower()) in _FROM_INJECTOR}
    run = rules.run or given.get("x-esr-run", "")
    service = given.get("x-esr-service", "")
    if not _is_tag(service):
        service = service_of(authority_of(ask.scheme, ask.host, ask.port))
    tags = [("x-esr-service", service)]
    if _is_tag(run):
        tags.append(("x-esr-run", run))
    number = given.get("x-esr-request", "")
    if _REQUEST_ID.fullmatch(number):
        tags.append(("x-esr-request", number))
    return tags


def _is_tag(text: str) -> bool:
    """A plain label, and none that somebody hides a key in."""
    return is_label(text) and not has_secret_shape(text)


def hop_header(headers: Iterable[tuple[str, str]], hop: str) -> list[tuple[str, str]]:
    """This door's name after those of the doors before it, the newest last."""
    values = [value for name, value in headers if name.lower() == HOP]
    if not values:
        return [(HOP, hop)]
    before = [part.strip() for value in values for part in value.split(",")]
    return [(HOP, ", ".join([*filter(_is_tag, before[-MOST_HOPS:]), hop]))]


def is_loop(headers: Iterable[tuple[str, str]], hop: str) -> bool:
    """True when the request already went through the door of this name."""
    values = (value for name, value in headers if name.lower() == HOP)
    return any(hop == part.strip() for value in values for part in value.split(","))


def edit_target(target: str, rules: Rules, edits: Edits) -> str:
    """The target to ask the destination for: without secrets, under the route's prefix."""
    if target == "*":
        return target
    path, mark, query = target.partition("?")
    if edits.strip_prefix and is_under(path, edits.strip_prefix):
        path = path.removeprefix(edits.strip_prefix) or "/"
        if path.startswith("//"):  # what is left must not read as a host
            path = "/" + path.lstrip("/")
    path = edits.prefix + safe_target(path)
    if not mark and not edits.set_query:
        return path
    query = _edit_query(query, rules, edits)
    return f"{path}?{query}" if query or mark else path


def _edit_query(query: str, rules: Rules, edits: Edits) -> str:
    if not (edits.set_query or edits.drop_query or rules.keep.query):
        return safe_target(f"?{query}")[1:]
    gone = edits.drop_query | {name for name, _ in edits.set_query}
    parts = []
    for part in query.split("&") if query else []:
        name = unquote_plus(part.partition("=")[0])
        if name in gone:
            continue
        first, semicolon, rest = part.partition(";")  # to some servers it begins another one
        if name.lower() not in rules.keep.query:
            first, semicolon, rest = "", "", part
        parts.append(first + semicolon + safe_target(f"?{rest}")[1:])
    parts += [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in edits.set_query]
    return "&".join(parts)
