"""What of a recorded body may be kept: secrets are replaced, or the whole body is left out.

Floor 0. In forms and JSON the values of secret names read `sandbox` afterwards, as they do in
a query; in anything else a name or a shape that looks like a secret costs the whole body, and so
does a compression that cannot be looked into. When in doubt it is left out: a replay can miss a
body, a secret on a disk cannot be called back.
Read next: `credentials.py` (names and shapes); recorder and exports of logs both ask this.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final, NamedTuple

from switchboard.credentials import (
    REPLACED,
    has_secret_shape,
    is_secret_name,
    names_secret,
    safe_target,
)

TOO_LONG: Final = "too long"
SECRET: Final = "secret"  # noqa: S105  # why a body was left out
ENCODED: Final = "encoded"
NOT_CAPTURED: Final = "not captured"

_MAX_PLAIN_BYTES: Final = 4 * 1024 * 1024
_HINTS: Final = (
    b"apikey", b"assertion", b"auth", b"basic", b"bearer", b"cookie", b"credential", b"csrf",
    b"hmac", b"jwt", b"key", b"negotiate", b"otp", b"pass", b"pin", b"pwd", b"saml", b"secret",
    b"session", b"sid", b"sig", b"token", b"xsrf", b"x-amz-", b"x-goog-", b"\\u", b"://",
)  # fmt: skip
"""A body without any of these names no credential; one with them is looked into."""
_COMPRESSED: Final = (
    b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04", b"\x04\x22\x4d\x18",
    b"7z\xbc\xaf\x27\x1c",
)  # fmt: skip
# `name="password"` in a form or a page, `"key": "password"` in a list of pairs.
_CALLED: Final = re.compile(
    r"\b(?:name|key|field|header|property|type)\\{0,3}[\"']?\s{0,4}[:=]\s{0,4}\\{0,3}[\"']?"
    r"([\w.\[\]-]{1,64})",
    re.IGNORECASE,
)
_IN_PROSE: Final = re.compile(
    r"\b(?:pass(?:code|phrase|wd|word)|pwd|pin)(?:\s+(?:is|was))?\s+(?=\S{0,40}\d)\S{4,}",
    re.IGNORECASE,
)
_ELEMENT: Final = re.compile(r"<(?:[\w.-]{1,32}:)?([A-Za-z_][\w.-]{0,63})(?:\s[^<>]{0,400})?>[^<]")
_NAMING_KEYS: Final = frozenset({"field", "header", "id", "k", "key", "name", "property"})
_VALUE_KEYS: Final = frozenset({"content", "data", "text", "v", "val", "value", "values"})
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_.-]{1,40}")


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
    if body.startswith(_COMPRESSED):
        return Judged(None, ENCODED)
    text = body.decode("latin-1")
    if "x-www-form-urlencoded" in content_type:
        safe = safe_target(f"?{text}")[1:].encode("latin-1")
        return Judged(body) if safe == body else Judged(safe, SECRET)
    # In UTF-16 and UTF-32 each letter of a name stands between NULs.
    low = (body.replace(b"\0", b"") if b"\0" in body else body).lower()
    if any(hint in low for hint in _HINTS):
        if b"\0" in body:
            text = text.replace("\0", "")
        elif "json" in content_type or body.lstrip()[:1] in (b"{", b"["):
            return _judge_json(body, text)
        if _tells_secret(text, content_type):
            return Judged(None, SECRET)
    return Judged(None, SECRET) if has_secret_shape(text) else Judged(body)


def _tells_secret(text: str, content_type: str) -> bool:
    """True when the text says of something in it that it is a credential."""
    if names_secret(text) or _IN_PROSE.search(text) is not None:
        return True
    if any(is_secret_name(found[1]) for found in _CALLED.finditer(text)):
        return True
    if "<" in text and any(is_secret_name(found[1]) for found in _ELEMENT.finditer(text)):
        return True
    if "csv" not in content_type and "separated" not in content_type:
        return False
    columns = re.split(r"[,;|\t]", text.partition("\n")[0])
    return any(is_secret_name(column.strip(" \r\"'")) for column in columns)


def _judge_json(body: bytes, text: str) -> Judged:
    try:
        value = json.loads(body, object_pairs_hook=_object)
        safe = _scrubbed(value)
        if safe == value:
            return Judged(None, SECRET) if has_secret_shape(text) else Judged(body)
        written = json.dumps(safe, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # several documents, or none, or one that goes too deep
        is_secret = _tells_secret(text, "") or has_secret_shape(text)
        return Judged(None, SECRET) if is_secret else Judged(body)
    is_secret = has_secret_shape(written.decode())
    return Judged(None, SECRET) if is_secret else Judged(written, SECRET)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values under one name `json` shows the last, and another reader takes the first."""
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("a name is given twice")
    return built


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return REPLACED if _is_secret_text(value) else value
    if isinstance(value, list):
        return [_scrubbed(each) for each in value]
    if not isinstance(value, dict):
        return value
    # {"name": "password", "value": "..."}
    is_pair = any(
        isinstance(named, str) and key.lower() in _NAMING_KEYS and is_secret_name(named)
        for key, named in value.items()
    )
    return {
        name: _blank(inside)
        if is_secret_name(name) or (is_pair and name.lower() in _VALUE_KEYS)
        else _scrubbed(inside)
        for name, inside in value.items()
    }


def _is_secret_text(text: str) -> bool:
    """A text inside JSON may be JSON itself, a URL, a header, a whole request."""
    if not (":" in text or "=" in text or " " in text or "<" in text):
        return False
    return has_secret_shape(text) or _tells_secret(text, "")


def _blank(value: Any) -> Any:
    """The same shape with nothing in it; yes, no and null are no secrets."""
    if isinstance(value, dict):
        return {
            name if _PLAIN_KEY.fullmatch(name) else REPLACED: _blank(inside)
            for name, inside in value.items()
        }
    if isinstance(value, list):
        return [_blank(each) for each in value]
    return value if value is None or isinstance(value, bool) else REPLACED


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
