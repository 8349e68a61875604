"""What this machine does to a process that only sleeps: the floor under every lag measured here.

`python -m bench.floor SECONDS` wakes 1,000 times a second at absolute times, and prints how late
it was. Where its p99 is milliseconds, so is everybody's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from bench.stats import quantile

PER_S = 1_000
GAP_NS = 1_000_000_000 // PER_S


def late_by_ms(
    count: int, now_ns: Callable[[], int], sleep: Callable[[float], object]
) -> list[float]:
    """How late each of `count` wake-ups was, ascending."""
    began_ns = now_ns()
    late: list[float] = []
    for number in range(1, count + 1):
        due_ns = began_ns + number * GAP_NS
        sleep(max(0, due_ns - now_ns()) / 1e9)
        late.append((now_ns() - due_ns) / 1e6)
    return sorted(late)


def main(seconds: int) -> None:
    late = late_by_ms(seconds * PER_S, time.monotonic_ns, time.sleep)
    print(json.dumps([quantile(late, q) for q in (0.5, 0.99, 1.0)]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
