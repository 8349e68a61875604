"""What opens doors: tokens, keys, credentials, into ones of the same looks that open nothing.

A token's pseudonym ends in a checksum of its start, so that a scanner knows it without the key;
one too short for that becomes nothing but x. Read next: `jwt.py`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from itertools import cycle
from typing import Final

from replay.identifiers.sandbox import (
    is_sandbox_basic,
    is_sandbox_private_key,
    is_sandbox_token,
    is_sandbox_uuid,
    token_check,
)
from replay.identifiers.sandbox_marks import MAX_TOKEN, PRIVATE_KEY_FILLER, SANDBOX_USER, uuid_check
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.shape import scramble

_TRIES: Final = 50
_PREFIX: Final = re.compile(
    r"(?:sk|pk|rk|whsec)_(?:live_|test_)?|gh[opsur]_|github_pat_|glpat-|npm_|AKIA|ASIA|AIza|ya29\."
    r"|xox[abeoprs]-|SG\.|hf_|dop_v1_|shpat_"
)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,20})(\s+|:\s*)(\S.*)", re.DOTALL)
_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_FAKE: Final = re.compile(r"(?:[A-Za-z]{1,8}-)?(?:fake|sandbox)(?:-[A-Za-z-]{0,32})?")
"""A secret that says it is none."""
_CODE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = "-----END "
_ESCAPE_OR_CHAR: Final = re.compile(r"\\[nrt]|\S")


def token(keyed: Keyed, text: str) -> str:
    """As long and of the same alphabet, with its checksum."""
    if is_sandbox_token(text) or is_sandbox_uuid(text) or _FAKE.fullmatch(text):
        return text
    low = text.lower()
    if _UUID.fullmatch(low):
        return _uuid(keyed, text, low)
    if len(text) > MAX_TOKEN:
        return token(keyed, text[:MAX_TOKEN])
    found = _PREFIX.match(text)
    kept = found[0] if found is not None and found.end() + 8 <= len(text) else ""
    for attempt in range(_TRIES):
        made = token_check(kept + scramble(keyed, "token", text, attempt)[len(kept) :])
        if not made:
            break
        # A percent sign that was none must not begin a code now.
        if is_sandbox_token(made) and _CODE.search(made) is None:
            return made
    return "x" * len(text)


def uuid(keyed: Keyed, text: str) -> str | None:
    """A UUID of the same version and variant."""
    low = text.lower()
    if _UUID.fullmatch(low) is None:
        return None
    return text if is_sandbox_uuid(text) else _uuid(keyed, text, low)


def _uuid(keyed: Keyed, text: str, low: str) -> str:
    digits = low.replace("-", "")
    drawn = keyed.bytes_of("uuid", digits).hex()
    made = f"{drawn[:12]}{digits[12]}{drawn[13:16]}{digits[16]}{drawn[17:32]}"
    if "-" in low:
        others = iter(made)
        made = "".join([char if char == "-" else next(others) for char in low])
    made = uuid_check(made)
    return made.upper() if text.isupper() else made


def secret(keyed: Keyed, text: str) -> str | None:
    """A password, a key, a token: whatever it says, it is replaced."""
    return token(keyed, text) if text else None


def private_key(keyed: Keyed, text: str) -> str | None:
    """A PEM block whose lines are as long and hold nothing but filler."""
    parts: list[str] = []
    at = 0
    while (found := _BEGIN.search(text, at)) is not None:
        end = text.find(_END, found.end())
        end = len(text) if end < 0 else end
        block = text[found.start() : end]
        is_ours = is_sandbox_private_key(f"{block}{_END}")
        filled = text[found.end() : end] if is_ours else _fill(text[found.end() : end])
        parts += [text[at : found.end()], filled]
        at = end
    return "".join([*parts, text[at:]]) if parts else None


def _fill(inner: str) -> str:
    filler = cycle(PRIVATE_KEY_FILLER)
    return _ESCAPE_OR_CHAR.sub(
        lambda found: found[0] if len(found[0]) == 2 else next(filler), inner
    )


def basic(keyed: Keyed, text: str) -> str | None:
    """User `sandbox-...`, the same for the same user, and a password that is none."""
    found = _SCHEME.fullmatch(text)
    if found is not None and found[1].lower() == "basic":
        return f"{found[1]}{found[2]}{basic(keyed, found[3]) or token(keyed, found[3])}"
    if is_sandbox_basic(text):
        return text
    plain = text if ":" in text else _decoded(text)
    user, mark, _ = plain.partition(":")
    if not mark:
        return None
    if user == SANDBOX_USER or user.startswith(f"{SANDBOX_USER}-"):
        return text
    made = f"{SANDBOX_USER}-{keyed.bytes_of('basic', user).hex()[:8]}:{SANDBOX_USER}"
    return made if ":" in text else b64encode(made.encode()).decode("ascii")


def _decoded(text: str) -> str:
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8", "replace")
    except (ValueError, Base64Error):
        return ""


def split_scheme(text: str) -> tuple[str, str]:
    """`Bearer ` and what comes after it; "" and all of it where there is no scheme."""
    found = _SCHEME.fullmatch(text)
    return (found[1] + found[2], found[3]) if found is not None else ("", text)
