"""Values that prove by themselves that they are not real: their end is a checksum of their start.

There is no secret in it, so that a scanner without the key can tell. A real token of 16 or more
characters would pass by chance once in a million. Account numbers and dates have room for less:
see what is said there, and never take one for clean where the real one could do harm.
Read next: `sandbox.py`.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, urlsafe_b64decode
from typing import Final

from switchboard.seeded import mix64, text64

MARK: Final = "esr_sandbox"
"""The claim that a sandbox's JWT carries, with the value true."""
SANDBOX_USER: Final = "sandbox"
PRIVATE_KEY_FILLER: Final = "SandboxKeyNotReal"

_ENOUGH: Final = 1_000_000
"""So many different ends at least: a real token has one of them by chance."""
_LEAST: Final = 100_000
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_HEX: Final = "abcdef"
_LETTERS: Final = frozenset(_LOWER + _LOWER.upper())
_NOT_HEX: Final = _LETTERS - frozenset("abcdefABCDEF")
_ONLY_X: Final = re.compile(r"[xX*_.:=/+ -]{1,256}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_UUID_CHECKED: Final = 27
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{0,40})PRIVATE KEY( BLOCK)?-----([^-]*)-----END ")
_FIRST_DAY: Final = 13
"""No month is 13: such a date reads the same with the day first or the month first."""
_DATES: Final = 40
MAX_TOKEN: Final = 16_384


def alphabets_of(text: str) -> tuple[str, str, str]:
    """Digits, small letters, capitals that may stand in a token; hexadecimal stays so.

    What decides is the first third, since the checksum must not decide about itself.
    """
    is_hex = _NOT_HEX.isdisjoint(text[: max(len(text) // 3, 1)])
    letters = _HEX if is_hex else _LOWER
    return "0123456789", letters, letters.upper()


def alphabet_for(char: str, alphabets: tuple[str, str, str]) -> str:
    """The alphabet that a character of a token belongs to; "" when it is left as it is."""
    if "0" <= char <= "9":
        return alphabets[0]
    if char in _LETTERS:
        return alphabets[1] if char >= "a" else alphabets[2]
    return ""


def token_check(text: str) -> str:
    """The text with its end made the checksum of its start; "" when it is too short for one."""
    if len(text) > MAX_TOKEN:
        text = text[:MAX_TOKEN]
    alphabets = alphabets_of(text)
    ends = 1
    places: list[tuple[int, str]] = []
    for at in range(len(text) - 1, max(len(text) // 3, 1) - 1, -1):
        alphabet = alphabet_for(text[at], alphabets)
        if alphabet:
            places.append((at, alphabet))
            ends *= len(alphabet)
            if ends >= _ENOUGH:
                break
    if ends < _LEAST:
        return ""
    return _with_checksum(text, places)


def _with_checksum(text: str, places: list[tuple[int, str]]) -> str:
    start = places[-1][0]
    # What is not replaceable in the end (dots, dashes) counts too.
    kept = "".join(char for char in text[start:] if char not in _LETTERS and not char.isdecimal())
    pool = mix64(text64(text[:start]), text64(kept))
    end = list(text[start:])
    for at, alphabet in places:
        pool, draw = divmod(pool, len(alphabet))
        end[at - start] = alphabet[draw]
    return text[:start] + "".join(end)


def is_sandbox_token(text: str) -> bool:
    """A token that proves itself, or one of nothing but x, as secrets are masked."""
    if len(text) > MAX_TOKEN:
        return False
    return _ONLY_X.fullmatch(text) is not None or token_check(text) == text


def is_sandbox_uuid(text: str) -> bool:
    """A UUID whose last five digits are a checksum of the others: once in a million by chance."""
    low = text.lower()
    return _UUID.fullmatch(low) is not None and uuid_check(low) == low


def uuid_check(low: str) -> str:
    """A UUID in small letters with its last five digits made the checksum of the others."""
    digits = low.replace("-", "")
    return f"{low[:-5]}{text64(digits[:_UUID_CHECKED]) & 0xFFFFF:05x}"


def mark_account(digits: str) -> str:
    """The digits with a checksum before the last of them (which may have to obey Luhn)."""
    width = _check_width(digits)
    if not width:
        return digits
    check = text64(digits[: -width - 1]) % 10**width
    return f"{digits[: -width - 1]}{check:0{width}d}{digits[-1]}"


def is_marked_account(digits: str) -> bool:
    """An account number that proves itself: once in 1,000 by chance, in 100 below 10 digits.

    Too often to take one for a pseudonym where it is replaced, seldom enough where it is looked
    for. Numbers of nine digits may also be of area 666: what could be an SSN is made one.
    """
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 64:
        return False
    if len(digits) == 9 and digits.startswith("666"):
        return True
    return bool(_check_width(digits)) and mark_account(digits) == digits


def _check_width(digits: str) -> int:
    if len(digits) >= 10:
        return 3
    return 2 if len(digits) >= 6 else 0


def is_sandbox_date(year: int, month: int, day: int) -> bool:
    """One date in 40 of those after the 12th: on those, people of the sandbox are born.

    A real one is among them as often; who sees one cannot tell which of some 65 dates of those
    five years it was.
    """
    return day >= _FIRST_DAY and mix64(year, month, day) % _DATES == 0


def is_sandbox_basic(text: str) -> bool:
    """Basic credentials, in base64, of the user `sandbox` or `sandbox-...`."""
    try:
        plain = b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (ValueError, binascii.Error):
        return False
    user = plain.partition(":")[0]
    return user == SANDBOX_USER or user.startswith(f"{SANDBOX_USER}-")


def is_sandbox_private_key(text: str) -> bool:
    """A PEM block of a private key that holds filler where the key would be."""
    found = _PEM.search(text)
    if found is None:
        return False
    inner = found[3].replace("\\n", "").replace("\\r", "")  # as JSON and programs write lines
    return "".join(inner.split()).startswith(PRIVATE_KEY_FILLER)


def is_sandbox_jwt(text: str) -> bool:
    """A JWT without an algorithm and a signature, with the sandbox's mark among its claims."""
    parts = text.split(".")
    if len(parts) != 3 or parts[2] or len(text) > MAX_TOKEN:
        return False
    header, claims = _json_of(parts[0]), _json_of(parts[1])
    return header.get("alg") == "none" and claims.get(MARK) is True


def _json_of(part: str) -> dict[str, object]:
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
