"""Faults at a door: from a timetable to what a door is told, at one recorded clock.

Rooms of floor 1 do not know each other, so a door is handed this as a callable. Names, handshakes
and requests are asked about separately, each with a timetable of its own: a draw, a count and
`max_active` belong to one of them. Floor 3. Read next: `switchboard/trouble.py`, `door_kinds.py`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

from hms_esr.door_kinds import DoorKind, check_playable
from hms_esr.stub_answers import PER_WORKER, header_bytes, stub_answer
from stubs.answering import FIRST_UNNUMBERED
from stubs.clock import Anchor, RecordedClock
from stubs.faults.ask import FaultAsk
from stubs.faults.chaos import Chaos
from stubs.faults.course import Course
from stubs.faults.dns import RESOLVER_TIMEOUT_S, Dns
from stubs.faults.fault import Fault
from stubs.faults.kind import FaultKind
from stubs.faults.reader import parse_faults
from stubs.faults.target import Target
from stubs.faults.tls import Tls
from stubs.service import answer_problem
from switchboard.exchange import StubAnswer
from switchboard.trouble import Stage, Trouble, TroubleAsk

Sleep = Callable[[float], Awaitable[None]]

FAULT_HEADER: Final = "x-esr-fault"
STAGES: Final[tuple[Stage, ...]] = ("name", "handshake", "request")
_REQUEST_ID: Final = re.compile(rb"[0-9a-fA-F]{1,16}")
_DUE: Final = re.compile(rb"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_ATTEMPT: Final = re.compile(rb"[0-9]{1,4}")


@dataclass(slots=True)
class DoorAsk(FaultAsk):
    """A request, a name or a handshake at a door. also: the service's other names."""

    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoorTarget(Target):
    """A target that also fits by another name of the service: a door knows two."""

    def fits(self, ask: FaultAsk) -> bool:
        if Target.fits(self, ask):
            return True
        also = ask.also if isinstance(ask, DoorAsk) else ()
        return any(Target.fits(self, replace(ask, service=name)) for name in also)


def read_door_chaos(path: Path, door: DoorKind) -> str:
    """The faults of a file as JSON text, once it is known that this door can play them.

    Raises EsrError with everything that is wrong.
    """
    # A door without faults does without what serves stubs.
    from hms_esr.stubs_command import read_chaos

    mappings = read_chaos(path)
    check_playable(load_faults(json.dumps(mappings)), door, str(path))
    return json.dumps(mappings)


def load_faults(text: str) -> tuple[Fault, ...]:
    """The faults that `read_door_chaos` gave. Raises ScenarioError."""
    return parse_faults(json.loads(text), source="the faults", line_of=lambda _: None)


def clock_from(started_ns: int) -> RecordedClock:
    """Recorded time that began at an instant of the machine's monotonic clock, at speed 1."""
    ago_ms = (time.monotonic_ns() - started_ns) / 1e6
    return RecordedClock(Anchor(started_ns, epoch_ms=time.time() * 1000 - ago_ms))


class DoorChaos:
    """A `TroubleCall`. worker: the number of the process, from 0."""

    def __init__(
        self,
        faults: Sequence[Fault],
        door: DoorKind,
        seed: int,
        clock: RecordedClock,
        worker: int = 0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next = FIRST_UNNUMBERED + worker * PER_WORKER
        self._kinds: Mapping[str, FaultKind] = {fault.id: fault.kind for fault in faults}
        self._touched: dict[str, int] = {}
        stages = door.stages
        self._chaos: dict[Stage, Chaos] = {}
        for stage in STAGES:
            ours = [_at_door(each) for each in faults if stages[each.kind.NAME] == stage]
            if ours:
                self._chaos[stage] = Chaos(seed, clock, ours)

    def __call__(self, ask: TroubleAsk) -> Trouble | None:
        """What the faults of that stage make of it."""
        chaos = self._chaos.get(ask.stage)
        if chaos is None or not ask.names:
            return None
        headers = header_bytes(ask.headers)
        due = headers.get(b"x-esr-due", b"")
        at_ms = float(due) if _DUE.fullmatch(due) else self._clock.now_ms()
        if chaos.is_quiet_at(at_ms):
            return None
        course = chaos.course(self._fault_ask(ask, headers, at_ms))
        if not course.faults:
            return None
        for name in course.faults:
            self._touched[name] = self._touched.get(name, 0) + 1
        return self._trouble(chaos, course, ask.names[0])

    def take_touched(self) -> dict[str, int]:
        """How often each fault touched something since the last time."""
        touched, self._touched = self._touched, {}
        return touched

    def stop(self) -> None:
        """The door stops: nothing is held any longer."""
        for chaos in self._chaos.values():
            chaos.stop()

    def _fault_ask(self, ask: TroubleAsk, headers: Mapping[bytes, bytes], at_ms: float) -> DoorAsk:
        path = ask.target.partition("?")[0]
        tenant = headers.get(b"x-esr-tenant") or headers.get(b"x-tenant-id") or b""
        attempt = headers.get(b"x-esr-attempt", b"")
        service, *also = ask.names
        return DoorAsk(
            service, f"{ask.method} {path}", ask.method, path, tenant.decode("latin-1"), headers,
            self._request_id(headers), at_ms,
            int(attempt) if _ATTEMPT.fullmatch(attempt) else 0, also=tuple(also),
        )  # fmt: skip

    def _request_id(self, headers: Mapping[bytes, bytes]) -> int:
        given = headers.get(b"x-esr-request", b"")
        if _REQUEST_ID.fullmatch(given):
            return int(given, 16)
        self._next += 1
        return self._next

    def _trouble(self, chaos: Chaos, course: Course, service: str) -> Trouble:
        kind = self._kinds[course.faults[0]]
        trouble = Trouble(course.faults, over=partial(chaos.done, course))
        if isinstance(kind, Dns) and kind.mode == "stale_ip":
            course = replace(course, cut=None, before_s=course.before_s + RESOLVER_TIMEOUT_S)
            detail = f"nobody answered at the address that {service} once had (a declared fault)"
            course = replace(course, answer=answer_problem(504, "Name resolution failed", detail))
        if isinstance(kind, Dns | Tls):
            trouble.mode = kind.mode
            trouble.ttl_s = kind.ttl_s if isinstance(kind, Dns) else 0.0
        trouble.wait = self._wait_of(chaos, course)
        trouble.cut = _ending(course)
        if course.answer is not None and trouble.cut is None:
            trouble.answer = _marked(stub_answer(course.answer), course.faults)
        return trouble

    def _wait_of(self, chaos: Chaos, course: Course) -> Callable[[], Awaitable[None]] | None:
        hold, cut = course.hold, course.cut
        wait_s = course.before_s + (cut.after_ms / 1000 if cut is not None else 0.0)
        is_held = hold is not None and hold.for_s is None
        if hold is not None and hold.for_s is not None:
            wait_s += hold.for_s
        if not is_held and wait_s <= 0:
            return None

        async def wait() -> None:
            if wait_s > 0:
                await self._sleep(wait_s)
            if is_held:
                await chaos.wait_lifted(course)

        return wait


def _at_door(fault: Fault) -> Fault:
    return replace(fault, target=DoorTarget(**asdict(fault.target)))


def _ending(course: Course) -> Literal["close", "reset"] | None:
    """`close` or `reset` where the connection ends without an answer, else None."""
    if course.cut is not None:
        return course.cut.how
    if course.hold is None or course.hold.then == "respond":
        return None
    return course.hold.then


def _marked(answer: StubAnswer, faults: Sequence[str]) -> StubAnswer:
    """The answer with the names of the faults, so that nobody takes it for the sandbox's own."""
    names = ", ".join(ascii(name)[1:-1] for name in faults)
    return StubAnswer(answer.status, [*answer.headers, (FAULT_HEADER, names)], answer.body)
