"""What is shown of a request that was kept: everything but its secrets.

Names and shapes of secrets are those of `switchboard/credentials.py`. A body that is JSON or a form
keeps its shape, with the secret values replaced; of any other body, such as one whose end was cut
off, nothing is shown when it names a secret. Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from stubs.journal import BODY_BYTES, Entry
from switchboard.credentials import (
    has_secret_shape,
    is_secret_name,
    names_secret,
    safe_target,
    safe_value,
)
from switchboard.headers import HOP_BY_HOP

MASKED: Final = "(masked)"
_DEEPEST: Final = 30
"""A body may nest a thousand lists; nobody reads further than this."""
# Dropped on the way to a tape or a sandbox, and no secrets.
_OPEN_NAMES: Final = (HOP_BY_HOP | {"host"}) - {"proxy-authorization", "proxy-authenticate"}
_ESR_NAMES: Final = frozenset(
    f"x-esr-{each}" for each in ("service", "user", "run", "request", "due", "attempt", "tenant")
)
_NAMING_KEYS: Final = frozenset({"field", "header", "id", "k", "key", "name", "property"})
_VALUE_KEYS: Final = frozenset({"content", "data", "text", "v", "val", "value", "values"})


def entry_mapping(entry: Entry) -> dict[str, Any]:
    """An entry as JSON values, without its secrets."""
    return {
        "number": entry.number,
        "at_ms": round(entry.at_ms, 3),
        "unix_ms": entry.wall_ns // 1_000_000,
        "service": entry.service,
        "route": entry.route,
        "method": entry.method,
        "target": shown_target(entry.target),
        "status": entry.status,
        "ending": entry.ending,
        "wait_ms": round(entry.wait_ms, 3),
        "request_id": f"{entry.request_id:x}",
        "attempt": entry.attempt,
        "faults": list(entry.faults),
        **({"note": entry.note} if entry.note else {}),
        "headers": shown_headers(entry.headers),
        "body": shown_body(entry.body, entry.headers.get(b"content-type", b"").decode("latin-1")),
        "body_bytes": entry.body_bytes,
        "body_is_cut": entry.body_bytes > BODY_BYTES,
    }


def shown_target(target: str) -> str:
    """A path and query; secret values of the query read `sandbox`."""
    return safe_target(target)


def shown_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Every name, and the values of those that hold no secret."""
    pairs = ((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers.items())
    return {name: _shown_value(name, value) for name, value in pairs}


def shown_body(body: bytes, content_type: str) -> Any:
    """A JSON value for JSON, a text for any other body; `MASKED` where it names a secret."""
    if not body:
        return None
    try:
        return _masked(orjson.loads(body), 0)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace")
    if "x-www-form-urlencoded" in content_type.lower():
        form = safe_target(f"?{text}")[1:]
        return MASKED if has_secret_shape(form) else form
    return MASKED if names_secret(text) or has_secret_shape(text) else text


def masked_mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping of settings with whatever is called a secret masked."""
    masked = _masked(dict(value), 0)
    return masked if isinstance(masked, dict) else {}


def _shown_value(name: str, value: str) -> str:
    low = name.lower()
    if low in _OPEN_NAMES or low in _ESR_NAMES:
        return MASKED if has_secret_shape(value) else value
    safe = safe_value(name, value)
    return MASKED if safe is None else safe


def _masked(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str):
        return MASKED if _tells_secret(value) else value
    if isinstance(value, list | tuple):
        return [_masked(each, depth + 1) for each in value]
    if not isinstance(value, dict):
        return value
    # {"name": "password", "value": "..."}
    is_pair = any(
        isinstance(named, str) and key.lower() in _NAMING_KEYS and is_secret_name(named)
        for key, named in value.items()
    )
    return {
        (MASKED if has_secret_shape(key) else key): _blank(inside)
        if is_secret_name(key) or (is_pair and key.lower() in _VALUE_KEYS)
        else _masked(inside, depth + 1)
        for key, inside in value.items()
    }


def _tells_secret(text: str) -> bool:
    return has_secret_shape(text) or names_secret(text) or safe_target(f"?{text}") != f"?{text}"


def _blank(value: Any) -> Any:
    """Yes, no and null are no secrets."""
    return value if value is None or isinstance(value, bool) else MASKED
