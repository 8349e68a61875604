"""The kinds of identifiers that are looked for: their names, titles, and who wins where two meet.

Pure. Read next: `find.py`, which runs the finders; docs/leak-gate.md says what each kind takes in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple


class Span(NamedTuple):
    """Where an identifier stands in a text: `text[start:end]` is it."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. name: what `--allow-kind` calls it.   title: what a person calls it."""

    name: str
    title: str


# In order of precedence: of two spans that overlap, the one whose kind comes first stays.
_ALL: Final = (
    Kind("private_key", "private key"),
    Kind("jwt", "JSON web token"),
    Kind("cloud_key", "key of a cloud or a service"),
    Kind("bearer", "bearer token"),
    Kind("basic", "user name and password"),
    Kind("email", "e-mail address"),
    Kind("iban", "IBAN"),
    Kind("card", "payment card number"),
    Kind("ssn", "Social Security number"),
    Kind("itin", "taxpayer number (ITIN)"),
    Kind("ein", "employer number (EIN)"),
    Kind("phone", "phone number"),
    Kind("aba", "routing number (ABA)"),
    Kind("birth_date", "date of birth"),
    Kind("ip", "public IP address"),
    Kind("secret", "secret"),
    Kind("account", "account number of a bank"),
    Kind("person_name", "name of a person"),
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _ALL})
NOBODYS: Final = ""
"""The kind of a span that belongs to nobody: nothing in it is anything else."""
_RANK: Final = {NOBODYS: -1, **{kind.name: rank for rank, kind in enumerate(_ALL)}}


def choose_spans(found: list[Span]) -> list[Span]:
    """Spans that do not overlap, in order of the text: by precedence, then the longer, the first.

    Those that are chosen stand apart, so only the nearest on either side can be in the way.
    """
    if len(found) < 2:
        return found
    chosen: list[Span] = []
    starts: list[int] = []
    for span in sorted(found, key=lambda each: (_RANK[each.kind], each.start - each.end, each[1])):
        at = bisect_right(starts, span.start)
        before = at > 0 and chosen[at - 1].end > span.start
        if not before and not (at < len(starts) and starts[at] < span.end):
            chosen.insert(at, span)
            starts.insert(at, span.start)
    return chosen
