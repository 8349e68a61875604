"""The experiment itself: the steady state first, then the same run with the faults, then blame.

Who plays a run is handed in, so this file knows neither sockets nor processes.
Read next: `drill_judge.py` (what is decided), `drill_command.py` (who plays), docs/drills.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hms_esr.drill_evidence import Evidence
from hms_esr.drill_judge import (
    Check,
    Noticed,
    Recovery,
    check_hypothesis,
    numbers_of,
    reasons_against,
    to_json,
    to_slo,
    watch_detections,
    watch_recoveries,
)
from hms_esr.exits import EXIT_OF_VERDICT, INTERRUPTED, USAGE, VOID
from hms_esr.options import RunOptions
from scenarios.drill import Drill
from scenarios.stub_settings import StubSettings
from scenarios.units import format_duration, format_speed
from scorecard.blame import Blame, FaultSpan, Ledger, assign_blame
from scorecard.course import Timeline, build_timeline
from scorecard.halt import HaltWatch
from scorecard.shares import Miss, share_miss
from stubs.faults.fault import Fault
from switchboard.errors import EsrError

SCHEMA: Final = "esr.drill/1"
DRILL_FILE: Final = "drill.json"

Play = Callable[[RunOptions], Evidence]
"""Plays a run to its end and reads what it left. Raises EsrError when it cannot begin."""

Say = Callable[[str], None]


class DrillError(EsrError):
    """The drill cannot be run like this."""


@dataclass(frozen=True, slots=True)
class DrillResult:
    """How a drill ended.

    verdict: None when nothing was injected or a person stopped it.   before: None without a
    baseline.   run: of the run with faults, None when nothing was injected.
    """

    drill: Drill
    verdict: str | None
    reasons: tuple[str, ...]
    exit_code: int
    before: tuple[Check, ...] | None
    baseline: Evidence | None
    run: Injected | None = None

    def to_json(self) -> dict[str, Any]:
        """The object of drill.json and of `--json`."""
        run, base = self.run, self.baseline
        shown = run.evidence if run else base
        return {
            "schema": SCHEMA,
            "drill": self.drill.id,
            "title": self.drill.title,
            "run_id": None if run is None else run.evidence.run_id,
            "seed": None if shown is None else shown.facts.get("seed"),
            "speed": None if shown is None else shown.card["speed"],
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "hypothesis": {
                "before": None if self.before is None else to_json(self.before),
                "after": None if run is None else to_json(run.after),
                "held": None if run is None else all(check.ok for check in run.after),
            },
            "halted": None if run is None else run.halted,
            **(_NOTHING if run is None else run.to_json(base)),
            "baseline": None if base is None else _baseline(base),
        }


_NOTHING: Final[Mapping[str, Any]] = {
    "slo": [],
    "blame": None,
    "failed_requests": [],
    "detections": [],
    "recovery": [],
    "faults": [],
    "course": None,
    "scorecard": None,
}


@dataclass(frozen=True, slots=True)
class Injected:
    """The run with the faults, judged. course, base_course: by the same buckets."""

    evidence: Evidence
    after: tuple[Check, ...]
    noticed: tuple[Noticed, ...]
    recoveries: tuple[Recovery, ...]
    blame: Blame
    misses: tuple[Miss, ...]
    course: Timeline
    base_course: Timeline | None
    halted: str | None

    def to_json(self, baseline: Evidence | None) -> dict[str, Any]:
        numbers = {} if baseline is None else numbers_of(baseline.card)
        card = self.evidence.card
        return {
            "slo": [{**each, "baseline": numbers.get(each["name"])} for each in card["slo"]],
            "blame": {
                **self.blame.to_json(),
                "misses": [miss.to_json() for miss in self.misses],
            },
            "failed_requests": [
                {
                    "id": request.id,
                    "route": request.route,
                    "status": request.status,
                    "failure": request.failure,
                    "faults": list(request.faults),
                }
                for request in self.blame.failed_requests
            ],
            "detections": to_json(self.noticed),
            "recovery": to_json(self.recoveries),
            "faults": [_as_written(span) for span in self.evidence.spans],
            "course": {
                "run": self.course.to_json(),
                "baseline": None if self.base_course is None else self.base_course.to_json(),
            },
            "scorecard": dict(card),
        }


def options_of(drill: Drill, given: RunOptions) -> RunOptions:
    """How the drill is played without its faults; what the command line gives wins."""
    slo = tuple(f"{limit.name}={limit.limit!r}" for limit in drill.slo)
    return replace(
        given,
        scenario=given.scenario or _scenario_of(drill),
        speed=given.speed or (None if drill.speed is None else format_speed(drill.speed)),
        seed=drill.seed if given.seed is None else given.seed,
        users=drill.users if given.users is None else given.users,
        duration=given.duration
        or (None if drill.duration_s is None else format_duration(drill.duration_s)),
        slo=(*slo, *given.slo),
        stubs=_stubs_of(drill),
        retry=drill.retry,
        faults=(),
        halt=None,
    )


def _scenario_of(drill: Drill) -> str:
    """A scenario file is looked for beside the drill too."""
    if drill.file is not None and drill.scenario.endswith((".yml", ".yaml")):
        beside = drill.file.parent / drill.scenario
        if beside.is_file():
            return str(beside)
    return drill.scenario


def _stubs_of(drill: Drill) -> StubSettings | None:
    """Files of the stubs are looked for beside the drill too: its scenario may lie anywhere."""
    if drill.stubs is None or drill.file is None:
        return drill.stubs
    folder = drill.file.parent.absolute()

    def place(name: str | None) -> str | None:
        is_beside = name is not None and (folder / name).exists()
        return str(folder / name) if name is not None and is_beside else name

    stubs = drill.stubs
    return replace(stubs, definitions=place(stubs.definitions), latencies=place(stubs.latencies))


def run_drill(
    drill: Drill,
    options: RunOptions,
    play: Play,
    say: Say,
    *,
    baseline: Evidence | None = None,
    has_baseline: bool = True,
) -> DrillResult:
    """Steady state, faults, judgement. Raises EsrError when a run cannot begin.

    options: from `options_of`.   baseline: an earlier run without faults, instead of a new one.
    has_baseline: without one nothing is compared, and nothing is checked before.
    """
    before = None
    if baseline is None and has_baseline:
        say("the steady state first: the same run without faults")
        baseline = play(options)
    if baseline is not None:
        before = check_hypothesis(drill.hypothesis, baseline.card)
        stopped = _unsteady(drill, baseline, before)
        if stopped is not None:
            return stopped
    say(f"now with the faults: {', '.join(fault.id for fault in drill.chaos)}")
    injected = inject(drill, drill.chaos, options, play, baseline)
    return _judge(drill, injected, before, baseline)


def _unsteady(drill: Drill, baseline: Evidence, before: tuple[Check, ...]) -> DrillResult | None:
    """How it ends before anything is injected, when it does."""
    card = baseline.card
    wrong = tuple(check.why for check in before if check.why is not None)
    nothing = "nothing was injected"
    if card["state"] == "aborted":
        reason = f"the steady state was interrupted, so {nothing}"
        return DrillResult(drill, None, (reason,), INTERRUPTED, before, baseline)
    if card["verdict"] == "void":
        reason = f"{card['reason']}, so {nothing}"
        return DrillResult(drill, "void", (reason,), VOID, before, baseline)
    if wrong:
        reasons = (f"the hypothesis fails before any fault, so {nothing}", *wrong)
        return DrillResult(drill, None, reasons, USAGE, before, baseline)
    return None


def inject(
    drill: Drill,
    faults: tuple[Fault, ...],
    options: RunOptions,
    play: Play,
    baseline: Evidence | None,
) -> Injected:
    """Play the run with the faults and work out what they cost."""
    watch = None
    if drill.halt_when is not None:
        limits = [to_slo(limit) for limit in drill.halt_when.limits]
        watch = HaltWatch(limits, drill.halt_when.window_ms)
    evidence = play(replace(options, faults=faults, halt=watch))
    course, base_course = _courses(evidence, baseline)
    usual = None if baseline is None else baseline.rows
    ledger = Ledger(evidence.rows, evidence.touches, evidence.spans, usual, evidence.charges)
    blame = assign_blame(ledger, evidence.routes)
    idle = {cost.id for cost in blame.faults if not cost.touched}
    return Injected(
        evidence=evidence,
        after=check_hypothesis(drill.hypothesis, evidence.card),
        noticed=watch_detections(drill, course, evidence.spans, idle),
        recoveries=watch_recoveries(drill, course, evidence.spans, idle),
        blame=blame,
        misses=_misses(drill, ledger, evidence, baseline),
        course=course,
        base_course=base_course,
        halted=None if watch is None else watch.reason,
    )


def _courses(evidence: Evidence, baseline: Evidence | None) -> tuple[Timeline, Timeline | None]:
    """Both runs in buckets of the same length."""
    both = [run for run in (evidence, baseline) if run is not None]
    length_ms = max(float(run.at_ms.max(initial=0.0)) for run in both)
    courses = [build_timeline(run.rows, run.at_ms, run.routes, length_ms) for run in both]
    return courses[0], courses[1] if len(courses) > 1 else None


def _misses(
    drill: Drill, ledger: Ledger, evidence: Evidence, baseline: Evidence | None
) -> tuple[Miss, ...]:
    """Whose doing each missed objective and each broken limit of the hypothesis is."""
    numbers = numbers_of(evidence.card)
    usual = {} if baseline is None else numbers_of(baseline.card)
    limits = [to_slo(limit) for limit in (*drill.slo, *drill.hypothesis.limits)]
    found: dict[tuple[str, float], Miss] = {}
    for limit in limits:
        actual = numbers.get(limit.name)
        kept = actual is not None and (
            actual <= limit.limit if limit.direction == "at_most" else actual >= limit.limit
        )
        if kept:
            continue
        miss = share_miss(ledger, evidence.routes, limit, actual, usual.get(limit.name))
        if miss is not None:
            found[limit.name, limit.limit] = miss
    return tuple(found.values())


def _judge(
    drill: Drill,
    run: Injected,
    before: tuple[Check, ...] | None,
    baseline: Evidence | None,
) -> DrillResult:
    card = run.evidence.card
    reasons = tuple(reasons_against(run.after, run.noticed, run.recoveries, run.halted))
    if card["state"] == "aborted" and run.halted is None:
        reason = "it was interrupted"
        return DrillResult(drill, None, (reason,), INTERRUPTED, before, baseline, run)
    if card["verdict"] == "void" and run.halted is None:
        return DrillResult(drill, "void", (str(card["reason"]),), VOID, before, baseline, run)
    verdict = "fail" if reasons else "pass"
    code = EXIT_OF_VERDICT[verdict]
    return DrillResult(drill, verdict, reasons, code, before, baseline, run)


def check_baseline(baseline: Evidence, other: Mapping[str, Any]) -> None:
    """Raises DrillError unless the earlier run is the same one without faults.

    other: what run.json of the drill's own run would say (`facts_of`).
    """
    facts = baseline.facts
    if baseline.spans:
        raise DrillError(f"--baseline {baseline.run_id} was played with faults; name one without")
    for name, wanted in other.items():
        given = facts_of(facts)[name]
        if given != wanted:
            shown = f"{name} is {given}, and this drill's is {wanted}"
            raise DrillError(f"--baseline {baseline.run_id} is another run: its {shown}")


def facts_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal in two runs whose requests are compared one by one."""
    scenario = facts.get("scenario") or {}
    return {
        "trace": (facts.get("tape") or {}).get("sha256"),
        "seed": facts.get("seed"),
        "speed": scenario.get("speed"),
        "users": scenario.get("users"),
        "number of requests": facts.get("planned"),
        "stubs": scenario.get("stubs"),
    }


def _as_written(span: FaultSpan) -> dict[str, Any]:
    """The fault without the list of requests that a counting one comes to: blame has those."""
    return {key: value for key, value in span.written.items() if key != "chosen"}


def _baseline(evidence: Evidence) -> dict[str, Any]:
    return {
        "run_id": evidence.run_id,
        "folder": str(evidence.folder),
        "numbers": numbers_of(evidence.card),
    }
