"""What callers do when a request fails: try again, a bounded number of times, after a while.

Real callers retry, and a retry without an idempotency key is how a citizen is charged twice. The
policy is a value; `Retries` is the engine's book of who waits for another attempt. Waits are
recorded time, so that a retry belongs to the same moment of the trace at any speed. One request
stays one outcome: sent when first sent, done when the last attempt was. Floor 1, no clock.
Read next: `engine.py`, which asks it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from replay.outcome import Failure

KeyUse = Literal["keep", "drop", "add"]

MAX_TIMES: Final = 10
MAX_AFTER_MS: Final = 3_600_000.0
MAX_FACTOR: Final = 10.0
FAILURES: Final[Mapping[str, Failure]] = {
    "refused": Failure.REFUSED,
    "reset": Failure.RESET,
    "timeout": Failure.TIMEOUT,
    "protocol": Failure.PROTOCOL,
}
USUAL_FAILURES: Final = frozenset(FAILURES)
USUAL_STATUSES: Final = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When callers try again, and how.

    times: further attempts, 1 to 10.   after_ms: recorded time before the first of them; each
    further wait is `factor` times the one before.   failures, statuses: what is tried again.
    key: what becomes of `Idempotency-Key`: `keep` as recorded, `drop` it from every attempt, or
    `add` one, the same for all attempts, where a POST has none. Raises ValueError.
    """

    times: int = 1
    after_ms: float = 1000.0
    factor: float = 1.0
    failures: frozenset[str] = USUAL_FAILURES
    statuses: frozenset[int] = USUAL_STATUSES
    key: KeyUse = "keep"
    codes: frozenset[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.times <= MAX_TIMES:
            raise ValueError(f"callers try again 1 to {MAX_TIMES} times")
        if not 0 <= self.after_ms <= MAX_AFTER_MS:
            raise ValueError("callers wait for 0 s to an hour before they try again")
        if not 1 <= self.factor <= MAX_FACTOR:
            raise ValueError(f"each wait is 1 to {MAX_FACTOR:g} times the one before")
        codes = frozenset(int(FAILURES[name]) for name in self.failures)
        object.__setattr__(self, "codes", codes)

    def wants(self, status: int, failure: int) -> bool:
        """Whether an attempt that ended so is followed by another."""
        return failure in self.codes or (not failure and status in self.statuses)

    def offset_ms(self, attempt: int) -> float:
        """Recorded time from the first attempt to attempt 1, 2, …, as if answers took no time."""
        return sum(self.wait_ms(number) for number in range(1, attempt + 1))

    def wait_ms(self, attempt: int) -> float:
        """Recorded time between the attempt before and this one."""
        wait_ms: float = self.after_ms * self.factor ** (attempt - 1)
        return wait_ms

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads."""
        fields = asdict(self)
        del fields["codes"]
        return {**fields, "failures": sorted(self.failures), "statuses": sorted(self.statuses)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> RetryPolicy:
        """The inverse of `to_json`."""
        failures, statuses = frozenset(fields["failures"]), frozenset(fields["statuses"])
        return cls(**{**fields, "failures": failures, "statuses": statuses})


@dataclass(slots=True)
class Pending:
    """A request that was tried and may be tried again: its first times and its last fate."""

    attempt: int
    ready_ns: int
    sent_ns: int
    status: int = 0
    failure: Failure = Failure.NONE
    body_bytes: int = 0
    done_ns: int = 0


class Retries:
    """Who waits for another attempt, and for how long. Holds only requests that failed once."""

    def __init__(self, policy: RetryPolicy, speed: float) -> None:
        """speed: recorded seconds a second; infinite tries again at once."""
        self.policy = policy
        self._ns_per_ms = 1e6 / speed
        self._pending: dict[int, Pending] = {}
        self._due: list[tuple[int, int]] = []

    @property
    def next_ns(self) -> int | None:
        """When the next attempt is due, on the monotonic clock."""
        return self._due[0][0] if self._due else None

    def takes(
        self,
        position: int,
        status: int,
        failure: Failure,
        body_bytes: int,
        ready_ns: int,
        sent_ns: int,
        done_ns: int,
    ) -> bool:
        """Whether the request at `position` will be tried again; if so it is on the books."""
        if not self.policy.wants(status, failure):
            return False
        pending = self._pending.get(position)
        if pending is None:
            pending = Pending(0, ready_ns, sent_ns)
        if pending.attempt >= self.policy.times:
            return False
        pending.attempt += 1
        pending.status, pending.failure = status, failure
        pending.body_bytes, pending.done_ns = body_bytes, done_ns
        self._pending[position] = pending
        wait_ns = int(self.policy.wait_ms(pending.attempt) * self._ns_per_ms)
        heapq.heappush(self._due, (done_ns + wait_ns, position))
        return True

    def pop_due(self, now_ns: int) -> tuple[int, int] | None:
        """(position, attempt) of one that is due, or None."""
        if not self._due or self._due[0][0] > now_ns:
            return None
        position = heapq.heappop(self._due)[1]
        return position, self._pending[position].attempt

    def close(self, position: int) -> Pending | None:
        """The request at `position` ended for good: what is known of its first attempt."""
        return self._pending.pop(position, None)

    def give_up(self, unsent: Iterable[int] = ()) -> list[tuple[int, Pending]]:
        """Nobody tries again: those that still waited for it, and how each had ended.

        unsent: positions that had no connection yet; those of further attempts are among them.
        """
        due = [position for _, position in self._due]
        due += [position for position in unsent if position in self._pending]
        waiting = [(position, self._pending[position]) for position in due]
        self._due.clear()
        for _, pending in waiting:
            pending.attempt -= 1
        return waiting
