"""`esr drill search`: each try is a run with the fault at another size, until the edge is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TextIO, cast

from rich.console import Console
from rich.text import Text

from hms_esr.commands import Output, here
from hms_esr.drill_command import DrillOptions, check_plan, load_drill, player
from hms_esr.drill_evidence import Evidence
from hms_esr.drill_judge import check_hypothesis
from hms_esr.drill_run import DrillError, Play
from hms_esr.drill_search import (
    LEAST_TRIES,
    MOST_TRIES,
    Scale,
    Search,
    choose_scale,
    choose_tolerance,
    find_fault,
    resize,
    search_smallest,
)
from hms_esr.exits import PASS, UsageError
from hms_esr.options import RunOptions
from hms_esr.voice import Voice
from scenarios.drill import Drill
from stubs.faults.fault import Fault

SCHEMA: Final = "esr.drill-search/1"
ASSUMED: Final = "a bigger fault does at least as much harm as a smaller one"


class InterruptedSearchError(DrillError):
    """A person stopped one of its runs."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What is made bigger and smaller, and between which ends."""

    fault: str | None
    over: str
    start: str
    end: str
    tolerance: str | None = None
    tries: int = MOST_TRIES


def drill_search_command(
    options: DrillOptions, search: SearchOptions, *, json_file: str | None
) -> int:
    """Find the smallest fault that breaks the drill's objectives or its hypothesis."""
    out = Output(json_file)
    drill, given = load_drill(options, here())
    # What each run has to say for itself is in its folder; here each is one line.
    silent = Console(file=cast(TextIO, Voice(None)))
    found, scale, fault = run_search(drill, given, search, player(silent), out.console)
    print_search(out.console, drill, fault, scale, found)
    out.write(search_json(drill, fault, scale, found))
    return PASS


def run_search(
    drill: Drill, given: RunOptions, search: SearchOptions, play: Play, console: Console
) -> tuple[Search, Scale, Fault]:
    """Raises EsrError for wrong ends, and when a run cannot be played or means nothing."""
    if search.tries < LEAST_TRIES:
        raise UsageError(f"--tries {search.tries} is too few: both ends and one between take three")
    fault = find_fault(drill, search.fault)
    scale = choose_scale(fault, search.over)
    start = _read_end("--from", search.start, scale)
    end = _read_end("--to", search.end, scale)
    if start == end:
        raise UsageError("--from and --to are the same size, so there is nothing to search")
    for value in (start, end):
        resize(drill, fault, scale, value)
    try:
        tolerance = choose_tolerance(search.tolerance, scale, start, end)
    except ValueError as error:
        raise UsageError(f"--tolerance: {error}") from None
    check_plan(drill, given)
    breaks = _breaker(drill, given, fault, scale, play, console)
    found = search_smallest(breaks, start, end, tolerance, search.tries, scale.snap)
    return found, scale, fault


def _read_end(option: str, text: str, scale: Scale) -> float:
    try:
        return scale.read(text)
    except ValueError as error:
        example = "30s" if scale.is_duration else "0.1"
        raise UsageError(f"{option}: {error}; write a size such as {example}") from None


def _breaker(
    drill: Drill, given: RunOptions, fault: Fault, scale: Scale, play: Play, console: Console
) -> Callable[[float], str | None]:
    """Plays one size and tells a person how it went."""

    def breaks(value: float) -> str | None:
        evidence = play(replace(given, faults=resize(drill, fault, scale, value)))
        why = why_broken(drill, evidence)
        mark = Text("holds ", style="green") if why is None else Text("breaks", style="bold red")
        line = Text.assemble(mark, f"  {fault.id} with {scale.name} {scale.show(value)}")
        line.append(f"  {why}" if why else "", style="dim")
        console.print(line, soft_wrap=True)
        return why

    return breaks


def why_broken(drill: Drill, evidence: Evidence) -> str | None:
    """The missed objectives and broken limits of a run; None when all were kept.

    Raises DrillError when the run means nothing, or was stopped.
    """
    card = evidence.card
    if card["state"] == "aborted":
        raise InterruptedSearchError("the search was interrupted")
    if card["verdict"] == "void":
        raise DrillError(f"a run of the search means nothing: {card['reason']}")
    missed = [str(slo["why"]) for slo in card["slo"] if not slo["ok"]]
    broken = [check.why for check in check_hypothesis(drill.hypothesis, card) if check.why]
    return "; ".join([*missed, *broken]) or None


def print_search(console: Console, drill: Drill, fault: Fault, scale: Scale, found: Search) -> None:
    """The answer, how sure it is, and what was taken for granted."""
    what = f"{drill.id}: {fault.id} breaks it with {scale.name}: {scale.show(found.breaks_at)}"
    console.print(Text(f"{what}, and not with {scale.show(found.holds_at)}", style="bold"))
    runs = f"{len(found.tries)} runs; assumed: {ASSUMED}"
    if not found.is_precise:
        runs += "; more --tries would bring the two closer together"
    console.print(Text(runs, style="dim"), soft_wrap=True)


def search_json(drill: Drill, fault: Fault, scale: Scale, found: Search) -> dict[str, Any]:
    """The object of `--json`."""
    return {
        "schema": SCHEMA,
        "drill": drill.id,
        "fault": fault.id,
        "over": scale.name,
        "breaks_at": scale.write(found.breaks_at),
        "holds_at": scale.write(found.holds_at),
        "is_precise": found.is_precise,
        "assumed": ASSUMED,
        "tries": [
            {"value": scale.write(tried.value), "broke": tried.why is not None, "why": tried.why}
            for tried in found.tries
        ],
    }
