"""The engine of a worker: takes what is due, sends it in its user's order, records the outcome.

Open between users, ordered inside a user: a request whose user still waits for the previous
answer is passed over and leaves the moment that answer is in; nobody else waits for it. Nothing
here is a coroutine and nothing allocates per outcome; `worker.py` gives it a loop, connections
and a clock, and takes the rows away once a second.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from replay.clock import Ticker
from replay.outcome import Failure
from replay.plan import PlanPart
from replay.pool import Pool
from replay.prepare import Prepared
from replay.retry import Retries
from replay.wire import IDLE, Wire

BATCH = 32
"""Requests prepared at a time: small enough that nobody is late for it, at most some 40 µs."""

BATCH_AT_MAX = 512
"""With `--speed max` nothing has a time to be late for, and larger batches cost less each."""

LOOKAHEAD = 128
"""Requests kept ready ahead of their due time."""

BURST = 256
"""Requests taken from the plan before the loop may read answers again: when thousands are due at
once, answers that are already there must not be measured late for it."""

MAX_WAITING = 64
"""With `--speed max` everything is due at once: the plan is read on only while fewer than this
many requests wait for a connection to be made."""

SENT_ROW = np.dtype(
    [
        ("position", "<u4"),
        ("bytes", "<u4"),
        ("status", "<u2"),
        ("failure", "u1"),
        ("held", "u1"),
        ("retries", "u1"),
        ("ready_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("done_ns", "<i8"),
    ]
)
"""What the engine knows of an outcome; times are on the monotonic clock, ready_ns is 0 when the
request did not have to wait for its user. A request that was tried again counts from its first
attempt to the end of its last."""

_pack_row = struct.Struct("<IIHBBBqqq").pack_into
_ROW_BYTES = SENT_ROW.itemsize
_U4_MAX = 0xFFFFFFFF
_NOT_YET = 1 << 62
"""A start so far away that nothing is due."""


class Source(Protocol):
    """Where ready-to-send requests come from: `prepare.Preparer`, or a test's list."""

    def prepare(self, start: int, stop: int) -> list[Prepared]:
        """The requests at positions start..stop."""

    def one(self, position: int) -> Prepared:
        """The request at one position."""

    def again(self, position: int, attempt: int) -> tuple[int, bytes]:
        """The pool and the bytes of a further attempt at it."""


class Engine:
    """Plays one plan part over its pools. Give it a ticker with `attach` before `start`."""

    def __init__(
        self,
        part: PlanPart,
        source: Source,
        now_ns: Callable[[], int],
        *,
        is_paced: bool,
        timeout_ns: int,
        on_rows: Callable[[bytes], None],
        on_finished: Callable[[], None],
        capacity: int = 65_536,
        retries: Retries | None = None,
    ) -> None:
        """retries: None when nobody tries again."""
        self._source = source
        self._now_ns = now_ns
        self._is_paced = is_paced
        self._batch = BATCH if is_paced else BATCH_AT_MAX
        self._timeout_ns = timeout_ns
        self._on_rows = on_rows
        self._on_finished = on_finished
        self._retries = retries
        self._count = len(part)
        self._next = memoryview(np.ascontiguousarray(part.next, dtype=np.int32))
        self._pools: Sequence[Pool] = ()
        self._ticker: Ticker | None = None
        self._t0_ns = _NOT_YET
        # What has been done so far.
        self._queue: deque[Prepared] = deque()
        self._prepared = 0
        self._passed = 0
        self._ended = 0
        self._in_flight = 0
        self._is_done = bytearray(self._count)
        self._is_stopping = False
        self._is_finished = False
        # Outcomes since the last flush.
        self._rows = bytearray(capacity * _ROW_BYTES)
        self._rows_at = 0

    def __repr__(self) -> str:
        return f"<Engine {self._ended}/{self._count} ended, {self._in_flight} in flight>"

    @property
    def sent(self) -> int:
        """Requests that have left, ended or not."""
        return self._ended + self._in_flight

    def attach(self, pools: Sequence[Pool], ticker: Ticker) -> None:
        """The connections to send over and the ticker that wakes `on_tick`."""
        self._pools = pools
        self._ticker = ticker

    def start(self, t0_ns: int) -> None:
        """Begin at `t0_ns` on the monotonic clock, from which due times count."""
        self._t0_ns = t0_ns
        self._refill(LOOKAHEAD)
        self._wake_at(t0_ns)

    def on_tick(self) -> None:
        """Send everything that is due, make the next requests ready, and sleep until they are."""
        if self._is_stopping:
            return
        self._send_due(self._now_ns())
        self._send_retries()
        if self._is_paced:
            self._sleep()
        self._finish_if_over()

    def stop(self) -> None:
        """Send nothing more. What is in flight may still end; `cancel` does not wait for it."""
        self._is_stopping = True
        self._queue.clear()
        unsent = [position for pool in self._pools for position, *_ in pool.waiting]
        for pool in self._pools:
            pool.waiting.clear()
        if self._retries is not None:
            for position, last in self._retries.give_up(unsent):
                fate = (last.status, last.failure, last.body_bytes)
                self._record(position, *fate, last.ready_ns, last.sent_ns, last.done_ns)
        self._finish_if_over()

    def cancel(self) -> None:
        """End everything in flight as cancelled."""
        self.stop()
        for pool in self._pools:
            pool.close()

    def sweep(self) -> None:
        """End every request that has been in flight for longer than the read timeout."""
        oldest_ns = self._now_ns() - self._timeout_ns
        for pool in self._pools:
            for wire in tuple(pool.wires):
                if wire.index != IDLE and wire.sent_ns < oldest_ns:
                    wire.end(Failure.TIMEOUT)

    def flush(self) -> None:
        """Hand the outcomes since the last flush to `on_rows`."""
        if self._rows_at:
            rows = bytes(memoryview(self._rows)[: self._rows_at])
            self._rows_at = 0
            self._on_rows(rows)

    # What the pools call.

    def on_outcome(
        self,
        pool: Pool,
        wire: Wire,
        position: int,
        status: int,
        failure: Failure,
        body_bytes: int,
        done_ns: int,
    ) -> None:
        """Record how the request at `position` ended, and send what that makes possible."""
        self._in_flight -= 1
        ready_ns, sent_ns = wire.ready_ns, wire.sent_ns
        if self._retries is not None and self._is_tried_again(
            position, status, failure, body_bytes, ready_ns, sent_ns, done_ns
        ):
            if wire.is_open:
                pool.idle.append(wire)
                self.on_available(pool)
            return
        self._record(position, status, failure, body_bytes, ready_ns, sent_ns, done_ns)
        following = self._next[position]
        is_held = 0 <= following < self._passed
        if wire.is_open:
            if pool.waiting:
                self._send_waiting(pool, wire)
            elif self._is_paced or is_held or not self._send_next(pool, wire, done_ns):
                pool.idle.append(wire)
            else:
                return
        if self._is_stopping or self._ended == self._count:
            self._finish_if_over()
        else:
            if is_held:
                self._release(following, done_ns)
            if not self._is_paced:
                self._send_due(done_ns)

    def on_available(self, pool: Pool) -> None:
        """A new connection is idle, or may be made: serve whoever waits longest."""
        while pool.waiting and (wire := pool.take()) is not None:
            self._send_waiting(pool, wire)
        if not self._is_paced and not self._is_stopping:
            self._send_due(self._now_ns())

    def on_dial_failed(self, pool: Pool, failure: Failure, started_ns: int) -> None:
        """No connection: the request that waits longest ends with that failure."""
        if pool.waiting:
            position, ready_ns, since_ns, _ = pool.waiting.popleft()
            sent_ns = max(started_ns, since_ns)
            done_ns = self._now_ns()
            if not self._is_tried_again(position, 0, failure, 0, ready_ns, sent_ns, done_ns):
                self._record(position, 0, failure, 0, ready_ns, sent_ns, done_ns)
                following = self._next[position]
                if 0 <= following < self._passed:
                    self._release(following, done_ns)
        self.on_tick()

    # The hot path.

    def _send_due(self, at_ns: int) -> None:
        queue, is_done, pools = self._queue, self._is_done, self._pools
        now_ns, t0_ns, is_paced = self._now_ns, self._t0_ns, self._is_paced
        elapsed_ns = at_ns - t0_ns
        for _ in range(BURST):
            if not queue and not self._refill(self._batch):
                return
            due_ns, position, prev, pool_number, request = queue[0]
            if due_ns > elapsed_ns:
                # Sending took time: look again before going to sleep.
                elapsed_ns = now_ns() - t0_ns
                if due_ns > elapsed_ns:
                    return
            pool = pools[pool_number]
            if not (is_paced or pool.idle) and (pool.room <= 0 or len(pool.waiting) >= MAX_WAITING):
                # With `--speed max` the plan is read on only while there is somebody to send it.
                return
            queue.popleft()
            self._passed = position + 1
            if prev >= 0 and not is_done[prev]:
                continue
            wire = pool.take()
            if wire is None:
                pool.wait(position, 0, now_ns(), request)
            else:
                self._in_flight += 1
                wire.send(position, request, 0, now_ns())

    def _send_next(self, pool: Pool, wire: Wire, now_ns: int) -> bool:
        """With `--speed max` a connection that is free takes the plan's next request itself, when
        that one may go and is for this pool; False when somebody has to look closer."""
        queue = self._queue
        if self._is_stopping or not (queue or self._refill(self._batch)):
            return False
        _, position, prev, pool_number, request = queue[0]
        if self._pools[pool_number] is not pool or (prev >= 0 and not self._is_done[prev]):
            return False
        queue.popleft()
        self._passed = position + 1
        self._in_flight += 1
        wire.send(position, request, 0, now_ns)
        return True

    def _release(self, following: int, done_ns: int) -> None:
        """A lane's next request was due while its user waited: it may go now."""
        _, _, _, pool_number, request = self._source.one(following)
        pool = self._pools[pool_number]
        wire = pool.take()
        if wire is None:
            pool.wait(following, done_ns, done_ns, request)
        else:
            self._in_flight += 1
            wire.send(following, request, done_ns, self._now_ns())

    def _is_tried_again(
        self,
        position: int,
        status: int,
        failure: Failure,
        body_bytes: int,
        ready_ns: int,
        sent_ns: int,
        done_ns: int,
    ) -> bool:
        retries = self._retries
        if retries is None or self._is_stopping:
            return False
        fate = (status, failure, body_bytes, ready_ns, sent_ns, done_ns)
        if not retries.takes(position, *fate):
            return False
        if self._is_paced:
            self._sleep()
        else:
            self._send_retries()
        return True

    def _send_retries(self) -> None:
        """Send the further attempts that are due."""
        retries = self._retries
        if retries is None:
            return
        now_ns = self._now_ns()
        while (due := retries.pop_due(now_ns)) is not None:
            position, attempt = due
            pool_number, request = self._source.again(position, attempt)
            pool = self._pools[pool_number]
            wire = pool.take()
            if wire is None:
                pool.wait(position, 0, now_ns, request)
            else:
                self._in_flight += 1
                wire.send(position, request, 0, now_ns)

    def _send_waiting(self, pool: Pool, wire: Wire) -> None:
        position, ready_ns, _, request = pool.waiting.popleft()
        self._in_flight += 1
        wire.send(position, request, ready_ns, self._now_ns())

    def _record(
        self,
        position: int,
        status: int,
        failure: Failure,
        body_bytes: int,
        ready_ns: int,
        sent_ns: int,
        done_ns: int,
    ) -> None:
        retries = 0
        if self._retries is not None and (first := self._retries.close(position)) is not None:
            retries, ready_ns, sent_ns = first.attempt, first.ready_ns, first.sent_ns
        at = self._rows_at
        held = 1 if ready_ns else 0
        if body_bytes > _U4_MAX:
            body_bytes = _U4_MAX
        _pack_row(
            self._rows, at, position, body_bytes, status, failure, held, retries, ready_ns,
            sent_ns, done_ns,
        )  # fmt: skip
        self._is_done[position] = 1
        self._ended += 1
        self._rows_at = at + _ROW_BYTES
        if self._rows_at == len(self._rows):
            self.flush()

    def _refill(self, wanted: int) -> bool:
        """Make up to `wanted` more requests ready. False when the plan has no more."""
        start = self._prepared
        stop = min(start + wanted, self._count)
        if start == stop:
            return False
        self._queue.extend(self._source.prepare(start, stop))
        self._prepared = stop
        return True

    def _sleep(self) -> None:
        queue = self._queue
        if len(queue) < LOOKAHEAD:
            self._refill(self._batch)
        due_ns = self._t0_ns + queue[0][0] if queue else None
        if self._retries is not None and (again_ns := self._retries.next_ns) is not None:
            due_ns = again_ns if due_ns is None else min(due_ns, again_ns)
        if due_ns is not None:
            self._wake_at(due_ns)

    def _wake_at(self, at_ns: int) -> None:
        if self._ticker is not None:
            self._ticker.arm(at_ns)

    def _finish_if_over(self) -> None:
        if self._is_finished or self._in_flight:
            return
        if self._is_stopping or self._ended == self._count:
            self._is_finished = True
            self.flush()
            self._on_finished()


__all__ = ["BATCH", "BATCH_AT_MAX", "LOOKAHEAD", "SENT_ROW", "Engine", "Source"]
