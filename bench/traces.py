"""Logs made for the benchmarks, whose every stamp and user is known beforehand.

OPS NDJSON, and access logs (combined) such as a web server writes.

Request i of a log has the path `/bench/<i>`, so that a recorder that knows nothing of the product
can say which one it saw.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

START_NS = 1_584_273_600_000_000_000
"""Noon UTC on 15 March 2020."""

BODY_BYTES = 300
NS_PER_S = 1_000_000_000

_HEADERS = (
    '{"Accept":"application/json","User-Agent":"bench/1.0","Accept-Language":"en",'
    '"Content-Type":"application/json","X-Trace":"4bf92f3577b34da6","Cache-Control":"no-cache"}'
)
_BODY = '{"note":"' + "x" * (BODY_BYTES - 11) + '"}'


@dataclass(frozen=True, slots=True)
class Pattern:
    """A log: how many requests of how many users, and when.

    rate_per_s: recorded rate.   seed: None for even gaps, else exponential ones.
    users: odd, so that each user sends both methods, taking turns.
    """

    requests: int
    users: int
    rate_per_s: float
    seed: int | None = None

    def user_of(self, number: int) -> int:
        return number % self.users

    def stamps_ns(self) -> Iterator[int]:
        """Nanoseconds since the log's start, ascending, whole microseconds, the first 0."""
        if self.seed is None:
            gap_ns = NS_PER_S / self.rate_per_s
            yield from (int(i * gap_ns) // 1000 * 1000 for i in range(self.requests))
            return
        draw = random.Random(self.seed)
        at_s = 0.0
        for _ in range(self.requests):
            yield int(at_s * 1e6) * 1000
            at_s += draw.expovariate(self.rate_per_s)


def write_log(path: Path, pattern: Pattern) -> None:
    """Write the log: GET and POST in turn, six headers, 300-byte bodies."""
    with path.open("w", encoding="ascii") as file:
        for number, stamp_ns in enumerate(pattern.stamps_ns()):
            file.write(_line(number, stamp_ns, pattern.user_of(number)))


_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/80.0.3987.132 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/13.0.5 Mobile/15E148 Safari/604.1",
    "curl/7.68.0",
)
_PLACES = ("cases", "forms", "images", "styles", "help")
_FILES = ("index.html", "list", "view", "main.css", "logo.png")


def write_access_log(path: Path, pattern: Pattern) -> None:
    """Write an access log: a client for each user; pages, numbered cases and searches in turn."""
    with path.open("w", encoding="ascii") as file:
        for number, stamp_ns in enumerate(pattern.stamps_ns()):
            file.write(_access_line(number, stamp_ns, pattern.user_of(number)))


def _access_line(number: int, stamp_ns: int, user: int) -> str:
    stamp = f"{_clf_clock((START_NS + stamp_ns) // NS_PER_S)} +0000"
    address = f"10.{user >> 16 & 255}.{user >> 8 & 255}.{user & 255}"
    page = f"/app/{_PLACES[number % 5]}/{_FILES[number // 5 % 5]}"
    target = (page, f"/app/cases/{number}", f"{page}?page={number % 50}&sort=name")[number % 3]
    return (
        f'{address} - - [{stamp}] "GET {target} HTTP/1.1" 200 {number % 9_000} '
        f'"https://www.example.com/start?from={number % 100}" "{_AGENTS[user % 3]}"\n'
    )


def _line(number: int, stamp_ns: int, user: int) -> str:
    seconds, rest = divmod(START_NS + stamp_ns, NS_PER_S)
    method, body = ("POST", f',"body":{_BODY}') if number % 2 else ("GET", "")
    return (
        f'{{"ts":"{_clock(seconds)}.{rest // 1000:06d}Z","method":"{method}",'
        f'"url":"https://svc.hms.example/bench/{number}","user":"C-{user:08d}",'
        f'"headers":{_HEADERS}{body},"status":200,"wait_ms":12.5}}\n'
    )


_last: tuple[int, str] = (-1, "")


def _clock(seconds: int) -> str:
    """Date and time of a whole second; a log asks for the same one many times over."""
    global _last
    if _last[0] != seconds:
        _last = (seconds, f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}")
    return _last[1]


_last_clf: tuple[int, str] = (-1, "")


def _clf_clock(seconds: int) -> str:
    """The same as access logs write it."""
    global _last_clf
    if _last_clf[0] != seconds:
        _last_clf = (seconds, f"{datetime.fromtimestamp(seconds, UTC):%d/%b/%Y:%H:%M:%S}")
    return _last_clf[1]
