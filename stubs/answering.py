"""What the stubs answer to one request, whoever asked: the stub gateway, or a door in place.

The seed, the latency, the faults and the request's number decide everything, so that a request is
answered alike through any door. A request is a `Turn`: `begin` finds the route, the fault course
and the wait; `finish`, after the wait, asks the stub as often as the course says. What reaches the
wire is not decided here: see `transport.py`, or `answer` below where there is no wire.

Floor 1; no server, no sockets. Read next: `routing.py`, `service.py`, `learned.py`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from stubs.clock import RecordedClock
from stubs.delivery import watch_deliveries
from stubs.faults.ask import FaultAsk
from stubs.faults.course import USUAL, CallbackTwist, Course
from stubs.journal import Journal
from stubs.latency import Moment
from stubs.learned import LearnedAnswers
from stubs.route_tree import NO_PARAMS, RouteEntry
from stubs.routing import RouteTable
from stubs.service import (
    DUE,
    Answer,
    Asked,
    BadRequestError,
    Callback,
    Service,
    answer_problem,
)
from stubs.turn import ENDINGS, Ahead, Faults, NoFaults, Turn, entry_of
from stubs.turn import AnswerCutError as AnswerCutError
from switchboard.seeded import unit

MAX_BODY_BYTES: Final = 1024 * 1024
FIRST_UNNUMBERED: Final = 1 << 63
"""Requests that nobody numbered get ids from here on, apart from any injector's."""
DAY_S: Final = 86_400
TOO_LARGE: Final = "(body too large)"

NO_MOMENT: Final = Moment()
"""For models that do not look."""
_SECOND_DRAW: Final = 4

_REQUEST_ID: Final = re.compile(rb"[0-9a-fA-F]{1,16}")
_ATTEMPT: Final = re.compile(rb"[0-9]{1,4}")
_DUE: Final = re.compile(rb"-?[0-9]{1,15}(\.[0-9]{1,9})?")

Sleep = Callable[[float], Awaitable[None]]
OnAnswer = Callable[[str, str, int], None]
"""Takes the service, the route and the status of every answer."""
OnCallbacks = Callable[[Asked, Sequence[Callback], CallbackTwist | None], None]
"""Takes what a stub wants to send by itself, and what faults make of that."""


class Answering:
    """Every service of the sandbox, and who answers for it."""

    def __init__(
        self,
        services: Sequence[Service],
        learned: LearnedAnswers,
        seed: int,
        sleep: Sleep = asyncio.sleep,
        on_answer: OnAnswer | None = None,
        first_unnumbered: int = FIRST_UNNUMBERED,
        *,
        clock: RecordedClock | None = None,
        faults: Faults | None = None,
        journal: Journal | None = None,
        on_callbacks: OnCallbacks | None = None,
    ) -> None:
        self._learned = learned
        self._seed = seed
        self.sleep = sleep
        self.clock = clock or RecordedClock()
        self.faults: Faults = faults or NoFaults()
        self._journal = Journal(0) if journal is None else journal
        self._on_answer = on_answer or _forget
        self._on_callbacks = on_callbacks or _drop
        self._first_unnumbered = self._next_unnumbered = first_unnumbered
        self._broken: set[str] = set()
        self.use(services)

    def use(self, services: Sequence[Service]) -> None:
        """From now on, answer for these services."""
        self.services = tuple(services)
        self.deliveries = watch_deliveries(self.services)
        self._routes = RouteTable(self.services, self._learned)
        self._broken.clear()

    def renumber(self) -> None:
        """Requests that nobody numbers are numbered as from the start, and drawn alike."""
        self._next_unnumbered = self._first_unnumbered

    # One request, in two steps

    def begin(
        self,
        service: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[bytes, bytes],
        body: bytes,
        opened_ms: float = 0.0,
        is_first: bool = True,
        ahead: Ahead | None = None,
    ) -> Turn:
        """Who answers, what the faults make of it, and how long it takes before the stub is asked.

        path: as it was sent, percent-encoded.   headers: by lower-case name.   ahead: what was
        decided already, while the body was still coming.
        """
        clock = self.clock
        at_ms = _due_ms(headers) if DUE in headers else None
        if at_ms is None:
            at_ms = clock.now_ms()
        asked = Asked(
            service, method, path, query, NO_PARAMS, headers, body,
            self._request_id(headers) if ahead is None else ahead[0], self._seed,
            at_ms, clock.epoch_ms(at_ms),
        )  # fmt: skip
        if b"x-esr-attempt" in headers:
            asked.attempt = _attempt(headers)
        entry = self._choose(asked)
        if ahead is not None:
            course = ahead[1]
        elif self.faults.is_quiet_at(at_ms):
            course = USUAL
        else:
            course = self._course(asked, entry, opened_ms, is_first)
        turn = Turn(asked, entry, course, course.before_s)
        if entry is not None and course.asks and not entry.is_instant:
            self._add_latency(turn, entry)
        return turn

    def course_ahead(
        self,
        service: str,
        method: str,
        path: str,
        headers: Mapping[bytes, bytes],
        opened_ms: float,
        is_first: bool,
    ) -> Ahead:
        """Id and course of a request whose body is still to come, as its head alone says.

        Where routes of one path differ in what they want of the body, the best of them names it.
        """
        due_ms = _due_ms(headers)
        at_ms = self.clock.now_ms() if due_ms is None else due_ms
        request_id = self._request_id(headers)
        if self.faults.is_quiet_at(at_ms):
            return request_id, USUAL
        asked = Asked(service, method, path, "", NO_PARAMS, headers, b"", request_id, self._seed)
        asked.at_ms, asked.attempt = at_ms, _attempt(headers)
        found = self._routes.find(service, method, path)
        entry = found[0][0] if found else None
        return request_id, self._course(asked, entry, opened_ms, is_first)

    def finish(self, turn: Turn) -> Answer:
        """Ask the stub, as often as the course says; what it wants to send by itself is sent."""
        course = turn.course
        if course is USUAL:
            answer = self._ask(turn)
            if answer.callbacks:
                self._on_callbacks(turn.asked, answer.callbacks, None)
            return answer
        asked = turn.asked
        asked.stale_ms = course.stale_ms
        asked.settle_lag_ms = course.settle_lag_ms
        asked.epoch_ms += course.skew_s * 1000
        # Delivered twice, the caller hears what the first delivery was answered.
        answers = [self._ask(turn) for _ in range(course.asks)]
        callbacks = [callback for answer in answers for callback in answer.callbacks]
        if callbacks:
            self._on_callbacks(asked, callbacks, course.callbacks)
        if course.answer is not None:
            return course.answer
        return answers[0] if answers else _UNASKED

    def tell(self, turn: Turn, status: int) -> None:
        """An answer went out as usual: count it, and write it into the journal."""
        self._on_answer(turn.asked.service, turn.route_name, status)
        if self._journal.is_on:
            self._journal.add(entry_of(turn, status, "answered"))

    def note_held(self, turn: Turn) -> None:
        """Nothing is said for a while, and the journal shows that meanwhile."""
        turn.noted = entry_of(turn, 0, "held")
        self._journal.add(turn.noted)

    def settle(self, turn: Turn, status: int, ending: str, is_delivered: bool) -> None:
        """The end of an answer that a fault touched, or that nobody was there to hear.

        status: what the caller read; 0 for no answer.   is_delivered: all of it, as it was made.
        """
        asked, name = turn.asked, turn.route_name
        self._on_answer(asked.service, name, status)
        if turn.noted is not None:
            turn.noted.status, turn.noted.ending = status, ending
        elif self._journal.is_on:
            self._journal.add(entry_of(turn, status, ending))
        told = self.deliveries.told
        told(asked.service, name, asked.request_id, asked.attempt, status, is_delivered)

    # The whole way, for doors without a wire of their own

    async def answer(
        self,
        service: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> Answer:
        """The answer, after the wait that latency and faults ask for.

        Of the wire's faults a callable can do this much: it holds an answer back, and raises
        AnswerCutError where the connection would end. A slow, cut or garbled answer comes whole.
        """
        turn = self.begin(service, method, path, query, headers, body)
        try:
            if turn.wait_s > 0:
                await self.sleep(turn.wait_s)
            answer = self.finish(turn)
            if turn.course is USUAL:
                self.tell(turn, answer.status)
            else:
                await self._degrade(turn)
                self.settle(turn, answer.status, "answered", is_delivered=True)
        finally:
            if turn.course is not USUAL:
                self.faults.done(turn.course)
        return answer

    async def _degrade(self, turn: Turn) -> None:
        hold, cut = turn.course.hold, turn.course.cut
        if hold is not None:
            self.note_held(turn)
            if hold.for_s is None:
                await self.faults.wait_lifted(turn.course)
            else:
                await self.sleep(hold.for_s)
            if hold.then != "respond":
                self.settle(turn, 0, ENDINGS[hold.then], is_delivered=False)
                raise AnswerCutError(hold.then)
        if cut is not None:
            await self.sleep(cut.after_ms / 1000)
            self.settle(turn, 0, ENDINGS[cut.how], is_delivered=False)
            raise AnswerCutError(cut.how)

    def refuse_body(self, service: str) -> Answer:
        """The answer to a body over `MAX_BODY_BYTES`."""
        self._on_answer(service, TOO_LARGE, 413)
        limit = f"this sandbox takes bodies of up to {MAX_BODY_BYTES:,} bytes"
        return answer_problem(413, "Body too large", limit)

    # Parts of the way

    def _choose(self, asked: Asked) -> RouteEntry | None:
        """The first route that takes the request; the values of its braces are put into `asked`."""
        for entry, params in self._routes.find(asked.service, asked.method, asked.path):
            asked.params = params
            accepts = entry.route.accepts
            if accepts is None or self._accepts(entry, accepts, asked):
                return entry
        asked.params = NO_PARAMS
        learned = self._routes.find_learned(asked.service, asked.method, asked.path)
        return None if learned is None else learned[0]

    def _accepts(self, entry: RouteEntry, accepts: Callable[[Asked], bool], asked: Asked) -> bool:
        try:
            return accepts(asked)
        except Exception as error:  # a matcher that breaks takes nothing, and stops nobody else
            self._complain(entry.name, "the matcher of %s is broken", error)
            return False

    def _course(
        self, asked: Asked, entry: RouteEntry | None, opened_ms: float, is_first: bool
    ) -> Course:
        headers = asked.headers
        tenant = headers.get(b"x-esr-tenant") or headers.get(b"x-tenant-id") or b""
        route = f"{asked.method} {asked.path}" if entry is None else entry.name
        return self.faults.course(
            FaultAsk(
                asked.service, route, asked.method, asked.path, tenant.decode("latin-1"), headers,
                asked.request_id, asked.at_ms, asked.attempt, opened_ms, is_first,
            )
        )  # fmt: skip

    def _add_latency(self, turn: Turn, entry: RouteEntry) -> None:
        asked = turn.asked
        if not entry.needs_moment:
            turn.wait_s += entry.latency_s(asked.latency_draw, NO_MOMENT)
            return
        moment = self._moment(asked)
        turn.wait_s += entry.latency_s(asked.latency_draw, moment)
        if moment.is_full:
            turn.instead = answer_problem(503, "Queue full", f"{entry.name} has no room for more")

    def _moment(self, asked: Asked) -> Moment:
        """When the request was planned to come, on the clock of whoever waits for the answer."""
        speed = self.clock.speed or 1.0
        day_s = asked.epoch_ms / 1000 % DAY_S
        second = unit(self._seed, asked.request_id, _SECOND_DRAW)
        return Moment(day_s, asked.at_ms / 1000 / speed, second)

    def _ask(self, turn: Turn) -> Answer:
        if turn.instead is not None:
            return turn.instead
        entry = turn.entry
        if entry is None:
            return self._no_such_route(turn.asked)
        try:
            return entry.route.handler(turn.asked)
        except BadRequestError as error:
            return answer_problem(400, "Bad request", str(error))
        except Exception as error:  # whatever a stub's author got wrong must not stop the others
            self._complain(entry.name, "the stub of %s is broken", error)
            detail = f"the stub of {entry.name} is broken: {type(error).__name__}"
            return answer_problem(500, "Broken stub", detail)

    def _complain(self, name: str, sentence: str, error: Exception) -> None:
        """Once for each route: the log must not grow with the run."""
        if name not in self._broken:
            self._broken.add(name)
            logging.getLogger(__name__).error(sentence, name, exc_info=error)

    def _request_id(self, headers: Mapping[bytes, bytes]) -> int:
        """The injector's number for the request, a counter for those of anybody else."""
        given = headers.get(b"x-esr-request")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return int(given, 16)
        self._next_unnumbered += 1
        return self._next_unnumbered

    def owner(self, label: str, method: str, path: str) -> str:
        """Whose route it is, for a caller whose `label` names no service; else the label."""
        if self._routes.find_learned(label, method, path) is not None:
            return label
        return self._routes.owner(method, path) or label

    def _no_such_route(self, asked: Asked) -> Answer:
        near = self._routes.nearest(asked.service, asked.method, asked.path)
        hint = f"; near are {', '.join(near)}" if near else ""
        detail = f"no stub of service {asked.service} answers this method and path{hint}"
        return answer_problem(404, "No such route", detail)


_UNASKED: Final = answer_problem(503, "Not asked", "a fault keeps this request from the service")


def _due_ms(headers: Mapping[bytes, bytes]) -> float | None:
    """Recorded time at which an injector's request was due; None for those of anybody else."""
    given = headers.get(DUE, b"")
    return float(given) if _DUE.fullmatch(given) else None


def _attempt(headers: Mapping[bytes, bytes]) -> int:
    given = headers.get(b"x-esr-attempt", b"")
    return int(given) if _ATTEMPT.fullmatch(given) else 0


def _forget(service: str, route: str, status: int) -> None:
    """Nobody counts."""


def _drop(asked: Asked, callbacks: Sequence[Callback], twist: CallbackTwist | None) -> None:
    """Nobody sends."""
