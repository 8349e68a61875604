"""What every fault can have besides its kind and target: when, how often, for how many.

Floor 1, pure: one table, which the parser, the way back and the documentation share.
Read next: `reader.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stubs.faults.durations import DAY_MS, YEAR_MS, format_ms, parse_ms
from stubs.faults.fault import APPLY_TO
from stubs.faults.parameters import Parameter, one_of, share, text, whole
from switchboard.fault_reader import kind_of, shown

MAX_COUNT: Final = 1_000_000_000
LONGEST_ID: Final = 100
_LAST_ID: Final = (1 << 64) - 1
_LATEST_MS: Final = 100 * YEAR_MS
"""At 1,000x a day is almost three years of recorded time, and a fault may begin then."""


def _time(most_ms: float, most: str, least: str = "") -> Callable[[object], float]:
    def read(value: object) -> float:
        ms = parse_ms(value)
        if ms > most_ms:
            raise ValueError(f"`{shown(value)}` is longer than {most}")
        if least and ms <= 0:
            raise ValueError(least)
        return ms

    return read


def _read_id(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_ID:
        raise ValueError(f"an id is text of 1 to {LONGEST_ID} characters")
    if not value.isprintable():
        raise ValueError("an id is one line of printable characters")
    return value


def _read_chosen(value: object) -> frozenset[int]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of request ids, not {kind_of(value)}")
    if not all(type(each) is int and 0 <= each <= _LAST_ID for each in value):
        raise ValueError("request ids are whole numbers from 0")
    return frozenset(value)


_NO_TIME: Final = "lasts no time at all; leave it out for a fault that ends with the run"

ENVELOPE: Final = (
    Parameter("id", "text", None, "its name in reports and draws; made of target and kind",
              _read_id),
    Parameter("at", "duration", "0", "when it begins", _time(_LATEST_MS, "a hundred years"),
              format_ms),
    Parameter("for", "duration", None, "how long it lasts; without it, until the run ends",
              _time(DAY_MS, "a day", _NO_TIME), format_ms),
    Parameter("ramp", "duration", "0", "how long the share it touches takes to grow from none",
              _time(DAY_MS, "a day"), format_ms),
    Parameter("probability", "share", 1.0, "the share of the requests that it touches", share),
    Parameter("every_n", "count", None, "only each nth request", whole(1, MAX_COUNT)),
    Parameter("first_n", "count", None, "only the first n requests", whole(1, MAX_COUNT)),
    Parameter("skip_first", "count", 0, "not the first n requests", whole(0, MAX_COUNT)),
    Parameter("max_active", "count", None, "at most so many requests at a time",
              whole(1, MAX_COUNT)),
    Parameter("seed", "number", None, "decides instead of the run's seed", whole(0, _LAST_ID)),
    Parameter("apply_to", ", ".join(APPLY_TO), "all", "connections opened since, before, or all",
              one_of(*APPLY_TO)),
    Parameter("ttl", "duration", None, "ends it whatever `for` says: a dead-man's switch",
              _time(DAY_MS, "a day", _NO_TIME), format_ms),
    Parameter("reason", "text", "", "for people who read the report", text),
    Parameter("chosen", "request ids", None, "those that the counting ones come to; runs write it",
              _read_chosen, sorted),
)  # fmt: skip
"""What every fault can have, besides `kind` and `target`."""

FIELD_OF: Final = {"at": "at_ms", "for": "for_ms", "ramp": "ramp_ms", "ttl": "ttl_ms"}
