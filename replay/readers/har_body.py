"""The bytes of a body that a HAR holds as text, as base64 or as a form's fields.

Pure. What was sent is what has to come out, so where a HAR cannot say it (a file's content that was
left out, bytes that became question marks) the answer is None: not known.
Read next: `har_entry.py`.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote_plus

from switchboard.event import EventError

_BOUNDARY: Final = re.compile(r'boundary="?([^";,\s]{1,200})', re.IGNORECASE)
_LOST: Final = "\ufffd"
"""What a decoder leaves where bytes were no text."""


def encode_text(text: str) -> bytes:
    """UTF-8; lone surrogates as browsers send them, or back to the bytes that they stand for."""
    for errors in ("strict", "surrogateescape"):
        try:
            return text.encode("utf-8", errors)
        except UnicodeEncodeError:
            continue
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def decode_base64(text: str) -> bytes:
    """Raises EventError."""
    try:
        return b64decode(text.encode("ascii"))
    except (ValueError, Base64Error):
        raise EventError("bad body") from None


def read_content(content: object) -> bytes | None:
    """The body of an answer; None when it was not recorded. Raises EventError."""
    text = content.get("text") if isinstance(content, dict) else None
    if not isinstance(content, dict) or type(text) is not str:
        return None
    return decode_base64(text) if _is_base64(content) else encode_text(text)


def read_post_data(post: object, size: int | None, content_type: str) -> tuple[bytes | None, str]:
    """The body of a request, and its content type.

    size: how long it was, as far as is known. None for the body: there was one, but it is not
    recorded. Raises EventError.
    """
    if not isinstance(post, dict):
        return (None if size else b""), content_type
    mime = post.get("mimeType")
    content_type = content_type or (mime if type(mime) is str else "")
    text, fields = post.get("text"), post.get("params")
    if text is not None and type(text) is not str:
        raise EventError("bad body")
    if text:
        return _text_body(post, text, size), content_type
    if isinstance(fields, list) and fields:
        return _form(fields, content_type)
    return (None if size else b""), content_type


def _text_body(post: Mapping[str, Any], text: str, size: int | None) -> bytes | None:
    if _is_base64(post):
        return decode_base64(text)
    body = encode_text(text)
    if size is None or size == len(body):
        return body
    if size == len(text):
        try:
            return text.encode("latin-1")  # bytes that were each taken for a character
        except UnicodeEncodeError:
            pass
    return None if _LOST in text else body


def _is_base64(holder: Mapping[str, Any]) -> bool:
    return "base64" in (holder.get("encoding"), holder.get("_encoding"))


def _form(fields: Sequence[object], content_type: str) -> tuple[bytes | None, str]:
    """The fields of a form as the bytes that a browser makes of them."""
    known = [field for field in fields if isinstance(field, dict)]
    if any(_text(field, "fileName") and "value" not in field for field in known):
        return None, content_type
    if not content_type.lower().startswith("multipart/"):
        pairs = (f"{_quote(field, 'name')}={_quote(field, 'value')}" for field in known)
        return "&".join(pairs).encode(), content_type or "application/x-www-form-urlencoded"
    parts = [_part(field) for field in known]
    found = _BOUNDARY.search(content_type)
    boundary = found[1] if found is not None else _boundary_for(parts)
    if found is None:
        content_type = f"{content_type.partition(';')[0]}; boundary={boundary}"
    mark = b"--" + encode_text(boundary)
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return body + mark + b"--\r\n", content_type


def _part(field: Mapping[str, Any]) -> bytes:
    """One field as `multipart/form-data` has it (RFC 7578), without its boundary."""
    head = f'Content-Disposition: form-data; name="{_escape(_text(field, "name"))}"'
    name, kind = _text(field, "fileName"), _text(field, "contentType")
    if name:
        head += f'; filename="{_escape(name)}"'
    if kind:
        head += f"\r\nContent-Type: {_escape(kind)}"
    return encode_text(f"{head}\r\n\r\n") + encode_text(_text(field, "value"))


def _escape(text: str) -> str:
    """As the HTML standard has names escaped: nothing can end the line, or the quotes."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _boundary_for(parts: Sequence[bytes]) -> str:
    return f"esr-{hashlib.sha256(b''.join(parts)).hexdigest()[:32]}"


def _quote(field: Mapping[str, Any], key: str) -> str:
    return quote_plus(encode_text(_text(field, key)))


def _text(field: Mapping[str, Any], key: str) -> str:
    value = field.get(key)
    return value if type(value) is str else "" if value is None else str(value)
