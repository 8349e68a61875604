"""Which values are telling enough to be linked: ids and tokens, and nothing that recurs by chance.

Pure. A value is judged by its shape: how much information there is in it once words, dates and
years are left out. A number or a short code must also be called something that ids are called.
Precision counts more than recall: a link that is missing leaves a request as it was recorded, a
wrong one would spoil it. Read next: `links.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final

SHORTEST: Final = 6
LONGEST: Final = 4_096
_BITS: Final = 24
"""Enough information for a value that nothing names."""
_BITS_NAMED: Final = 15
"""Enough for one that is called an id."""
_NUMBER_DIGITS: Final = 6
_NUMBER_DIGITS_UNNAMED: Final = 9
_GROUPED_DIGITS: Final = 12
_CHARACTERS: Final = 3
"""Different ones at least."""
_LETTERS_ONLY: Final = 16
_MOST_WORD_BITS: Final = 8
_LONG: Final = 32

_TOKEN: Final = re.compile(r"[\w.~+/=:|$!*%\"-]+", re.ASCII)
_GROUPS: Final = re.compile(r"[\d.,:/+()-]+", re.ASCII)
"""Digits and what stands between them in dates, times, amounts, versions, addresses, phones."""
_DAY: Final = (
    r"(?:19|20)\d\d[-_./]?(?:0[1-9]|1[0-2])[-_./]?(?:0[1-9]|[12]\d|3[01])"
    r"(?:T?\d{4}(?:\d\d)?Z?)?|(?:19|20)\d\d"
)
_DATE: Final = re.compile(rf"(?<!\d)(?:{_DAY})(?!\d)", re.ASCII)
_DATE_ALONE: Final = re.compile(rf"(?<![A-Za-z\d])(?:{_DAY})(?![A-Za-z\d])", re.ASCII)
"""In a long text four digits amid letters are no year."""
_VERSION: Final = re.compile(r"[vV]?\d+(?:\.\d+)+(?:[-+.]?[a-zA-Z]{1,8}[.\d]{0,8})?", re.ASCII)
_STAMP: Final = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6}|\d{9})?"  # a date
    r"|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:19|20)\d\d"  # month first
    r"|1\d{9}(?:\d{3}|\d{6}|\d{9})?",  # seconds and their fractions since 1970
    re.ASCII,
)
_MEDIA_TYPE: Final = re.compile(
    r"(?:application|audio|font|image|message|model|multipart|text|video)/", re.IGNORECASE
)
_MOMENT: Final = re.compile(r"[+-]?\d{4}-?\d\d-?\d\d[T_][\d:.,+Z-]*", re.IGNORECASE | re.ASCII)
_SIZE: Final = re.compile(r"\d+x\d+|\d+(?:\.\d+)?[a-zA-Z%]{1,3}", re.ASCII)
_NUMBER_LIKE: Final = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d+)?", re.ASCII)
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_PARTS: Final = re.compile(r"[A-Za-z0-9]+")
_VOWEL: Final = re.compile(r"[aeiouyAEIOUY]")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_WELL_KNOWN: Final = re.compile(
    r"(?:iso|utf|windows|cp|sha|md|aes|rsa|tls|ssl|http|ipv|base|http/)[-_/]?\d[\d.:_-]*",
    re.IGNORECASE,
)
_ID_WORDS: Final = frozenset(
    """case confirmation csrf cursor etag guid handle hash id identifier ids key nonce no num number
    order receipt ref reference session sid state ticket token tracking transaction txn uid uuid
    xsrf""".split()  # noqa: SIM905  # words, as they would stand in a text
)
_COUNT_WORDS: Final = frozenset(
    """age amount area at balance birth birthdate build building bytes code cost count created date
    day dob duration expires expiry fax fee height house hour income lat latitude length limit line
    lng lon longitude max min mobile modified month offset page payment percent phone pin port
    postal postcode price quantity rate room salary score seconds size ssn street sum tax tel
    telephone time timestamp total ts updated version wage weight width year zip
    zipcode""".split()  # noqa: SIM905
)


def is_telling(name: str, text: str, *, is_place_of_ids: bool = False) -> bool:
    """True when a value that comes back can only have come from where it was seen.

    name: what it is called there. is_place_of_ids: it stands where ids stand, as in a Location.
    """
    if not SHORTEST <= len(text) <= LONGEST or (len(text) < _LETTERS_ONLY and text.isalpha()):
        return False
    if _TOKEN.fullmatch(text) is None:
        return False
    if len(set(text)) < _CHARACTERS:
        return False
    named = is_place_of_ids or is_id_name(name)
    if _GROUPS.fullmatch(text) is not None:
        return _is_telling_number(name, text, named)
    if _is_known_shape(text):
        return False
    if not any(map(str.isdigit, text)):
        return _is_random_letters(text)
    return _bits(text) >= (_BITS_NAMED if named else _BITS)


@lru_cache(4096)
def is_id_name(name: str) -> bool:
    """True for a name that ids go by: `id`, `orderId`, `case_number`, `X-CSRF-Token`."""
    words = _words(name)
    return bool(words) and not _COUNT_WORDS & words and bool(_ID_WORDS & words)


@lru_cache(4096)
def _is_count_name(name: str) -> bool:
    return bool(_COUNT_WORDS & _words(name))


def _words(name: str) -> frozenset[str]:
    found: list[str] = _WORDS.findall(name[:200])
    return frozenset(word.lower() for word in found)


def _is_telling_number(name: str, text: str, named: bool) -> bool:
    if _is_count_name(name):
        return False
    if not text.isdigit():
        # Order numbers come in groups; so do dates, phones and social security numbers.
        bare = text.replace("-", "")
        return named and bare.isdigit() and len(bare) >= _GROUPED_DIGITS
    if len(text) < (_NUMBER_DIGITS if named else _NUMBER_DIGITS_UNNAMED):
        return False
    if _STAMP.fullmatch(text) is not None or len(text.strip("0")) < 4:
        return False
    return not _counts_on(text)


def _counts_on(text: str) -> bool:
    """`123456`, `987654`."""
    steps = {(ord(after) - ord(before)) % 10 for before, after in pairwise(text)}
    return len(steps) == 1


def _is_known_shape(text: str) -> bool:
    return (
        _MEDIA_TYPE.match(text) is not None
        or _MOMENT.fullmatch(text) is not None
        or _SIZE.fullmatch(text) is not None
        or _NUMBER_LIKE.fullmatch(text) is not None
        or _VERSION.fullmatch(text) is not None
        or _WELL_KNOWN.fullmatch(text) is not None
    )


def _is_random_letters(text: str) -> bool:
    """Letters alone are words, unless they change their case as no words do."""
    if len(text) < _LETTERS_ONLY:
        return False
    changes = sum(before.isupper() != after.isupper() for before, after in pairwise(text))
    return changes * 5 >= len(text) * 2


def _bits(text: str) -> int:
    """A low guess of how much information there is in a text."""
    rest = (_DATE if len(text) < _LONG else _DATE_ALONE).sub(" ", text)
    digits = sum(map(str.isdigit, rest))
    words = other = 0
    for part in _PARTS.findall(rest):
        # Letters that stand alone are a word, as in `how-to-apply`; beside digits they may be hex.
        alone = part.isalpha()
        for run in _LETTERS.findall(part):
            if not _is_mixed(run) and (alone or _is_word(run)):
                words += 4 if words == 0 else 1
            else:
                other += len(run)
    return 3 * (digits + other) + min(words, _MOST_WORD_BITS)


def _is_word(letters: str) -> bool:
    return len(letters) >= 3 and _VOWEL.search(letters) is not None


def _is_mixed(run: str) -> bool:
    """Cases change as they do in no word."""
    return not (run.islower() or run.isupper() or run.istitle())
