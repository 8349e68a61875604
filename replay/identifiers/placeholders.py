"""What stands where a secret or a name would: masks, blanks to fill in, words of the sandbox.

Pure. Read next: `secrets.py`.
"""

from __future__ import annotations

import re
from typing import Final

# Whole words only: a secret may hold any letters by chance.
_WORDS: Final = re.compile(
    r"(?<![a-z])(?:sandbox|fake|dummy|placeholder|redacted|masked|removed|filtered|omitted|hidden|"
    r"example|sample|changeme|change-me|scrubbed|anonymi[sz]ed|undefined|your|insert)(?![a-z])",
    re.IGNORECASE,
)
_MASK: Final = re.compile(r"[\W_]*|.{0,8}(?:[*\u2022\u25cf]{3,}|\.{3,}|[xX]{4,}).{0,8}")
_SLOT: Final = re.compile(
    r"[<\[({$%#]{1,2}[A-Za-z_ .:-]{0,64}[>\])}%#]{1,2}|\$[A-Z_]{1,64}|:[a-z_]{1,32}"
)
_NOTHING: Final = frozenset(
    {"", "null", "none", "nil", "undefined", "true", "false", "empty", "unknown", "n/a", "na",
     "nan", "string", "required", "optional", "invalid", "valid", "yes", "no", "on", "off",
     "default", "unset", "missing", "secret", "password", "passwd", "token", "bearer", "basic",
     "apikey", "api_key", "test", "todo", "text", "value", "object", "object object", "anonymous"}
)  # fmt: skip


def is_placeholder(text: str) -> bool:
    """True for what tells nothing: `***`, `null`, `<token>`, `${TOKEN}`, `fake-password`."""
    short = text.strip(" \t\r\n\"'")
    if short.lower() in _NOTHING or len(set(short)) <= 1:
        return True
    if _WORDS.search(short[:256]) is not None:
        return True
    return len(short) <= 128 and (
        _MASK.fullmatch(short) is not None or _SLOT.fullmatch(short) is not None
    )
