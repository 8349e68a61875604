"""A fault of the timetable: what goes wrong, for whom, when, and for how many of them.

Floor 1, pure: whether a fault touches a request follows from the request's recorded time, its id
and the seed, never from when it happens to arrive. Read next: `precedence.py`, `chaos.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.durations import DAY_MS
from stubs.faults.kind import TOUCH_DRAW, Draw, FaultKind
from stubs.faults.target import Target
from switchboard.seeded import text64

APPLY_TO: Final = ("new", "existing", "all")

ApplyTo = Literal["new", "existing", "all"]


@dataclass(frozen=True)
class Fault:
    """The envelope that every kind of fault shares. Times are recorded time.

    at_ms, for_ms: when it begins and how long it lasts; None lasts until the run ends.
    ramp_ms: over so long the share of requests it touches grows from none to `probability`.
    every_n: only each nth request.   first_n: only the first n.   skip_first: not the first n.
    max_active: at most so many requests at a time.   seed: instead of the run's.
    apply_to: connections opened since it began (`new`), before (`existing`), or all.
    ttl_ms: it ends after so long whatever `for` says: a dead-man's switch.
    chosen: the ids that the counting parameters come to, worked out from a run's plan; they then
    count nothing themselves. Raises ValueError for numbers that make no sense.
    """

    id: str
    kind: FaultKind
    target: Target = field(default_factory=Target)
    at_ms: float = 0.0
    for_ms: float | None = None
    ramp_ms: float = 0.0
    probability: float = 1.0
    every_n: int | None = None
    first_n: int | None = None
    skip_first: int = 0
    max_active: int | None = None
    seed: int | None = None
    apply_to: ApplyTo = "all"
    ttl_ms: float | None = None
    reason: str = ""
    chosen: frozenset[int] | None = None

    def __post_init__(self) -> None:
        lasting = [each for each in (self.for_ms, self.ttl_ms) if each is not None]
        counts = [n for n in (self.every_n, self.first_n, self.max_active) if n is not None]
        if not 0 <= self.at_ms < math.inf or not 0 <= self.ramp_ms <= DAY_MS:
            raise ValueError("a fault begins at some time, and its ramp takes up to a day")
        if not all(0 < each <= DAY_MS for each in lasting):
            raise ValueError("a fault lasts longer than nothing and up to a day")
        if not 0 <= self.probability <= 1 or self.skip_first < 0 or any(n < 1 for n in counts):
            raise ValueError("a fault needs a probability from 0 to 1 and counts of 1 or more")

    @cached_property
    def key(self) -> int:
        """A hash of the id, for draws."""
        return text64(self.id)

    @cached_property
    def ends_ms(self) -> float:
        """When its last effect is over; infinite when it ends with the run."""
        return self.at_ms + min(self.kind.span_ms(self._for_ms), self._ttl_ms)

    @cached_property
    def lifts_ms(self) -> float:
        """When it lets go of the requests that it holds, and ports are open again."""
        return self.at_ms + min(self.kind.grip_ms(self._for_ms), self._ttl_ms)

    @property
    def is_counting(self) -> bool:
        """Whether it matters how many requests came before."""
        return bool(self.every_n or self.first_n or self.skip_first) or self.kind.NAME == "quota"

    @property
    def always_applies(self) -> bool:
        """Whether it touches each request of its target while it is active."""
        return (
            self.probability == 1
            and not (self.ramp_ms or self.max_active or self.is_counting)
            and self.chosen is None
        )

    def is_due(self, at_ms: float) -> bool:
        return self.at_ms <= at_ms < self.ends_ms

    def state(self, now_ms: float) -> str:
        """`waiting`, `active` or `over`."""
        return "waiting" if now_ms < self.at_ms else "active" if self.is_due(now_ms) else "over"

    def share(self, at_ms: float) -> float:
        """The share of the requests due at that time which it touches."""
        since_ms = at_ms - self.at_ms
        grown = min(1.0, since_ms / self.ramp_ms) if self.ramp_ms else 1.0
        return self.probability * grown

    def applies_to(self, opened_ms: float) -> bool:
        """Whether a connection opened at that time is one that it may touch."""
        if self.apply_to == "all":
            return True
        return (opened_ms >= self.at_ms) == (self.apply_to == "new")

    def is_about(self, ask: FaultAsk) -> bool:
        """Whether the request is one that it may touch, before anything is counted or drawn."""
        return (
            self.at_ms <= ask.at_ms < self.ends_ms
            and self.target.fits(ask)
            and self.applies_to(ask.opened_ms)
        )

    def draw(self, seed: int, ask: FaultAsk) -> Draw:
        """What its kind is told of the request. A retry draws again."""
        run = seed if self.seed is None else self.seed
        since_ms = ask.at_ms - self.at_ms
        return Draw(run, ask.request_id, self.key, ask.attempt, since_ms, self._for_ms)

    @property
    def _for_ms(self) -> float:
        return math.inf if self.for_ms is None else self.for_ms

    @property
    def _ttl_ms(self) -> float:
        return math.inf if self.ttl_ms is None else self.ttl_ms

    def is_drawn(self, draw: Draw, at_ms: float) -> bool:
        """Whether it is this request's lot."""
        share = self.share(at_ms)
        return share >= 1 or draw.unit(TOUCH_DRAW) < share
