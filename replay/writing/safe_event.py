"""An event without its credentials, as the recorder would have kept it: for what leaves this house.

Pure. Cookies and Authorization go, also the answer's; secret values of a query, a form or JSON read
`sandbox`; a body that cannot be judged, or is one secret, is left out. A tape does this by itself,
an exported log would not.
Read next: `switchboard/credentials.py`, `switchboard/scrub.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from switchboard.credentials import has_secret_shape, safe_headers, safe_target
from switchboard.event import Event
from switchboard.scrub import judge_body

Pairs = tuple[tuple[str, str], ...]


def safe_event(event: Event) -> Event:
    """The event as it may be written down; equal to what was given when there was no secret."""
    return event._replace(
        url=_safe_url(event.url),
        user=_safe_name(event.user),
        session=_safe_name(event.session),
        service=_safe_name(event.service),
        headers=tuple(safe_headers(event.headers)),
        body=_safe_body(event.body, event.headers) or b"",
        response_headers=tuple(safe_headers(event.response_headers)),
        response_body=_safe_body(event.response_body, event.response_headers),
        extra=_safe_extra(event.extra),
    )


def _safe_url(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if url[:1] in ("/", "*") or not mark:
        return safe_target(url)
    cut = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    authority = rest[:cut].rpartition("@")[2]
    return f"{scheme}://{authority}{safe_target(rest[cut:])}"


def _safe_name(name: str | None) -> str | None:
    """A token that somebody is told apart by still tells apart, and is none any more."""
    if name is None or not has_secret_shape(name):
        return name
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _safe_body(body: bytes | None, headers: Pairs) -> bytes | None:
    if not body:
        return body
    return judge_body(body, _value(headers, "content-type"), _value(headers, "content-encoding"))[0]


def _safe_extra(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keys that nobody knows, judged as a body of JSON would be."""
    if not extra:
        return extra
    try:
        text = json.dumps(dict(extra)).encode()
        kept = judge_body(text, "application/json", "").body
        value = json.loads(kept) if kept is not None else {}
    except (TypeError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _value(headers: Pairs, name: str) -> str:
    return ",".join(value for each, value in headers if each.lower() == name)
