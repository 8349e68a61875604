"""The frozen Drill, and `parse_drill`, which reports every fault of a file at once.

A drill is an experiment: what must hold (the hypothesis), what goes wrong and when (`chaos`), what
should be noticed how soon (`expect`), and when it has gone too far (`halt_when`).
Floor 2, pure: a mapping in, a Drill or one ScenarioError out.
Read next: `drill_parts.py` (its sections), `drill_loader.py`; docs/drills.md says it for authors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from replay.retry import RetryPolicy
from scenarios.callers import read_retry
from scenarios.cues import read_cues
from scenarios.drill_parts import (
    COURSE_NAMES,
    Cleanup,
    Detection,
    HaltWhen,
    Hypothesis,
    read_cleanup,
    read_detections,
    read_halt,
    read_hypothesis,
    read_limits,
    read_time_ms,
)
from scenarios.slo import Slo
from scenarios.spec import MAX_NOTES, parse_id, parse_seed, parse_users, parse_window
from scenarios.stub_settings import StubSettings, read_stub_settings
from scenarios.units import parse_speed
from stubs.faults.fault import Fault as Cue
from switchboard.errors import Fault, ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, kind_of

DRILL_KEYS: Final[Mapping[str, str]] = {
    "id": "the drill's name: letters, digits, _ and -",
    "title": "what it is about, in a few words",
    "scenario": "whose traffic is played: a scenario's id or file",
    "speed": "how fast recorded time passes: 60x",
    "seed": "the number from which everything random is decided",
    "users": "how many users play",
    "duration": "only the first part of the scenario's recorded time: 20m",
    "hypothesis": "what must hold without the faults, and with them",
    "slo": "the objectives that are watched; which faults made them miss is reported",
    "chaos": "the timetable of faults",
    "stubs": "who answers in the embedded sandbox, and how",
    "retry": "how callers try again when a request fails",
    "halt_when": "what ends the drill early: {error_pct: 80, for: 30s}",
    "expect": "what must be noticed, and how soon",
    "recover_within": "how soon after a fault's end all objectives must be kept again: 2m",
    "cleanup": "which faults are taken back at the end: all, or a list of ids",
    "notes": "what it teaches, for people",
}
EXPECT_KEYS: Final[Mapping[str, str]] = {
    "detections": "a list such as [{slo: error_pct, within: 60s, fault: ach-down}]",
}
LONGEST_TITLE: Final = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill, checked whole. Times are recorded time; None leaves the choice to the scenario."""

    id: str
    scenario: str
    hypothesis: Hypothesis
    chaos: tuple[Cue, ...]
    title: str = ""
    speed: float | None = None
    seed: int | None = None
    users: int | None = None
    duration_s: float | None = None
    slo: tuple[Slo, ...] = ()
    stubs: StubSettings | None = None
    retry: RetryPolicy | None = None
    halt_when: HaltWhen | None = None
    detections: tuple[Detection, ...] = ()
    recover_within_ms: float | None = None
    cleanup: Cleanup = "all"
    notes: str = ""
    file: Path | None = None

    @property
    def course_limits(self) -> tuple[Slo, ...]:
        """The limits that can be watched over time: of `slo`, else of the hypothesis."""
        chosen = self.slo or self.hypothesis.limits
        return tuple(limit for limit in chosen if limit.name in COURSE_NAMES)


def parse_drill(
    mapping: object,
    source: str,
    line_of: LineOf = lambda path: None,
    *,
    file: Path | None = None,
) -> Drill:
    """The Drill in a mapping of DRILL_KEYS; `source` names it in errors, such as `outage.yml`.

    Raises ScenarioError with every fault at once, in the order of their lines.
    """
    reader = FaultReader(line_of)
    if not isinstance(mapping, Mapping):
        reader.fault("", "a drill is a mapping of keys; it begins with a line such as `id: outage`")
        raise _refusal(source, reader.faults)
    given = _present(reader.mapping(mapping, "", tuple(DRILL_KEYS)), reader)
    for key, example in _REQUIRED.items():
        if key not in mapping:
            reader.fault(key, f"is missing; write it as `{example}`")
    drill = _read(given, source, line_of, reader, file)
    if reader.faults:
        faults = sorted(reader.faults, key=lambda fault: (fault.line or 0, fault.path))
        raise _refusal(source, faults)
    return drill


_REQUIRED: Final = {
    "id": "id: ach_outage",
    "scenario": "scenario: stimulus_2020",
    "hypothesis": "hypothesis: {error_pct: 1}",
    "chaos": "chaos: [{kind: down, target: ach, at: 9m, for: 2m}]",
}


def _present(given: Mapping[str, object], reader: FaultReader) -> dict[str, object]:
    for key, value in given.items():
        if value is None and key in DRILL_KEYS:
            reader.fault(key, "has no value; write one or take the line out")
    return {key: value for key, value in given.items() if value is not None}


def _read(
    given: Mapping[str, object],
    source: str,
    line_of: LineOf,
    reader: FaultReader,
    file: Path | None,
) -> Drill:
    def read(key: str, parse: Callable[[object], T], default: T) -> T:
        """The value under a key; the default when it is missing or wrong."""
        if key not in given:
            return default
        try:
            return parse(given[key])
        except ValueError as error:
            reader.fault(key, str(error))
            return default

    chaos = _read_chaos(given, source, line_of, reader)
    ids = [fault.id for fault in chaos]
    hypothesis = Hypothesis()
    if "hypothesis" in given:
        hypothesis = read_hypothesis(given["hypothesis"], reader)
    slo = read_limits(given.get("slo", {}), "slo", reader)
    known = [limit.name for limit in (*slo, *hypothesis.limits)]
    expect = given.get("expect", {})
    wanted = reader.mapping(expect, "expect", tuple(EXPECT_KEYS))
    if "recover_within" in given and chaos and all(map(_is_endless, chaos)):
        never = "no fault of this drill ends, so nothing could be over; give one a `for`"
        reader.fault("recover_within", never)
    return Drill(
        id=read("id", parse_id, ""),
        title=read("title", _parse_title, ""),
        scenario=read("scenario", _parse_scenario, ""),
        speed=read("speed", _parse_pace, None),
        seed=read("seed", parse_seed, None),
        users=read("users", parse_users, None),
        duration_s=read("duration", parse_window, None),
        hypothesis=hypothesis,
        slo=slo,
        chaos=chaos,
        stubs=read_stub_settings(given["stubs"], "stubs", reader) if "stubs" in given else None,
        retry=read_retry(given["retry"], "retry", reader) if "retry" in given else None,
        halt_when=read_halt(given["halt_when"], reader) if "halt_when" in given else None,
        detections=read_detections(wanted, ids, known, reader),
        recover_within_ms=read("recover_within", read_time_ms, None),
        cleanup=read_cleanup(given.get("cleanup", "all"), ids, reader),
        notes=read("notes", _parse_notes, ""),
        file=file,
    )


def _read_chaos(
    given: Mapping[str, object], source: str, line_of: LineOf, reader: FaultReader
) -> tuple[Cue, ...]:
    if "chaos" not in given:
        return ()
    before = len(reader.faults)
    faults = read_cues({"chaos": given["chaos"]}, source, line_of, reader)
    if not faults and len(reader.faults) == before:
        reader.fault("chaos", f"holds no fault; write `{_REQUIRED['chaos']}`")
    return faults


def _is_endless(fault: Cue) -> bool:
    """Whether it does harm to the end of the run."""
    restart_s = getattr(fault.kind, "restart_after_s", None)
    return fault.for_ms is None and fault.ttl_ms is None and restart_s is None


def _parse_scenario(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("must be a scenario's id or file, such as stimulus_2020")
    return value


def _parse_pace(value: object) -> float:
    speed = parse_speed(value)
    if speed == float("inf"):
        raise ValueError("`max` has no clock that faults could follow; write a speed such as 60x")
    return speed


def _parse_title(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TITLE or not value.isprintable():
        raise ValueError(f"must be one line of at most {LONGEST_TITLE} characters")
    return value


def _parse_notes(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NOTES:
        raise ValueError(f"must be text of at most {MAX_NOTES:,} characters, not {kind_of(value)}")
    return value


def _refusal(source: str, faults: list[Fault]) -> ScenarioError:
    return ScenarioError(f"{source} is no sound drill", faults)
