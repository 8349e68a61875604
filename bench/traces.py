"""Logs made for the benchmarks: OPS NDJSON whose every stamp and user is known beforehand.

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
