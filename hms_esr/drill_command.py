"""`esr drill run`, `esr drill list`, `esr drill search`: who plays, what is printed, what is kept.

Read next: `drill_run.py` (the experiment), `drill_search.py` (the bisection), `drill_report.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from hms_esr.commands import Output, here
from hms_esr.counted_faults import is_met
from hms_esr.drill_evidence import Evidence, read_evidence
from hms_esr.drill_run import (
    DRILL_FILE,
    DrillError,
    DrillResult,
    Play,
    Say,
    check_baseline,
    options_of,
    run_drill,
)
from hms_esr.exits import INTERRUPTED, PASS, VOID, UsageError
from hms_esr.options import RunOptions
from hms_esr.preparation import Preparation, prepare, stub_route_name
from hms_esr.run_folder import is_alive, runs_folder
from hms_esr.runs import find_run
from scenarios.drill import Drill
from scenarios.drill_loader import find_drill, list_drills
from scenarios.units import format_duration, format_speed
from scorecard.files import Losses, write_json


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """What the command line says of a drill; None leaves the choice to the drill's file."""

    name: str
    scenario: str | None = None
    speed: str | None = None
    seed: int | None = None
    users: int | None = None
    duration: str | None = None
    target: str | None = None
    workers: int = 1
    baseline: str | None = None
    has_baseline: bool = True
    command: tuple[str, ...] = ()

    def given(self) -> RunOptions:
        """What wins over the drill's file; an empty scenario is the drill's own."""
        return RunOptions(
            scenario=self.scenario or "",
            speed=self.speed,
            users=self.users,
            duration=self.duration,
            seed=self.seed,
            target=self.target,
            workers=self.workers,
            command=self.command,
        )


def drill_run_command(options: DrillOptions, *, json_file: str | None) -> int:
    """Run a drill; the exit code says how it went."""
    from hms_esr.drill_report import print_drill

    if options.baseline is not None and not options.has_baseline:
        raise UsageError("--baseline and --no-baseline contradict one another: take one of them")
    out = Output(json_file)
    drill, given = load_drill(options, here())
    wanted = check_plan(drill, given)
    baseline = None
    if options.baseline is not None:
        baseline = read_baseline(find_run(runs_folder(os.environ, here()), options.baseline))
        check_baseline(baseline, wanted)
    result = run_drill(
        drill,
        given,
        player(out.console, is_last_with_faults=True),
        teller(out.console),
        baseline=baseline,
        has_baseline=options.has_baseline,
    )
    report = result.to_json()
    lost = keep(result, report)
    print_drill(out.console, report)
    if lost is not None:
        out.console.print(Text(lost, style="yellow"), soft_wrap=True)
    out.write(report)
    return result.exit_code


def drill_list_command(*, json_file: str | None) -> int:
    """List the drills that can be run by name."""
    from hms_esr.drill_report import print_drills

    out = Output(json_file)
    drills = list_drills(here())
    print_drills(out.console, drills)
    found = [{"id": each.id, "title": each.title, "file": str(each.path)} for each in drills]
    out.write({"drills": found})
    out.check_heard()
    return PASS


def read_baseline(folder: Path) -> Evidence:
    """An earlier run as the steady state. Raises DrillError unless it came to its end.

    A live one is left alone: reading its rows would take them away from it.
    """
    if is_alive(folder):
        raise DrillError(f"--baseline {folder.name} is still under way; wait for its end")
    evidence = read_evidence(folder)
    if evidence.card["state"] != "done":
        raise DrillError(f"--baseline {folder.name} did not come to its end; name one that did")
    return evidence


def load_drill(options: DrillOptions, cwd: Path) -> tuple[Drill, RunOptions]:
    """The drill, and how it is played without its faults. Raises EsrError, also for --speed max."""
    drill = find_drill(options.name, cwd=cwd)
    return drill, options_of(drill, options.given())


def player(console: Console, *, is_last_with_faults: bool = False) -> Play:
    """Who plays runs: as `esr replay` would, one after the other, in this process.

    is_last_with_faults: a run with faults is the last one, and after it Ctrl-C is ignored: one too
    many must not cut off the report.
    """

    def play_run(options: RunOptions) -> Evidence:
        from hms_esr.runner import play

        with ExitStack() as stack:
            prep = prepare(options, os.environ, here(), stack)
            is_last = is_last_with_faults and bool(options.faults)
            result = play(prep, console, None, stack, is_last=is_last, is_printed=False)
        check_sent(result.card)
        return read_evidence(result.folder)

    return play_run


class UnplayedError(DrillError):
    """A run ended before its first request."""

    exit_code = VOID


class UnplayedByPersonError(UnplayedError):
    """A person wanted it so."""

    exit_code = INTERRUPTED


def check_sent(card: Mapping[str, Any]) -> None:
    """Raises UnplayedError for a run of which there is nothing to read."""
    if card["requests"]["sent"]:
        return
    kind = UnplayedByPersonError if card["state"] == "aborted" else UnplayedError
    raise kind(f"{card['run_id']} says nothing: {card['reason']}")


def teller(console: Console) -> Say:
    """Who tells a person how far a drill is."""
    return lambda sentence: console.print(Text(sentence, style="bold"), soft_wrap=True)


def check_clock(prep: Preparation) -> None:
    """Raises DrillError unless there is recorded time, and every fault begins within it."""
    if not prep.pace.is_paced:
        raise DrillError("--speed max has no clock that faults could follow; take 60x")
    trace_ms = prep.plan.trace_ns / 1e6
    for fault in prep.faults:
        if fault.at_ms >= trace_ms:
            begins, length = (format_duration(ms / 1000) for ms in (fault.at_ms, trace_ms))
            raise DrillError(
                f"the fault {fault.id} begins at {begins}, and the run is over after {length}: "
                "play a longer part of the scenario, or let it begin earlier"
            )


def check_targets(prep: Preparation) -> None:
    """Raises DrillError for a fault that no request of the run could meet: its drill would pass."""
    for fault in prep.faults:
        if not is_met(fault, prep.tape, prep.plan, stub_route_name):
            whom = ", ".join(f"{name} {value}" for name, value in fault.target.mapping().items())
            services = sorted({route.service for route in prep.tape.info.routes})
            raise DrillError(
                f"the fault {fault.id} is about nobody: no request of this run is for {whom} while "
                f"it lasts; the services of this run are {', '.join(services)}"
            )


def check_plan(drill: Drill, given: RunOptions) -> Mapping[str, Any]:
    """Before anything is sent: whether the drill fits its run. Raises EsrError when it does not.

    What run.json of its runs will say is given back, for `drill_run.check_baseline`.
    """
    with ExitStack() as stack:
        prep = prepare(replace(given, faults=drill.chaos), os.environ, here(), stack)
        check_clock(prep)
        check_targets(prep)
        return facts_wanted(prep)


def facts_wanted(prep: Preparation) -> Mapping[str, Any]:
    """What run.json of the drill's own run will say; see `drill_run.facts_of`."""
    from scenarios.stub_settings import stub_settings_mapping

    return {
        "trace": prep.tape.info.digest,
        "seed": prep.scenario.seed,
        "speed": format_speed(prep.scenario.speed),
        "users": prep.scenario.users,
        "number of requests": len(prep.plan),
        "stubs": stub_settings_mapping(prep.scenario.stubs) or None,
    }


def keep(result: DrillResult, report: Mapping[str, Any]) -> str | None:
    """Write drill.json into the run's folder; a sentence about it where that failed."""
    last = result.baseline if result.run is None else result.run.evidence
    if last is None:
        return None
    losses = Losses()
    write_json(last.folder / DRILL_FILE, report, losses)
    return losses.describe()
