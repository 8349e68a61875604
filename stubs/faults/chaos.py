"""The timetable of faults, live: who is hit now, who has been, and what can be added or taken away.

Requests are decided by their own recorded time, so lateness, speed and the number of workers do
not matter. Floor 1; the clock is an argument. Read next: `precedence.py`, `counted.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stubs.clock import RecordedClock
from stubs.faults.ask import FaultAsk
from stubs.faults.changes import Changes
from stubs.faults.contradictions import contradict
from stubs.faults.counted import Counter, key_of
from stubs.faults.course import USUAL, Course, Cut
from stubs.faults.down import Down
from stubs.faults.fault import Fault
from stubs.faults.kind import Draw
from stubs.faults.precedence import choose_course, strength
from stubs.faults.target import covers
from stubs.faults.windows import Windows
from stubs.touches import TouchLog

MAX_LIVE: Final = 1_000
MAX_NUMBERS: Final = 65_535
"""As many as a row of the touch log can tell apart."""


@dataclass(slots=True)
class _Entry:
    fault: Fault
    number: int
    counter: Counter = field(init=False)
    touched: int = 0
    active: int = 0

    def __post_init__(self) -> None:
        self.counter = Counter(self.fault)


class Chaos:
    """Every fault of a run.

    seed: decides every draw.   faults: declared ones, whose times count from the trace's start.
    touches: where each touch is noted. Raises ValueError for faults that cannot stand together.
    """

    def __init__(
        self,
        seed: int,
        clock: RecordedClock,
        faults: Iterable[Fault] = (),
        touches: TouchLog | None = None,
    ) -> None:
        self.numbers: dict[str, int] = {}
        self._next_number = 0
        self._seed = seed
        self._clock = clock
        self._touches = touches
        self._entries: dict[str, _Entry] = {}
        self._order: list[_Entry] = []
        self._windows = Windows(())
        self._edges: list[float] = []
        self._changes = Changes(clock, self._next_ms)
        for fault in faults:
            self._admit(fault, self._entries.values())
        self._rebuild()

    @property
    def is_quiet(self) -> bool:
        """Whether no fault is active now: then a request that nobody planned takes its usual way.

        One that says when it was due is to be asked about by `is_quiet_at`.
        """
        return not self._entries or self._windows.is_quiet_at(self._clock.now_ms())

    def is_quiet_at(self, at_ms: float) -> bool:
        """Whether no fault is active at that recorded time."""
        return self._windows.is_quiet_at(at_ms)

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(entry.fault for entry in self._entries.values())

    def course(self, ask: FaultAsk) -> Course:
        """How this request fares, `USUAL` when no fault touches it; give it to `done` after it."""
        hits = [
            (entry.fault, draw)
            for entry in self._order
            if entry.fault.is_about(ask) and (draw := self._hit(entry, ask)) is not None
        ]
        if not hits:
            return USUAL
        course = choose_course(hits, ask)
        if course.faults:
            self._note(course, ask)
        return course

    def done(self, course: Course) -> None:
        """The request has ended: others may take its place under `max_active`."""
        for name in course.faults:
            entry = self._entries.get(name)
            if entry is not None:
                entry.active = max(0, entry.active - 1)

    def add(self, fault: Fault) -> Fault:
        """Add a fault, beginning now if it should have begun earlier; gives it as it was added.

        Raises ValueError when its id is taken, or when it contradicts one that is there.
        """
        now_ms = max(0.0, self._clock.now_ms())
        added = replace(fault, at_ms=max(fault.at_ms, now_ms))
        self._admit(added, [e for e in self._entries.values() if e.fault.state(now_ms) != "over"])
        self._changed()
        return added

    def remove(self, name: str) -> bool:
        """Take a fault away, which lifts what it holds; False when there is none of that id."""
        found = self._entries.pop(name, None) is not None
        if found:
            self._changed()
        return found

    def clear(self) -> None:
        """Take every fault away."""
        self._entries.clear()
        self._changed()

    def list(self) -> list[dict[str, Any]]:
        """Every fault for people and JSON, in the order in which they were added."""
        now_ms = self._clock.now_ms()
        return [
            {
                "id": fault.id,
                "kind": fault.kind.NAME,
                "target": fault.target.mapping(),
                "at_ms": fault.at_ms,
                "ends_ms": None if math.isinf(fault.ends_ms) else fault.ends_ms,
                "state": fault.state(now_ms),
                "touched": entry.touched,
                "number": entry.number,
                "reason": fault.reason,
            }
            for entry in self._entries.values()
            for fault in (entry.fault,)
        ]

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have a function called whenever a fault begins, ends, comes or goes. Call in a loop."""
        self._changes.call(callback)

    def retime(self) -> None:
        """The clock follows another anchor: whoever waits by it has to look again."""
        self._changes.notify()

    def stop(self) -> None:
        """The gateway stops: nobody is held any longer."""
        self._changes.stop()

    async def wait_lifted(self, course: Course) -> None:
        """Return when the fault that holds this request is over, gone, or the gateway stops."""
        while self._is_held(course) and not self._changes.is_stopped:
            await self._changes.wait_change()

    def connection_course(self, service: str | None, opened_ms: float) -> Cut | None:
        """How a connection that idles, or is new, is ended at present; None when it is not.

        service: None while nobody knows whose it is; then only faults of every service count.
        """
        for fault, draw in self._whole(service):
            cut = fault.kind.connection_cut(draw)
            if cut is not None and fault.applies_to(opened_ms):
                return cut
        return None

    def is_refused(self, service: str) -> bool:
        """Whether a port of that service's own is to be closed at present."""
        return any(covers(word, service) for word in self.refused_services())

    def refused_services(self) -> frozenset[str]:
        """The services (as targets: `ach` means `ach-eu` too, `*` all) where nobody listens."""
        return frozenset(
            fault.target.service
            for fault, draw in self._whole(None, is_any=True)
            if isinstance(fault.kind, Down)
            and fault.kind.refuses(draw)
            and fault.apply_to != "existing"
        )

    def _admit(self, fault: Fault, others: Iterable[_Entry]) -> None:
        for other in others:
            if other.fault.id == fault.id:
                raise ValueError(f"there is a fault {fault.id} already; remove it, or give an id")
            if contradict(other.fault, fault):
                raise ValueError(f"{fault.id} contradicts {other.fault.id}: remove one of the two")
        if len(self._entries) >= MAX_LIVE:
            raise ValueError(f"there are {len(self._entries):,} faults already; clear some first")
        self._entries[fault.id] = _Entry(fault, self._number(fault.id))

    def _number(self, name: str) -> int:
        """The number of an id, which it keeps. Raises ValueError when no more can be told apart."""
        if name not in self.numbers:
            if len(self.numbers) >= MAX_NUMBERS:
                if self._touches is not None:
                    raise ValueError("too many faults came and went; use an id that there was")
                # Without a log nobody asks for the numbers of faults that are gone.
                self.numbers = {each: entry.number for each, entry in self._entries.items()}
            self.numbers[name] = self._next_number
            self._next_number += 1
        return self.numbers[name]

    def _hit(self, entry: _Entry, ask: FaultAsk) -> Draw | None:
        """The draw of a request that the fault is to touch, None for any other."""
        fault = entry.fault
        if fault.chosen is not None:
            if not entry.counter.is_chosen(fault.chosen, ask):
                return None
        elif fault.is_counting and not entry.counter.is_hit(
            ask.at_ms, ask.service, ask.tenant, key_of(ask)
        ):
            return None
        draw = fault.draw(self._seed, ask)
        if not fault.is_drawn(draw, ask.at_ms):
            return None
        if fault.max_active is not None and entry.active >= fault.max_active:
            return None
        return draw

    def _note(self, course: Course, ask: FaultAsk) -> None:
        entries = [self._entries[name] for name in course.faults]
        for entry in entries:
            entry.touched += 1
            entry.active += 1
        if self._touches is not None:
            numbers = [entry.number for entry in entries]
            self._touches.add(ask.request_id, ask.at_ms, numbers, ask.attempt)

    def _is_held(self, course: Course) -> bool:
        if course.hold is None:
            return False
        now_ms = self._clock.now_ms()
        held = (self._entries.get(name) for name in course.faults)
        return any(
            entry is not None
            and entry.fault.kind.hold == course.hold
            and now_ms < entry.fault.lifts_ms
            for entry in held
        )

    def _whole(self, service: str | None, *, is_any: bool = False) -> Iterable[tuple[Fault, Draw]]:
        """The active faults that are about a whole service, each time and for everybody."""
        now_ms = self._clock.now_ms()
        for fault in (entry.fault for entry in self._order):
            is_ours = is_any or covers(fault.target.service, service or "")
            is_whole = fault.target.is_whole_service and fault.always_applies
            if is_ours and is_whole and fault.is_due(now_ms):
                ask = FaultAsk(service or "", "", "", "", "", {}, 0, now_ms)
                yield fault, fault.draw(self._seed, ask)

    def _changed(self) -> None:
        self._rebuild()
        self._changes.notify()

    def _rebuild(self) -> None:
        self._order = sorted(self._entries.values(), key=lambda entry: strength(entry.fault))
        self._windows = Windows((each.fault.at_ms, each.fault.ends_ms) for each in self._order)
        faults = [entry.fault for entry in self._order]
        self._edges = sorted({edge for f in faults for edge in (f.at_ms, f.lifts_ms, f.ends_ms)})

    def _next_ms(self, now_ms: float) -> float:
        at = bisect_right(self._edges, now_ms)
        return self._edges[at] if at < len(self._edges) else math.inf
