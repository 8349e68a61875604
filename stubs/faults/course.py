"""What faults make of one request: the course that its answer takes.

A fault decides and does nothing; whoever answers carries the course out (`stubs/answering.py` what
the stub is asked, `stubs/transport.py` what reaches the wire). Floor 1, pure values.
Read next: `fault.py`, which says which faults touch a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stubs.service import Answer

Garble = Literal["chunk", "json", "headers", "garbage"]
Ending = Literal["close", "reset", "respond"]


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends before the answer does.

    phase: `request` as soon as the request has come, with no byte of an answer; `response` after
    `after_bytes` of the answer's bytes on the wire, or `body_bytes` or `fraction` of its body.
    how: `reset` (RST) or `close` (FIN).   after_ms: how long it takes to happen.
    keep_content_length: a close that a client can notice (the length was promised) or cannot.
    """

    how: Literal["reset", "close"]
    phase: Literal["request", "response"] = "request"
    after_ms: float = 0.0
    after_bytes: int | None = None
    body_bytes: int | None = None
    fraction: float | None = None
    keep_content_length: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is said for a while. for_s: None holds until the fault is lifted or the client goes.

    then: what happens afterwards; `respond` gives the answer after all.
    """

    for_s: float | None
    then: Ending = "close"


@dataclass(frozen=True, slots=True)
class Pacing:
    """The answer's (or the request's) bytes come slowly.

    bytes_per_s: 0 for no limit.   chunk_bytes: written at once, 0 to leave it to the rate.
    chunk_delay_ms: between two chunks.   stalls: (chunk number, seconds) for lost packets.
    direction: `response`, `request` (the body is read slowly) or `both`.
    """

    bytes_per_s: float = 0.0
    chunk_bytes: int = 0
    chunk_delay_ms: float = 0.0
    stalls: tuple[tuple[int, float], ...] = ()
    direction: Literal["response", "request", "both"] = "response"


@dataclass(frozen=True, slots=True)
class CallbackTwist:
    """What becomes of the answer's callbacks: sent `times` times, `delay_ms` of recorded time
    later, and `is_shuffled` in an order that is not the one they were made in."""

    times: int = 1
    delay_ms: float = 0.0
    is_shuffled: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """How one request fares. The default is the usual way.

    faults: ids of the faults that touched it, the strongest first.
    asks: how often the stub is asked: 0 not at all (nothing happens at the service), 1, or 2 (the
    request was delivered twice).   answer: said instead of what the stub answers.
    before_s: added to the stub's own latency.   first_byte_s: between head and body.
    skew_s: added to clocks in the answer.   stale_ms: the stub reads its state as of so long ago.
    settle_lag_ms: added to when a payment settles (recorded time).
    close_delay_s: how long the connection lingers before it is closed, which it then is.
    """

    faults: tuple[str, ...] = ()
    asks: int = 1
    answer: Answer | None = None
    before_s: float = 0.0
    first_byte_s: float = 0.0
    cut: Cut | None = None
    hold: Hold | None = None
    pacing: Pacing | None = None
    garble: Garble | None = None
    close_delay_s: float | None = None
    callbacks: CallbackTwist | None = None
    skew_s: float = 0.0
    stale_ms: float = 0.0
    settle_lag_ms: float = 0.0


USUAL = Course()
