"""What a person writes to cut a log, made into filters: times, routes, statuses, shares.

Pure. A wrong word is a ValueError whose sentence says which, and what would be right.
Read next: `filters.py`, which does the leaving out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from replay.filters import Filters, Moment, RoutePattern
from switchboard.event import NS_PER_S, EventError, parse_ts
from switchboard.headers import is_token
from switchboard.hosts import parse_pattern

MAX_WORDS: Final = 1_000
_MAX_LENGTH: Final = 2_000
_OFFSET: Final = re.compile(r"\+((?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d)){1,6})")
_STEP: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MINUTES: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(.{0,6})")
_CODES: Final = re.compile(r"([1-9]\d\d)(?:-([1-9]\d\d))?|([1-9])xx")
_PERCENT: Final = re.compile(r"\d{1,3}(?:\.\d{1,9})?%")
_SHARE: Final = re.compile(r"[01](?:\.\d{1,12})?|\.\d{1,12}")
NOT_RECORDED: Final = "none"


def build_filters(
    *,
    start: str | None = None,
    end: str | None = None,
    hosts: Iterable[str] = (),
    routes: Iterable[str] = (),
    methods: Iterable[str] = (),
    statuses: Iterable[str] = (),
    users: Iterable[str] = (),
    sessions: Iterable[str] = (),
    sample: str | float | None = None,
    seed: int = 0,
) -> Filters:
    """The filters of what was written. Raises ValueError with one sentence."""
    built = Filters(
        start=None if start is None else parse_moment(start),
        end=None if end is None else parse_moment(end),
        hosts=tuple(parse_pattern(word.strip()) for word in _few(hosts)),
        routes=tuple(map(parse_route, _few(routes))),
        methods=frozenset(map(parse_method, _few(methods))),
        statuses=tuple(map(parse_status, _few(statuses))),
        users=frozenset(_few(users)),
        sessions=frozenset(_few(sessions)),
        sample=None if sample is None else parse_share(str(sample)),
        seed=seed,
    )
    if built.start is not None and built.end is not None:
        start_ns, end_ns = built.start.ns, built.end.ns
        if built.start.is_offset == built.end.is_offset and start_ns >= end_ns:
            raise ValueError(f"nothing lies between {start} and {end}: the first must be earlier")
    return built


def parse_moment(text: str) -> Moment:
    """`2024-03-15T14:00:00Z`, `2024-03-15` (UTC), epoch nanoseconds, or `+5m` from the start."""
    word = text.strip()
    found = _OFFSET.fullmatch(word)
    if found is not None:
        seconds = sum(float(n) * _UNITS_S[unit] for n, unit in _STEP.findall(found[1]))
        return Moment(round(seconds * NS_PER_S), is_offset=True)
    try:
        stamp = int(word) if word.isascii() and word.isdigit() and len(word) < 20 else _full(word)
        return Moment(parse_ts(stamp))
    except EventError:
        raise ValueError(
            f"{_shown(text)} is no time; write 2024-03-15T14:00:00Z, 2024-03-15, "
            "or +5m from the first event"
        ) from None


def parse_route(text: str) -> RoutePattern:
    """`/v1/citizens/*`, `/users/{id}`, `GET /users/{id}`, or `svc GET /users/{id}`, as reports."""
    words = text.split()
    if not 1 <= len(words) <= 3 or words[-1][:1] not in ("/", "*") or len(text) > _MAX_LENGTH:
        raise ValueError(
            f"{_shown(text)} is no route; write a path such as /v1/citizens/* or /users/{{id}}, "
            "with a method before it if it matters"
        )
    method = parse_method(words[-2]) if len(words) > 1 else None
    service = words[0].lower() if len(words) > 2 else None
    return RoutePattern(tuple(words[-1].split("*")), method, service)


def parse_method(text: str) -> str:
    word = text.strip().upper()
    if not is_token(word) or len(word) > 32:
        raise ValueError(f"{_shown(text)} is no HTTP method; write one such as GET")
    return word


def parse_status(text: str) -> tuple[int, int]:
    """`404`, `5xx`, `500-599`, or `none` where no status was recorded: first and last code."""
    word = text.strip().lower()
    if word == NOT_RECORDED:
        return 0, 0
    found = _CODES.fullmatch(word)
    if found is None or (found[2] and found[2] < found[1]):
        raise ValueError(f"{_shown(text)} is no status; write 404, 5xx, 500-599 or none")
    if found[3]:
        return int(found[3]) * 100, int(found[3]) * 100 + 99
    return int(found[1]), int(found[2] or found[1])


def parse_share(text: str) -> float:
    """`0.1` or `10%` as a number from 0 to 1."""
    word = text.strip()
    share = -1.0
    if _PERCENT.fullmatch(word):
        share = float(word[:-1]) / 100
    elif _SHARE.fullmatch(word):
        share = float(word)
    if not 0 <= share <= 1:
        raise ValueError(f"{_shown(text)} is no share; write a number from 0 to 1, or 10%")
    return share


def _full(word: str) -> str:
    """A day, or a time without seconds or zone, as the full stamp it stands for: UTC."""
    if _DATE.fullmatch(word):
        return f"{word}T00:00:00Z"
    found = _MINUTES.fullmatch(word)
    return f"{found[1]}T{found[2]}{found[3] or ':00'}{found[4] or 'Z'}" if found else word


def _few(words: Iterable[str]) -> list[str]:
    given = list(words)
    if len(given) > MAX_WORDS:
        raise ValueError(f"at most {MAX_WORDS:,} values can be given for one filter")
    return given


def _shown(text: str) -> str:
    return ascii(text[:80])
