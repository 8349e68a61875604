"""Ids of citizens, cases, sessions: by what they look like, so that a place does not matter.

`C-48219730` keeps its letters and gets another number; a number gets another of its width; what
is anything more (a UUID, an address, a token, a card) becomes what that becomes everywhere. Short
ids have no room for a mark, so they are replaced again if they are anonymised again.
Read next: `numbers.py`, `tokens.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from replay.identifiers.sandbox import is_sandbox_token, is_test_card
from replay.pseudonyms.contact import email, ip, phone
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.numbers import account, card, iban, is_card, itin, number, ssn
from replay.pseudonyms.shape import SEPARATED, digits_of, scramble
from replay.pseudonyms.tokens import token, uuid

_LABELLED: Final = re.compile(
    r"(?:[A-Za-z]{1,16}[-_.:/# ]?){0,3}[0-9]{1,24}(?:[-_./ ][0-9]{1,24}){0,3}"
)
_PLAIN: Final = re.compile(r"((?:[A-Za-z]{1,16}[-_]?){0,2})([0-9]{3,8})")
"""Too short a number for anything but an id."""
_RUN: Final = re.compile(r"[A-Za-z]+|[0-9]+")
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")
_LABELS: Final = frozenset(
    {"account", "accounts", "acc", "acct", "act", "agent", "app", "application", "applicant",
     "appeal", "ben", "beneficiary", "case", "cases", "cid", "citizen", "citizens", "claim",
     "claimant", "claims", "client", "clm", "clt", "cus", "cust", "customer", "customers",
     "dep", "dev", "device", "doc", "document", "emp", "employee", "enr", "entity", "grp",
     "hh", "household", "id", "ind", "individual", "inv", "invoice", "loan", "mbr", "mem",
     "member", "members", "mrn", "no", "nr", "num", "number", "ord", "order", "org", "pat",
     "patient", "patients", "pay", "payment", "pers", "person", "pid", "pol", "policy",
     "prov", "provider", "ref", "rec", "record", "req", "sess", "session", "sub", "subject",
     "subscriber", "tenant", "ticket", "tkt", "txn", "uid", "user", "users", "usr", "vet",
     "veteran"}
)  # fmt: skip
"""Letters before a number that say what it is of, and nothing of whose it is."""
_PHONE_SHAPE: Final = re.compile(
    r"\+[0-9 .()\-]{8,24}|(?:1[ .-]?)?\(?[0-9]{3}\)?[ .-] ?[0-9]{3}[ .-][0-9]{4}"
)
_SSN_SHAPE: Final = re.compile(r"[0-9]{9}|[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}")
_LONG: Final = 16
_MARKED: Final = 12
_SESSION: Final = 20
"""As long as this is what lets its bearer in."""
_LONGEST_LABELLED: Final = 64
_BY_ITSELF: Final = re.compile(
    r"(?:[A-Za-z]{1,8}[-_]?){1,2}[0-9]{5,12}"
    r"|[A-Za-z]{1,8}[-_](?:19|20)[0-9]{2}[-_][0-9]{4,12}"
    r"|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
)

_MAYBE_BY_ITSELF: Final = re.compile(_BY_ITSELF.pattern.replace("(?:19|20)[0-9]{2}", "[0-9]{4}"))


def is_id_by_itself(text: str) -> bool:
    """Looks like the id of somebody or of a case, wherever it stands: `C-48219730`, a UUID."""
    return 6 <= len(text) <= 36 and _BY_ITSELF.fullmatch(text) is not None


def may_be_id_by_itself(text: str) -> bool:
    """It, or another text with other digits in the same places, is an id by itself."""
    return 6 <= len(text) <= 36 and _MAYBE_BY_ITSELF.fullmatch(text) is not None


def identifier(keyed: Keyed, text: str) -> str | None:
    """The pseudonym of an id, whatever it looks like; None for a text without letters or digits."""
    plain = _PLAIN.fullmatch(text)
    if plain is not None and are_labels(plain[1]):
        return plain[1] + number(keyed, plain[2])
    known = _by_value(keyed, text)
    if known is not None:
        return known
    if len(text) >= _MARKED and is_sandbox_token(text):
        return text
    if not any(map(str.isalnum, text)):
        return None
    if _is_labelled(text):
        return _labelled(keyed, text)
    if len(text) >= _LONG and any("0" <= char <= "9" for char in text):
        made = token(keyed, text)
        if is_sandbox_token(made) and made.strip("x"):
            return made
    return scramble(keyed, "id", text)


def _is_labelled(text: str) -> bool:
    """Letters that may say what it is of, then digits; what is as long as a token must say so."""
    if len(text) > _LONGEST_LABELLED or not text.isascii() or _LABELLED.fullmatch(text) is None:
        return False
    return len(text) < _SESSION or are_labels(text)


def account_id(keyed: Keyed, text: str) -> str | None:
    """The number of an account: with a mark where it has six digits or more."""
    return _by_value(keyed, text) or account(keyed, text)


def _by_value(keyed: Keyed, text: str) -> str | None:
    """What is more than an id, and has a rule of its own."""
    if "@" in text:
        return email(keyed, text)
    if SEPARATED.fullmatch(text):
        return _digits_by_value(keyed, text)
    if len(text) in (32, 36):
        found = uuid(keyed, text)
        if found is not None:
            return found
    if "." in text or ":" in text:
        return ip(keyed, text)
    if text[0] == "+" and _PHONE_SHAPE.fullmatch(text):
        return phone(keyed, text)
    return iban(keyed, text) if text[:2].isalpha() and 15 <= len(text) <= 42 else None


def _digits_by_value(keyed: Keyed, text: str) -> str | None:
    digits = digits_of(text)
    if len(digits) == 9 and _SSN_SHAPE.fullmatch(text):
        return _person_number(keyed, text, digits)
    if is_card(digits) or is_test_card(digits):
        return card(keyed, text)
    if digits != text:
        if text.count(".") == 3:
            return ip(keyed, text)
        return phone(keyed, text) if _PHONE_SHAPE.fullmatch(text) else None
    return None


def _person_number(keyed: Keyed, text: str, digits: str) -> str | None:
    """A number that could be somebody's SSN or ITIN is treated as that, whatever it is called."""
    if digits[0] == "9":
        return itin(keyed, text) if digits != text else None
    if digits[:3] == "000" or digits[3:5] == "00" or digits[5:] == "0000":
        return None
    return ssn(keyed, text)


def _labelled(keyed: Keyed, text: str) -> str:
    digits = len(digits_of(text))
    runs = _RUN.findall(text)
    has_number = any(len(run) > 3 and not _YEAR.fullmatch(run) for run in runs if run.isdigit())
    return _RUN.sub(lambda found: _other_run(keyed, found[0], digits, has_number), text)


def _other_run(keyed: Keyed, run: str, digits: int, has_number: bool) -> str:
    if run.isdigit():
        # The year of a case says nothing of whose it is, and is checked by many.
        return run if has_number and _YEAR.fullmatch(run) else number(keyed, run)
    return run if _is_label(run, digits) else scramble_word(keyed, run)


def _is_label(letters: str, digits: int) -> bool:
    if letters.lower() in _LABELS or len(letters) == 1:
        return True
    return letters.isupper() and len(letters) <= 4 and digits > 2


@lru_cache(1_024)
def are_labels(prefix: str) -> bool:
    """What stands before a number of three digits or more says nothing of whose it is."""
    return all(_is_label(run, 3) for run in _RUN.findall(prefix))


def scramble_word(keyed: Keyed, word: str) -> str:
    """Other letters; the same word in capitals gets the same ones in capitals."""
    low = word.lower()
    made = scramble(keyed, "word", f"{low}~z")[: len(low)]
    return made.upper() if word.isupper() else made
