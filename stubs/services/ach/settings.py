"""What a scenario may change about the rail: limits, shares of returns, cutoff and so on.

`FIELDS` is the one table: the reader, the defaults and docs/ach.md go by it. Floor 1, pure.
Read next: `order.py`, `payments.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Final, Literal, TypeVar

from stubs.service import REMEMBERED
from stubs.services.ach.calendar import STANDARD_CUTOFF
from stubs.services.ach.returns import DEFAULT_SHARES, RETURN_CODES, Direction
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join, kind_of, nearest

Word = TypeVar("Word", bound=str)
Duplicates = Literal["flag", "refuse", "ignore"]

MOST_CENTS: Final = 9_999_999_999
"""$99,999,999.99: an entry has ten digits for its amount."""
SAME_DAY_CENTS: Final = 100_000_000
"""$1,000,000.00, the rail's own limit for a same-day entry."""
MOST_REMEMBERED: Final = 1_000_000
_DAY_S: Final = 86_400
_CUTOFF: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class AchSettings:
    """How this sandbox's rail is set up.

    returns: the share of payments that meet each code, of those that it can come for.
    unavailable: the share answered 503.   duplicates: what becomes of a payment equal to one of
    the last `duplicate_window_s` under another key or none.   key_in_flight_ms: how long after a
    payment another request with its key is answered 409; 0 for never.   per_day_cents: what one
    payer may spend in a day; None for no limit.   Times are recorded time.
    """

    returns: Mapping[str, float] = field(default_factory=lambda: DEFAULT_SHARES)
    unavailable: float = 0.002
    duplicates: Duplicates = "flag"
    duplicate_window_s: float = 600.0
    key_in_flight_ms: float = 0.0
    direction: Direction = "debit"
    is_prenote_required: bool = False
    per_payment_cents: int = MOST_CENTS
    per_day_cents: int | None = None
    same_day_cents: int = SAME_DAY_CENTS
    cutoff: time = STANDARD_CUTOFF
    settle_days: int = 1
    remembered: int = REMEMBERED


FIELDS: Final = (
    "returns",
    "unavailable",
    "duplicates",
    "duplicate_window_s",
    "key_in_flight_ms",
    "direction",
    "prenote",
    "limits",
    "cutoff",
    "settle_days",
    "remembered",
)
DUPLICATES: Final[tuple[Duplicates, ...]] = ("flag", "refuse", "ignore")
DIRECTIONS: Final[tuple[Direction, ...]] = ("debit", "credit")
LIMITS: Final = ("per_payment_usd", "per_day_usd", "same_day_usd")


def parse_settings(
    raw: object, *, source: str = "stubs.ach", line_of: LineOf = lambda _: None, path: str = ""
) -> AchSettings:
    """The settings of a mapping. Raises ScenarioError with every fault at once."""
    reader = FaultReader(line_of)
    fields = reader.mapping(raw, path, FIELDS)
    read = _Reading(reader, fields, path)
    limits_path = join(path, "limits")
    limits = _Reading(
        reader, reader.mapping(fields.get("limits", {}), limits_path, LIMITS), limits_path
    )
    usual = AchSettings()
    settings = AchSettings(
        returns=_shares(reader, fields, join(path, "returns")),
        unavailable=read.number("unavailable", usual.unavailable, 0, 1),
        duplicates=read.word("duplicates", DUPLICATES),
        duplicate_window_s=read.number("duplicate_window_s", usual.duplicate_window_s, 0, _DAY_S),
        key_in_flight_ms=read.number("key_in_flight_ms", 0, 0, _DAY_S * 1000),
        direction=read.word("direction", DIRECTIONS),
        is_prenote_required=read.word("prenote", ("optional", "required")) == "required",
        per_payment_cents=limits.cents("per_payment_usd", MOST_CENTS) or MOST_CENTS,
        per_day_cents=limits.cents("per_day_usd", None),
        same_day_cents=limits.cents("same_day_usd", SAME_DAY_CENTS) or SAME_DAY_CENTS,
        cutoff=read.cutoff("cutoff", usual.cutoff),
        settle_days=int(read.number("settle_days", usual.settle_days, 1, 5, is_whole=True)),
        remembered=int(
            read.number("remembered", usual.remembered, 1, MOST_REMEMBERED, is_whole=True)
        ),
    )
    if reader.faults:
        raise ScenarioError(f"{source} is wrong", reader.faults)
    return settings


@dataclass(frozen=True, slots=True)
class _Reading:
    """One mapping being read, its faults going to the reader."""

    reader: FaultReader
    fields: Mapping[str, object]
    path: str

    def number(
        self, key: str, default: float, low: float, high: float, *, is_whole: bool = False
    ) -> float:
        value = self.fields.get(key, default)
        wanted = f"a {'whole ' if is_whole else ''}number of {low:g} to {high:,.10g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fault(key, f"must be {wanted}, not {kind_of(value)}")
        elif not low <= value <= high or (is_whole and value != int(value)):
            self._fault(key, f"must be {wanted}")
        else:
            return value
        return default

    def word(self, key: str, words: tuple[Word, ...]) -> Word:
        """One of the words; the first is the default."""
        value = self.fields.get(key, words[0])
        for word in words:
            if value == word:
                return word
        self._fault(key, f"must be one of {', '.join(words)}")
        return words[0]

    def cents(self, key: str, default: int | None) -> int | None:
        if key not in self.fields:
            return default
        return round(self.number(key, 0.01, 0.01, MOST_CENTS / 100) * 100)

    def cutoff(self, key: str, default: time) -> time:
        if key not in self.fields:
            return default
        value = self.fields[key]
        found = _CUTOFF.fullmatch(value) if isinstance(value, str) else None
        if found:
            return time(int(found[1]), int(found[2]))
        self._fault(key, 'must be a time of day in New York such as "20:00"')
        return default

    def _fault(self, key: str, message: str) -> None:
        self.reader.fault(join(self.path, key), message)


def _shares(reader: FaultReader, fields: Mapping[str, object], path: str) -> Mapping[str, float]:
    """What `returns` says is all that comes back; without it the usual few do."""
    if "returns" not in fields:
        return DEFAULT_SHARES
    raw = fields["returns"]
    if not isinstance(raw, Mapping):
        reader.fault(path, f"must be a mapping such as {{R01: 0.01}}, not {kind_of(raw)}")
        return {}
    read = _Reading(reader, raw, path)
    shares, codes = {}, tuple(RETURN_CODES)
    for code in raw:
        if code not in codes:
            reader.fault(
                join(path, str(code)), f"no return code; {nearest(str(code), RETURN_CODES)}"
            )
        else:
            shares[code] = read.number(code, 0, 0, 1)
    return shares
