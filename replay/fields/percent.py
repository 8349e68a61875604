"""Percent-encoding, read leniently and written strictly: what comes out is visible ASCII.

Bytes that are no UTF-8 are read as Latin-1, and written so again. Read next: `form.py`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

VALUE_SAFE: Final = "-._~!$'()*,/:@?"
"""What may stand in the value of a query or a form."""
SEGMENT_SAFE: Final = "-._~!$&'()*+,=:@"
"""What may stand in a part of a path."""
COOKIE_SAFE: Final = "-._~!#$&'()*+/:<=>?@[]^`{|}"
"""What may stand in the value of a cookie."""
ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")


def decode(raw: str) -> str:
    """The text of a percent-encoded one; a `%` that begins no code stays."""
    if "%" not in raw:
        return raw
    data = unquote_to_bytes(raw.encode("utf-8", "replace"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def encode(text: str, raw: str, safe: str) -> str:
    """`text` to stand where `raw` stood, in the bytes that `raw` was written in."""
    if "%" in raw and _is_latin(raw):
        try:
            return quote(text, safe, "latin-1", "strict")
        except UnicodeEncodeError:
            pass  # there is a character that only UTF-8 has
    return quote(text, safe, "utf-8", "replace")


def decode_plus(raw: str) -> str:
    """The text of a value in a query or form, where `+` is a space."""
    return decode(raw.replace("+", " ")) if "+" in raw else decode(raw)


def encode_plus(text: str, raw: str) -> str:
    """A value of a query or form; a space is `+` where `raw` had it so."""
    coded = encode(text, raw, VALUE_SAFE)
    return coded.replace("%20", "+") if "+" in raw else coded


def _is_latin(raw: str) -> bool:
    try:
        unquote_to_bytes(raw.encode("utf-8", "replace")).decode()
    except UnicodeDecodeError:
        return True
    return False
