"""Plays a prepared run: sandbox up, workers connected, rows folded, everything written, verdict.

The parent only listens and counts: no request passes through it. What it learns is written as the
run goes, so that a killed run leaves what was measured. Read next: `judge.py` (the numbers),
`run_writer.py` (the files), `sandbox.py` (where requests go), `replay/fleet.py` (the workers).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from hms_esr.canaries import CanaryError, CanaryWatch
from hms_esr.counted_faults import is_met
from hms_esr.embedded import EmbeddedStubs, FaultWatch, numbered_faults, read_truth
from hms_esr.exits import EXIT_OF_VERDICT, INTERRUPTED
from hms_esr.interlock import Interlock, Mark, read_canary_rules
from hms_esr.jobs import make_jobs, save_parts
from hms_esr.judge import Judge
from hms_esr.preparation import Preparation, stub_route_name
from hms_esr.run_writer import RunWriter
from hms_esr.sandbox import open_sandbox
from hms_esr.score_board import ScoreBoard
from hms_esr.serving import ServeAddress, bind, url_of
from hms_esr.terminal import View, choose_view, print_result
from hms_esr.trace_words import describe_trace
from replay.complete import complete_rows
from replay.fleet import Fleet
from replay.outcome import Outcomes
from replay.plan import PlanPart
from scorecard.card import Scorecard, State
from switchboard.errors import EsrError
from switchboard.rules import Rules

START_IN_NS = 30_000_000
"""Orders have reached every worker before the first request is due."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

TICK_S = 1.0
AFTER_FLUSH_S = 0.1
"""Workers hand over their rows on the second; a scorecard drawn just after has them all."""

GRACE_S = 5.0
"""How long what is in flight may still take after the first Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `card` is the final scorecard's JSON object."""

    card: Scorecard
    notes: tuple[str, ...]
    """What the certificate wants a reader to know."""
    exit_code: int
    folder: Path
    halted: str | None = None
    """Why the run was ended early by what watches over it, or None."""


def play(
    prep: Preparation,
    console: Console,
    address: ServeAddress | None,
    stack: ExitStack,
    *,
    is_last: bool = True,
    is_printed: bool = True,
) -> Result:
    """Play `prep` from start to verdict. Raises EsrError when it cannot begin.

    is_last: the process is expected to end with the run, and ignores Ctrl-C afterwards.
    is_printed: the scorecard is printed at the end; whoever says more of it does without.
    """
    rules = read_canary_rules(os.environ, Path.cwd())
    listener = stack.enter_context(bind(address)) if address else None
    token = address.token if address else None
    view = choose_view(console, prep.scenario.id, prep.plan.trace_ns, prep.wall_s)
    stack.callback(view.close)
    writer = stack.enter_context(RunWriter.open(prep, os.environ, Path.cwd(), view.say))
    if listener is not None:
        view.say(f"live scorecard: {url_of(listener)}/api/esr/score")
    for fault in prep.faults:
        if not is_met(fault, prep.tape, prep.plan, stub_route_name):
            view.say(f"the fault {fault.id} is about no request of this run: see `esr plan`")
    run = Run(prep, writer, view, rules, is_last=is_last)
    try:
        result = uvloop.run(_serve_and_fly(run, listener, token))
    except BaseExceptionGroup as group:
        raise _first(group) from group
    view.close()
    if is_printed:
        told = describe_trace(result.card["trace"])
        print_result(console, result.card, result.notes, result.folder, writer.losses, told)
    return result


async def _serve_and_fly(run: Run, listener: socket.socket | None, token: str | None) -> Result:
    async with _serving(run.board, listener, token):
        return await run.fly()


@asynccontextmanager
async def _serving(
    board: ScoreBoard, listener: socket.socket | None, token: str | None
) -> AsyncIterator[None]:
    """The live scorecard's server, as long as the run goes; nothing without a listener."""
    if listener is None:
        yield
        return
    # A web server takes a while to import; runs that serve nothing do without.
    from hms_esr.api.score import score_app
    from hms_esr.api.server import make_server

    server = make_server(score_app(board, token))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            board.close()
            server.should_exit = True


class Run:
    """One run while it goes."""

    def __init__(
        self,
        prep: Preparation,
        writer: RunWriter,
        view: View,
        rules: Rules | None = None,
        *,
        is_last: bool = True,
    ) -> None:
        """rules: whose canaries are asked; None asks none."""
        self._after_signals = signal.SIG_IGN if is_last else signal.default_int_handler
        self._halted: str | None = None
        self._broken: str | None = None
        self._stubs: EmbeddedStubs | None = None
        self._fault_watch = FaultWatch()
        self._faults: list[dict[str, Any]] = []
        self.board = ScoreBoard()
        self._prep = prep
        self._writer = writer
        self._view = view
        self._judge = Judge(prep, writer.run_id)
        self._canaries = CanaryWatch(lambda: rules)
        self._interlock = Interlock(
            prep, writer.run_id, signer=writer.signer, rules=rules, canaries=self._canaries
        )
        self._tripped: str | None = None
        self._parts: tuple[PlanPart, ...] = ()
        self._fleet = Fleet(self._take_rows)
        self._state: State = "ready"
        self._t0_ns = 0
        self._end_ns: int | None = None
        self._interrupts = 0

    async def fly(self) -> Result:
        """From start to verdict. Raises EsrError when the target cannot be reached."""
        task = asyncio.current_task()
        with self._obeying_signals(task):
            try:
                await self._fly()
            except asyncio.CancelledError:
                if task is None or not self._interrupts:
                    raise
                while task.uncancel():
                    """It was Ctrl-C, and what it meant has ended."""
            except BaseExceptionGroup as group:
                self._fail(_first(group))
                raise
            except (EsrError, OSError) as error:
                self._fail(error)
                raise
            return self._conclude()

    def _conclude(self) -> Result:
        """The final scorecard, the certificate and the verdict: written, published, returned.

        Ctrl-C waits until this is done: what was measured must not be lost at the last moment.
        """
        state: State = "aborted" if self._interrupts or self._halted else "done"
        if self._broken:
            state = "failed"
        usages, lost = self._fleet.usages, self._fleet.lost
        production = self._interlock.production()
        payments = read_truth(self._writer.folder, self._judge.beliefs)
        card, certificate = self._judge.conclude(
            state, self._elapsed_s(), usages, lost, production, payments, self._broken
        )
        self._writer.finish(card, certificate, self._seal)
        self._enter(state)
        self.board.publish(card)
        code = INTERRUPTED if self._interrupts else EXIT_OF_VERDICT[card["verdict"] or "void"]
        return Result(card, certificate.notes, code, self._writer.folder, self._halted)

    async def _fly(self) -> None:
        prep, writer = self._prep, self._writer
        self._enter("starting")
        await self._ask_canaries()
        self._parts = save_parts(prep, writer.scratch)
        self._write_faults(numbered_faults(prep))
        async with asyncio.TaskGroup() as tasks:
            try:
                watching = tasks.create_task(self._watch_canaries())
                # Workers and gateway come up side by side: each takes a moment.
                await self._fleet.spawn(prep.options.workers, writer.folder, tasks)
                async with open_sandbox(prep, writer.folder, writer.scratch) as sandbox:
                    self._stubs = sandbox.stubs
                    self._interlock.open(sandbox)
                    jobs = make_jobs(prep, sandbox, writer.scratch, writer.run_id, GRACE_S)
                    await self._fleet.start(jobs, writer.folder, tasks)
                    await self._play()
                watching.cancel()
            finally:
                await self._fleet.close()

    async def _ask_canaries(self) -> None:
        """Before anything is sent. Raises CanaryError when one gets out."""
        try:
            await self._canaries.check()
        except CanaryError as error:
            self._trip(str(error))
            raise

    async def _watch_canaries(self) -> None:
        """Ends the run when one gets out: what contains it contains it no longer."""
        raise await self._canaries.run(self._trip)

    def _trip(self, reason: str) -> None:
        self._tripped = reason

    def _seal(self, files: Mapping[str, Mark]) -> Mapping[str, Any]:
        return self._interlock.seal(files, self._tripped)

    async def _play(self) -> None:
        self._t0_ns = time.monotonic_ns() + START_IN_NS
        self._writer.begin(time.time_ns() + START_IN_NS)
        self._fleet.play(self._t0_ns)
        if self._stubs is not None:
            await self._stubs.follow(self._t0_ns)
        self._enter("running")
        async with asyncio.TaskGroup() as tasks:
            ticking = tasks.create_task(self._tick())
            await self._fleet.finished()
            self._end_ns = time.monotonic_ns()
            ticking.cancel()
        self._look_at_stubs()
        await self._look_at_faults()
        if self._stubs is not None:
            self._writer.lose(await self._stubs.lost())

    async def _tick(self) -> None:
        """Once a second: a new scorecard for the screen, the stream and the folder."""
        await asyncio.sleep(AFTER_FLUSH_S)
        while True:
            await asyncio.sleep(TICK_S)
            self._look_at_stubs()
            elapsed_s = self._elapsed_s()
            lap = self._judge.lap(elapsed_s)
            card = self._judge.card(self._state, elapsed_s, self._interlock.production())
            self._writer.write_card(card)
            self._writer.write_interlock(self._seal)
            self._view.show(card, lap.rate)
            self.board.publish(card)
            await self._look_at_faults()

    async def _look_at_faults(self) -> None:
        """Note which faults came and went; somebody may have injected one on the way."""
        if self._stubs is None:
            return
        faults = await self._stubs.faults()
        if faults is None:
            return
        for change in self._fault_watch.look(faults):
            self._writer.note("fault", self._elapsed_s(), **change)
        self._write_faults(self._fault_watch.written)

    def _write_faults(self, faults: list[dict[str, Any]]) -> None:
        if faults != self._faults:
            self._faults = faults
            self._writer.write_faults(faults)

    def _look_at_stubs(self) -> None:
        """End the run when its gateway is gone: callers that meet nobody measure nothing."""
        if self._stubs is None or self._broken:
            return
        self._broken = self._stubs.loss
        if self._broken:
            self._writer.note("gateway lost", self._elapsed_s())
            self._fleet.stop()

    def _take_rows(self, worker: int, payload: bytes) -> None:
        prep, part = self._prep, self._parts[worker]
        gap_ns, is_paced = prep.plan.lanes.gap_ns, prep.pace.is_paced
        rows = complete_rows(payload, part, prep.tape.route, gap_ns, self._t0_ns, is_paced)
        self._judge.fold(rows)
        self._interlock.fold(rows)
        self._watch(rows)
        self._writer.append_rows(worker, rows)

    def _watch(self, rows: Outcomes) -> None:
        """End the run when it does more harm than it was meant to."""
        halt = self._prep.options.halt
        if halt is None or self._halted:
            return
        self._look_at_stubs()
        if self._broken:
            return
        self._halted = halt.fold(rows, self._prep.plan.at_ms[rows["index"]])
        if self._halted:
            self._view.say(f"halted: {self._halted}")
            self._writer.note("halted", self._elapsed_s())
            self._fleet.stop()

    def _enter(self, state: State) -> None:
        self._state = state
        self._writer.enter(state, self._elapsed_s())

    def _fail(self, error: BaseException) -> None:
        self._state = "failed"
        self._writer.write_interlock(self._seal)
        self._writer.fail(str(error), self._elapsed_s())

    def _elapsed_s(self) -> float:
        if not self._t0_ns:
            return 0.0
        end_ns = self._end_ns if self._end_ns is not None else time.monotonic_ns()
        return max(0.0, (end_ns - self._t0_ns) / 1e9)

    @contextmanager
    def _obeying_signals(self, task: asyncio.Task[Any] | None) -> Iterator[None]:
        """Ctrl-C once: stop sending, let answers come. Twice: now. SIGTERM is Ctrl-C."""
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            self._interrupts += 1
            if not self._t0_ns and task is not None:
                task.cancel()
            elif self._interrupts == 1:
                self._view.say("stopping: waiting up to 5 s for answers; Ctrl-C again to stop now")
                self._writer.note("interrupted", self._elapsed_s())
                self._fleet.stop()
            else:
                self._fleet.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, interrupt)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
                # What is left is to say how it went; one Ctrl-C too many must not cut that off.
                signal.signal(number, self._after_signals)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that a person should hear of: ours before any other."""
    leaves = list(_leaves(group))
    ours = (leaf for leaf in leaves if isinstance(leaf, EsrError))
    return next(ours, leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
