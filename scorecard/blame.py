"""The blame ledger: what each fault of a drill cost, counted in requests.

A fault is blamed only for requests that it touched, which the gateway wrote down as it happened,
and for those of the same user that had to wait behind a touched one. With the same run without
the faults beside it (the baseline), what would have gone wrong anyway is nobody's doing.
Totals add up: a failed request is counted once, listed under each fault that touched it.

Floor 2, pure; arrays in, values out. Read next: `shares.py` (whose doing a missed objective is),
`course.py` (when it was noticed), docs/drills.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.outcome import FAILURE_NAMES, Failure, Outcomes
from replay.tape import Route
from scorecard.measures import (
    Flags,
    Values,
    is_failed,
    is_timed,
    response_ms,
    service_ms,
    wait_ms,
)

TOUCH: Final = np.dtype(
    [
        ("request", "<u8"),
        ("at_us", "<i8"),
        ("fault", "<u2"),
        ("attempt", "u1"),
        ("zero", "u1"),
        ("spare", "V4"),
    ]
)
"""A row of `stubs/touches.py`."""

SLOWER_MS: Final = 10.0
"""Less than this is the machine's own unrest, and no fault's doing."""

EXAMPLES: Final = 10

Touches = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault of the timetable: its number in the touches, and when it was due, recorded time.

    end_ms: None lasts to the end of the run.   written: the fault as its mapping has it.
    """

    number: int
    id: str
    start_ms: float
    end_ms: float | None
    written: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds; None where there was nothing to measure."""

    mean: float | None
    p95: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class FaultCost:
    """What one fault did.

    failed: touched and failed; `shared` of them were touched by another fault too, and
    `failed_anyway` failed without any fault as well.   recovered_by_retry: touched, tried again,
    and answered in the end.   slowed: touched, answered, and at least 10 ms slower than without
    faults, by `added_ms`.   held: waited behind a touched request of the same user, `held_ms`
    longer than without faults; without a baseline as long as it waited.   None where only a
    baseline could tell.
    """

    id: str
    touched: int
    failed: int
    shared: int
    failed_anyway: int | None
    recovered_by_retry: int
    slowed: int | None
    added_ms: Spread
    held: int
    held_ms: Spread


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that failed, and the ids of the faults that touched it."""

    id: int
    route: str
    status: int | None
    failure: str | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Requests that failed although no fault touched them.

    anyway: failed without any fault as well.   after_a_fault: an earlier request of the same user
    was touched.   examples: the first few ids.
    """

    count: int
    anyway: int | None
    after_a_fault: int
    examples: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Blame:
    """The ledger. `failed` = `by_faults` + `unexplained.count`."""

    failed: int
    by_faults: int
    touched: int
    faults: tuple[FaultCost, ...]
    unexplained: Unexplained
    failed_requests: tuple[FailedRequest, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of drill.json, without `failed_requests`, which stand beside it."""
        written = asdict(self)
        del written["failed_requests"]
        return written


def read_touches(path: Path) -> Touches:
    """The rows of a touch file; half a row that a killed gateway left is passed over.

    A file that is not there holds no touches. Raises OSError.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return np.empty(0, TOUCH)
    return np.frombuffer(data, TOUCH, count=len(data) // TOUCH.itemsize)


class Ledger:
    """Outcomes, touches and the baseline brought together, one column a request.

    index: request ids, ascending; every other column is in their order.
    touched, held: a row a fault, a flag a request.   charged: how often each was really paid.
    """

    def __init__(
        self,
        rows: Outcomes,
        touches: Touches,
        faults: Sequence[FaultSpan],
        baseline: Outcomes | None = None,
        charges: Mapping[int, int] | None = None,
    ) -> None:
        """rows, baseline: every request of each run, in any order; unsent ones are left out.

        charges: by request id, how many payments were committed; None where no ledger was kept.
        """
        rows = _by_index(rows)
        self.rows = rows
        self.faults = tuple(faults)
        self.index: Rows = rows["index"].astype(np.int64)
        self.failed = is_failed(rows)
        self.timed = is_timed(rows)
        self.response_ms = response_ms(rows)
        self.touched = _touched(self.index, touches, faults)
        paid = charges or {}
        self.charged: Rows = np.array([paid.get(id_, 0) for id_ in self.index.tolist()], np.int64)
        self.base = None if baseline is None else Beside(self.index, _by_index(baseline))
        self.held = self._held()

    @property
    def by_fault(self) -> Flags:
        """Which requests any fault touched."""
        return np.asarray(self.touched.any(axis=0))

    @property
    def added_ms(self) -> Values:
        """How much longer each took from being sent than without faults; NaN where unknown."""
        taken = np.where(self.timed, service_ms(self.rows), np.nan)
        return taken - self.base.service_ms if self.base else np.full(len(taken), np.nan)

    @property
    def added_wait_ms(self) -> Values:
        """How much longer each was held by its own user; the whole wait without a baseline."""
        waited = wait_ms(self.rows)
        return waited - np.nan_to_num(self.base.wait_ms) if self.base else waited

    def after_touched(self) -> Flags:
        """Which requests come after a touched one of the same user."""
        order = np.lexsort((self.index, self.rows["lane"]))
        lane = self.rows["lane"][order]
        touched = self.by_fault[order].astype(np.int64)
        before = np.cumsum(touched) - touched
        starts = np.flatnonzero(np.concatenate(([True], lane[1:] != lane[:-1]))[: len(lane)])
        lengths = np.diff(np.concatenate((starts, [len(lane)])))
        found = np.zeros(len(order), dtype=bool)
        found[order] = before - np.repeat(before[starts], lengths) > 0
        return found

    def _held(self) -> Flags:
        """Which requests each fault held: those that waited in a row behind one it touched."""
        waits = (self.rows["held"] == 1) & (self.added_wait_ms >= SLOWER_MS)
        order = np.lexsort((self.index, self.rows["lane"]))
        lane, waiting = self.rows["lane"][order], waits[order]
        is_first = np.concatenate(([True], lane[1:] != lane[:-1]))[: len(lane)]
        # A chain is a request that waited for nobody, and those behind it that each waited.
        waiting = waiting & ~is_first
        chain = np.maximum.accumulate(np.where(waiting, 0, np.arange(len(lane))))
        held = np.zeros_like(self.touched)
        for number, touched in enumerate(self.touched):
            count = np.cumsum(touched[order]).astype(np.int64)
            before = np.concatenate(([0], count))
            position = np.arange(len(lane))
            held[number, order] = waiting & (before[position] - before[chain] > 0)
        return held


class Beside:
    """The baseline's columns in the order of another run's requests; NaN or False where missing."""

    def __init__(self, index: Rows, rows: Outcomes) -> None:
        place = np.searchsorted(rows["index"], index)
        place = np.minimum(place, max(0, len(rows) - 1))
        known = rows["index"][place] == index if len(rows) else np.zeros(len(index), dtype=bool)
        timed = is_timed(rows)

        def column(values: Values) -> Values:
            found = np.full(len(index), np.nan)
            found[known] = np.where(timed, values, np.nan)[place[known]]
            return found

        self.service_ms = column(service_ms(rows))
        self.response_ms = column(response_ms(rows))
        self.wait_ms = column(wait_ms(rows))
        self.failed = np.zeros(len(index), dtype=bool)
        self.failed[known] = is_failed(rows)[place[known]]


def assign_blame(ledger: Ledger, routes: Sequence[Route]) -> Blame:
    """What each fault cost, and what no fault explains."""
    by_fault = ledger.by_fault
    explained = ledger.failed & by_fault
    return Blame(
        failed=_count(ledger.failed),
        by_faults=_count(explained),
        touched=_count(by_fault),
        faults=tuple(_cost(ledger, place) for place in range(len(ledger.faults))),
        unexplained=_unexplained(ledger, ledger.failed & ~by_fault),
        failed_requests=tuple(_failed_requests(ledger, routes)),
    )


def _cost(ledger: Ledger, place: int) -> FaultCost:
    touched, held = ledger.touched[place], ledger.held[place]
    failed = touched & ledger.failed
    answered = touched & ~ledger.failed
    slower = answered & (ledger.added_ms >= SLOWER_MS)
    several = ledger.touched.sum(axis=0) > 1
    base = ledger.base
    return FaultCost(
        id=ledger.faults[place].id,
        touched=_count(touched),
        failed=_count(failed),
        shared=_count(failed & several),
        failed_anyway=None if base is None else _count(failed & base.failed),
        recovered_by_retry=_count(answered & (ledger.rows["retries"] > 0)),
        slowed=None if base is None else _count(slower),
        added_ms=_spread(ledger.added_ms[slower]),
        held=_count(held),
        held_ms=_spread(ledger.added_wait_ms[held]),
    )


def _unexplained(ledger: Ledger, flags: Flags) -> Unexplained:
    base = ledger.base
    return Unexplained(
        count=_count(flags),
        anyway=None if base is None else _count(flags & base.failed),
        after_a_fault=_count(flags & ledger.after_touched()),
        examples=tuple(ledger.index[flags][:EXAMPLES].tolist()),
    )


def _failed_requests(ledger: Ledger, routes: Sequence[Route]) -> list[FailedRequest]:
    found = []
    for place in np.flatnonzero(ledger.failed).tolist():
        row = ledger.rows[place]
        failure = Failure(int(row["failure"]))
        faults = (ledger.faults[n].id for n in np.flatnonzero(ledger.touched[:, place]).tolist())
        found.append(
            FailedRequest(
                id=int(row["index"]),
                route=_route_name(routes, int(row["route"])),
                status=int(row["status"]) or None,
                failure=None if failure is Failure.NONE else FAILURE_NAMES[failure],
                faults=tuple(faults),
            )
        )
    return found


def _route_name(routes: Sequence[Route], number: int) -> str:
    return routes[number].name if number < len(routes) else f"route-{number}"


def _by_index(rows: Outcomes) -> Outcomes:
    """The rows that were sent, in order of their request ids."""
    sent = rows[rows["sent_ns"] >= 0]
    return sent[np.argsort(sent["index"], kind="stable")]


def _touched(index: Rows, touches: Touches, faults: Sequence[FaultSpan]) -> Flags:
    """A row a fault, a flag a request. Touches of anything else are left out."""
    touched = np.zeros((len(faults), len(index)), dtype=bool)
    if not len(index):
        return touched
    request = touches["request"]
    place = np.minimum(np.searchsorted(index, request), len(index) - 1)
    known = index[place].astype(np.uint64) == request
    for row, fault in enumerate(faults):
        touched[row, place[known & (touches["fault"] == fault.number)]] = True
    return touched


def _spread(values: Values) -> Spread:
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        return Spread(None, None, None)
    p95 = values[min(len(values) - 1, int(np.ceil(0.95 * len(values) - 1e-9)) - 1)]
    return Spread(*(round(float(value), 3) for value in (values.mean(), p95, values[-1])))


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))
