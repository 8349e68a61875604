"""The quick look: could any finder find anything in this text, whatever its parts are called?

It never says no where a finder would say yes, and says yes more often than they. It sees a text as
it was written, undivided, so it knows no names of fields: every telling word anywhere counts, with
the patterns of `names.py` made looser. Digits only have to be digits: a text whose digits are all
made 0 gets the same answer, unless `Spots` says which of them to look at again.
Read next: `screen.py`, which remembers the answers.
"""

from __future__ import annotations

import re
from typing import Final

from replay.fields.nested import decode_base64
from replay.identifiers import names
from replay.identifiers.cards import is_card
from replay.identifiers.given_names import GIVEN_NAMES
from replay.identifiers.names import Pattern, normal_text

Spots = list[tuple[int, int, bool]]
"""Places where digits decide: from, to, and whether it may be a card (else base64)."""

# Whatever is told by its looks. Alternatives begin with what is rare in a request.
_LOOKS: Final = re.compile(
    r"@|eyJ|PRIVATE KEY|PuTTY"
    r"|A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{4}|AIza|gh[oprsu]_[A-Za-z0-9]{8}|github_pat_|gl[a-z]{2,5}-[\w-]{12}"
    r"|[srp]k_live_|whsec_|xox[abceoprs]-|xapp-|SG\.[\w-]{12}|npm_[A-Za-z0-9]{12}|pypi-AgEI|dckr_pat_"
    r"|do[opr]_v[0-9]_|shp(?:at|ca|pa|ss)_|hf_[A-Za-z0-9]{12}|(?<![A-Za-z0-9])sk-[\w-]{24}"
    r"|hv[sb]\.[\w-]{12}|ya[0-9]{2}\.|GOCSPX|ATATT|glsa_|nvapi-|figd_|PMAK-|rubygems_"
    r"|dapi[0-9a-f]{12}|key-[0-9a-f]{24}|LTAI|sq[0-9]|EAA[A-Za-z0-9]{24}|[0-9]{8}:AA"
    r"|AccountKey=|hooks\.slack|NRAK-|/webhooks/|H[0-9]sI"
    r"|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
    r"|[0-9][0-9a-fA-F]{3}:[0-9a-fA-F]{0,4}:"
    r"|\+[( ]{0,2}[0-9][0-9 ()./\u00b7\u2022\u200b_-]{6}"
    r"|[bB](?:earer|EARER)[ \t:=+,\"'%\u200b]|BEARER|[bB](?:asic|ASIC)[ \t:=+,\"'%\u200b]|BASIC"
    r"|(?:Mr|Mrs|Ms|Miss)\.? [^\W\d_a-z]"
)
# Those whose country could be the start of a hexadecimal number go on with digits.
_IBAN: Final = re.compile(
    r"(?<![^\W_])(?:(?![A-F]{2})[A-Z]{2}[0-9]{2}(?:[ .\-\u200b]?[A-Z0-9]){11}"
    r"|(?:A[DE]|B[AE]|[DE]E)[0-9]{2}(?:[ .\-\u200b]?[0-9]){8})",
    re.IGNORECASE,
)
_ENTITY: Final = re.compile(
    r"&#|&(?:nbsp|shy|sup|middot)|&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z][A-Za-z0-9]{1,30};"
)
_SPLIT: Final = re.compile(
    r"(?:[0-9]\]?|[_.\-][a-pA-P])[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?([0-9]{1,16})"
)
_CHAIN: Final = re.compile(r"[0-9](?:[ \u00b7\u2022\u200b./()_\-]{0,4}[0-9])+")
_RUN: Final = re.compile(r"[0-9]+")
_ALPHABET: Final = re.compile(r"[A-Za-z0-9+/_-]{11,}={0,2}")
_HARMLESS: Final = re.compile(
    r"\"[A-Za-z_-]{1,64}\" ?: ?\"(?:[A-Za-z]{1,8}-)?(?:fake|sandbox)(?:-[A-Za-z-]{0,32})?\""
)
"""A secret that says it is none: a log of such logins need not be looked at again and again."""
_LETTERS: Final = re.compile(r"[^\W\d_]+")

_TELLING_GROUPS: Final = frozenset(
    {(3, 2, 4), (3, 3, 4), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (6, 13), (8, 8), (4, 4, 4, 1),
     (4, 4, 5)}
)  # fmt: skip
_SHORTEST_BASE64: Final = 11
_LEAST_GROUPS: Final = 3
_LEAST_ACCOUNT: Final = 6
_LEAST_PHONE: Final = 7
_LEAST_PERSON: Final = 9
_LEAST_CARD: Final = 12
_MOST_CARD: Final = 19


def _loose(*patterns: Pattern) -> Pattern:
    """One that finds something in a longer text wherever one of these finds it in a name."""
    return re.compile("|".join([_unbound(pattern.pattern) for pattern in patterns]))


def _unbound(source: str) -> str:
    """A pattern without what it says of its surroundings: looks ahead and behind, both ends."""
    kept: list[str] = []
    at = depth = 0
    while at < len(source):
        if depth or source.startswith(("(?!", "(?<!"), at):
            depth += {"(": 1, ")": -1}.get(source[at], 0)
        elif source[at] not in "^$":
            kept.append(source[at])
        at += 1
    return "".join(kept)


_ALWAYS: Final = _loose(
    names.PASSWORD, names.SECRET, names.SESSION, names.PERSON_NAME, names.USER_INFO
)
_BIRTH: Final = _loose(names.BIRTH)
_NAMED: Final = re.compile(
    "|".join([_unbound(each.pattern) for each in (names.MAYBE_NAME, names.MAYBE_SAID)])
)
_PERSON: Final = _loose(names.PERSON)
_ACCOUNT: Final = _loose(names.ACCOUNT)
_PHONE: Final = _loose(names.PHONE)
_NINE: Final = _loose(names.SSN, names.EIN, names.ABA)
_CARD: Final = _loose(names.CARD)
_NUMBERS: Final = _loose(names.ACCOUNT, names.PHONE, names.SSN, names.EIN, names.ABA, names.CARD)


def is_suspect(text: str, spots: Spots | None = None) -> bool:
    """True when a finder may find something in a part of this text. Pure.

    text: folded, and nothing in it encoded any more.
    spots: given when the digits are not to be trusted: where they would decide is noted there.
    """
    if "fake" in text or "sandbox" in text:
        text = _HARMLESS.sub(_blank, text)
    if _LOOKS.search(text) or _ENTITY.search(text) or _IBAN.search(text):
        return True
    longest = 0
    for found in _CHAIN.finditer(text):
        digits = _digits_of_chain(found, spots)
        if digits < 0:
            return True
        longest = max(longest, digits)
    return _is_told(text, longest) or _has_base64(text, spots)


def _blank(found: re.Match[str]) -> str:
    """As long as it was, so that every place stays."""
    return " " * len(found[0])


def are_numbered(text: str) -> bool:
    """True when values may be the parts of one, `ssn1=..&ssn2=..`, called by one name."""
    values = [len(found[1]) for found in _SPLIT.finditer(text)]
    if len(values) >= _LEAST_GROUPS and sum(values) >= _LEAST_CARD:
        return True
    return len(values) > 1 and _NUMBERS.search(normal_text(text)) is not None


def _digits_of_chain(found: re.Match[str], spots: Spots | None) -> int:
    """How many digits a chain has; -1 when it speaks for itself."""
    chain = found[0]
    sizes = tuple([len(run) for run in _RUN.findall(chain)])
    total = sum(sizes)
    if len(sizes) == 1:
        if _LEAST_CARD < total <= _MOST_CARD:
            if spots is None:
                return -1 if is_card(chain) else total
            spots.append((found.start(), found.end(), True))
        return total
    if total < _LEAST_PERSON:
        return total
    if total > _MOST_CARD and len(sizes) > 2:
        return -1 if _has_groups(sizes) or ")" in chain else _bare_runs(found, sizes, spots)
    if ")" in chain or _has_groups(sizes):
        return -1
    return _bare_runs(found, sizes, spots)


def _has_groups(sizes: tuple[int, ...]) -> bool:
    return any(
        sizes[first : first + length] in _TELLING_GROUPS
        for first in range(len(sizes))
        for length in (2, 3, 4)
    )


def _bare_runs(found: re.Match[str], sizes: tuple[int, ...], spots: Spots | None) -> int:
    """A run in a chain may be a card by itself, if a blank parts it from the others."""
    if max(sizes) > _LEAST_CARD:
        for run in _RUN.finditer(found[0]):
            if _LEAST_CARD < run.end() - run.start() <= _MOST_CARD:
                if spots is not None:
                    start = found.start()
                    spots.append((start + run.start(), start + run.end(), True))
                elif is_card(run[0]):
                    return -1
    return sum(sizes)


def _is_told(text: str, longest: int) -> bool:
    """A word says that there is something, and there may be."""
    normal = normal_text(text)
    if _ALWAYS.search(normal) is not None:
        return True
    if _BIRTH.search(normal) is not None and any(char.isdigit() for char in text):
        return True
    if _is_told_number(normal, longest):
        return True
    if _NAMED.search(normal) is None:
        return False
    if _PERSON.search(normal) is not None and "-name" in normal:
        return True
    return not GIVEN_NAMES.isdisjoint(word.lower() for word in _LETTERS.findall(text))


def _is_told_number(normal: str, longest: int) -> bool:
    return (
        (longest >= _LEAST_ACCOUNT and _ACCOUNT.search(normal) is not None)
        or (longest >= _LEAST_PHONE and _PHONE.search(normal) is not None)
        or (longest >= _LEAST_PERSON and _NINE.search(normal) is not None)
        or (longest >= _LEAST_CARD and _CARD.search(normal) is not None)
    )


def _has_base64(text: str, spots: Spots | None) -> bool:
    for found in _ALPHABET.finditer(text):
        start, run = found.start(), found[0]
        pieces = [(start, run)]
        if "/" in run:
            at = start
            for piece in run.split("/"):
                pieces.append((at, piece))
                at += len(piece) + 1
        for at, piece in pieces:
            if len(piece) < _SHORTEST_BASE64:
                continue
            if spots is not None and "0" in piece:
                spots.append((at, at + len(piece), False))
            elif decode_base64(piece) is not None:
                return True
    return False
