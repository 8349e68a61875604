"""Scripted plays: runs of a hundred requests, written as a run folder and read back from it.

One request a second of recorded time, a lane each unless the script says otherwise. What becomes of
a request is decided by the test, from its number and the faults it is played with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hms_esr.drill_evidence import Evidence, read_evidence
from hms_esr.options import RunOptions
from replay.outcome import OUTCOME, Outcomes
from replay.tape import Route
from scorecard.card import Moment, RunFacts, snapshot
from scorecard.files import Losses, write_json
from scorecard.slo import slo_named
from scorecard.store import RowSpool, RunContext, rows_to_parquet, save_context
from scorecard.tally import Tally
from stubs.faults.fault import Fault
from stubs.faults.reader import fault_mapping
from stubs.touches import TouchLog

REQUESTS = 100
SPEED = 10
STARTED_NS = 1_600_000_000_000_000_000
ROUTES = (
    Route("ach-payments POST /payments", "ach-payments", "POST", "/payments"),
    Route("svc-auth POST /login", "svc-auth", "POST", "/login"),
)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one request. touched: ids of faults."""

    status: int = 200
    ms: float = 20.0
    touched: tuple[str, ...] = ()
    retries: int = 0


Script = Callable[[int, tuple[Fault, ...]], Fate]


def outage(index: int, faults: tuple[Fault, ...]) -> Fate:
    """Every second request goes to ach, which is down while a fault is due."""
    due = [fault.id for fault in faults if fault.is_due(index * 1000)]
    return Fate(503, 5, tuple(due)) if due and index % 2 == 0 else Fate()


@dataclass
class ScriptedPlays:
    """Plays runs into folders of their own, and remembers how each was asked for."""

    folder: Path
    script: Script = outage
    state: str = "done"
    verdict: str = "pass"
    asked: list[RunOptions] = field(default_factory=list)

    def __call__(self, options: RunOptions) -> Evidence:
        self.asked.append(options)
        faults = options.faults or ()
        folder = self.folder / f"RUN-{len(self.asked)}"
        folder.mkdir(parents=True)
        rows = self._rows(faults, folder)
        if options.halt is not None:
            options.halt.fold(rows, np.arange(len(rows)) * 1000.0)
        halted = options.halt is not None and options.halt.reason is not None
        write_run(folder, rows, options, faults, "aborted" if halted else self.state, self.verdict)
        return read_evidence(folder)

    def _rows(self, faults: tuple[Fault, ...], folder: Path) -> Outcomes:
        rows = np.zeros(REQUESTS, OUTCOME)
        numbers = {fault.id: number for number, fault in enumerate(faults)}
        log = TouchLog(folder / "touches.rows")
        for index in range(REQUESTS):
            fate = self.script(index, faults)
            due_ns = index * 1_000_000_000 // SPEED
            rows[index] = (
                due_ns, due_ns, due_ns, due_ns + round(fate.ms * 1e6), index, index, 0, index % 2,
                fate.status, 0, 0, 0, fate.retries,
            )  # fmt: skip
            log.add(index, index * 1000, [numbers[name] for name in fate.touched], 0)
        log.close()
        return rows


def write_run(
    folder: Path,
    rows: Outcomes,
    options: RunOptions,
    faults: tuple[Fault, ...] = (),
    state: Any = "done",
    verdict: Any = "pass",
) -> None:
    """The files of a finished run, as far as a drill reads them."""
    losses = Losses()
    users = [f"user-{lane}" for lane in range(len(rows))]
    save_context(folder, RunContext(folder.name, STARTED_NS, "open", users, ROUTES), losses)
    with RowSpool(folder / "outcomes-0.rows", losses) as spool:
        spool.append(rows)
    rows_to_parquet(folder, losses)
    slos = tuple(
        slo_named(name, float(limit))
        for name, _, limit in (text.partition("=") for text in options.slo)
    )
    tally = Tally(ROUTES, len(rows), "open", int(rows["due_ns"].max()))
    tally.fold(rows)
    facts = RunFacts(folder.name, "scripted", f"{SPEED}x", len(rows), slos=slos)
    reason = "the injector could not keep up" if verdict == "void" else None
    card = snapshot(facts, tally, Moment(state, 10.0, 100.0, verdict=verdict, reason=reason))
    write_json(folder / "scorecard.json", card, losses)
    started = datetime.fromtimestamp(STARTED_NS / 1e9, UTC).isoformat()
    written: dict[str, Any] = {
        "started": started,
        "seed": options.seed,
        "planned": len(rows),
        "scenario": {},
    }
    write_json(folder / "run.json", written, losses)
    timetable = [{"number": number, **fault_mapping(fault)} for number, fault in enumerate(faults)]
    if timetable:
        write_json(folder / "faults.json", timetable, losses)
    assert losses.first is None
