"""What of a recorded body may be kept: secrets are replaced, or the whole body is left out.

Floor 1, pure. In forms and JSON the values of secret names read `sandbox` afterwards, as they do in
a query; in anything else a name or a shape that looks like a secret costs the whole body, and so
does a compression that cannot be looked into. When in doubt it is left out: a replay can miss a
body, a secret on a disk cannot be called back.
Read next: `switchboard/credentials.py` (names and shapes), `recording.py`.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final, NamedTuple

from switchboard.credentials import REPLACED, has_secret_shape, is_secret_param, safe_target

TOO_LONG: Final = "too long"
SECRET: Final = "secret"  # noqa: S105  # why a body was left out
ENCODED: Final = "encoded"
NOT_CAPTURED: Final = "not captured"

_MAX_PLAIN_BYTES: Final = 4 * 1024 * 1024
_HARMLESS_NAMES: Final = frozenset({"code", "key", "ticket"})
"""In a query they hold credentials; in JSON they are everybody's words."""
_HINTS: Final = (
    b"apikey", b"api_key", b"api-key", b"assertion", b"auth", b"cookie", b"credential", b"csrf",
    b"hmac", b"jwt", b"otp", b"pass", b"pin", b"pwd", b"secret", b"session", b"sid", b"sig",
    b"token", b"xsrf", b"_key", b"-key",
)  # fmt: skip
_NAMED: Final = re.compile(
    r"(?:passw|passphrase|pwd|secret|token|csrf|xsrf|jwt|cookie|credential|signature|session"
    r"|api[-_]?key|authorization|hmac|otp|\bpin)"
    r"[\w.-]{0,40}(?:[\"']?\s{0,4}[:=>]|[\"']\r?\n|[\"'] value)",
    re.IGNORECASE,
)


class Judged(NamedTuple):
    """What is kept of a body. `why` is None when that is the body as it was."""

    body: bytes | None
    why: str | None = None


def judge_body(body: bytes, content_type: str, encoding: str) -> Judged:
    """What may be kept of a body with these two headers."""
    if not body:
        return Judged(body)
    if encoding.strip().lower() in ("", "identity"):
        return _judge_plain(body, content_type.lower())
    plain = _inflate(body, encoding.strip().lower())
    if plain is None:
        return Judged(None, ENCODED)
    is_clean = _judge_plain(plain, content_type.lower()).why is None
    return Judged(body) if is_clean else Judged(None, SECRET)


def _judge_plain(body: bytes, content_type: str) -> Judged:
    text = body.decode("latin-1")
    if "x-www-form-urlencoded" in content_type:
        safe = safe_target(f"?{text}")[1:].encode("latin-1")
        return Judged(body) if safe == body else Judged(safe, SECRET)
    low = body.lower()
    if any(hint in low for hint in _HINTS):
        if "json" in content_type or body.lstrip()[:1] in (b"{", b"["):
            return _judge_json(body, text)
        if _NAMED.search(text):
            return Judged(None, SECRET)
    return Judged(None, SECRET) if has_secret_shape(text) else Judged(body)


def _judge_json(body: bytes, text: str) -> Judged:
    try:
        value = json.loads(body)
        safe = _scrubbed(value)
        if safe == value:
            return Judged(None, SECRET) if has_secret_shape(text) else Judged(body)
        written = json.dumps(safe, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # several documents, or none, or one that goes too deep
        is_secret = _NAMED.search(text) is not None or has_secret_shape(text)
        return Judged(None, SECRET) if is_secret else Judged(body)
    is_secret = has_secret_shape(written.decode())
    return Judged(None, SECRET) if is_secret else Judged(written, SECRET)


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _blank(inside) if _is_secret_name(name) else _scrubbed(inside)
            for name, inside in value.items()
        }
    return [_scrubbed(each) for each in value] if isinstance(value, list) else value


def _blank(value: Any) -> Any:
    """The same shape with nothing in it; yes, no and null are no secrets."""
    if isinstance(value, dict):
        return {name: _blank(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_blank(each) for each in value]
    return value if value is None or isinstance(value, bool) else REPLACED


def _is_secret_name(name: str) -> bool:
    return name.lower() not in _HARMLESS_NAMES and is_secret_param(name)


def _inflate(body: bytes, encoding: str) -> bytes | None:
    """The body uncompressed; None when it cannot be, or is far too long to look through."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    stream = zlib.decompressobj(47)  # gzip or zlib, whichever it is
    try:
        plain = stream.decompress(body, _MAX_PLAIN_BYTES)
    except zlib.error:
        return None
    return plain if stream.eof and not stream.unused_data else None
