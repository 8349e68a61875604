"""A Chaos Toolkit experiment to a drill. Floor 1, pure.

Its pauses become moments of the recorded clock, its toxics faults, its rollbacks the cleanup.
Nothing of it is run: an action that starts a process, calls Python or sends a request is refused,
unless it only says to a toxiproxy, or to us, which fault to set.
Read next: `chaos_actions.py`, `chaos_probes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.chaos_actions import Step, read_step
from stubs.importers.chaos_probes import read_probe
from stubs.importers.chaos_values import Configuration
from stubs.importers.definition import Imported, choose_key
from stubs.importers.fault_list import FaultList
from stubs.importers.fields import mapping_in, mapping_of, number_of
from stubs.importers.report import Item, LossReport, NotTakenError, UnusableFileError
from switchboard.fault_reader import shown

SCENARIO: Final = "stimulus_2020"
DEFAULT_HYPOTHESIS: Final[Mapping[str, float]] = {"error_pct": 5}
MAX_PAUSE_S: Final = 86_400.0


def import_chaos_toolkit(value: object, name: str, report: LossReport) -> Imported:
    """One drill. Raises UnusableFileError."""
    if not isinstance(value, Mapping) or not isinstance(value.get("method"), list):
        raise UnusableFileError("this is no Chaos Toolkit experiment: it has no list `method`")
    configuration = Configuration(value.get("configuration"))
    hypothesis = _read_hypothesis(value, configuration, report)
    timetable = _Timetable()
    activities = {raw["name"]: raw for raw in _named(value["method"])}
    for where, raw in report.each("method", value["method"]):
        with report.taking(where) as item:
            _take(raw, activities, configuration, timetable, item)
    cleanup = _read_rollbacks(value, activities, configuration, timetable, report)
    for key in ("controls", "extensions", "secrets"):
        if value.get(key):
            report.item(key).refuse(_LEFT_OUT[key])
    if not timetable.faults.listed:
        return Imported()
    title = value.get("title")
    drill: dict[str, Any] = {
        "id": choose_key(name),
        "title": shown(title) if isinstance(title, str) else name[:80],
        "scenario": SCENARIO,
        "hypothesis": hypothesis,
        "chaos": list(timetable.faults.listed),
        "cleanup": cleanup,
    }
    report.item("scenario").approximate(f"{SCENARIO} stands in: name the traffic that you mean")
    return Imported(drill=drill)


_LEFT_OUT: Final = {
    "controls": "controls run code, which no drill does",
    "extensions": "extensions are for other tools",
    "secrets": "secrets are not read, and a drill needs none",
}


class _Timetable:
    """The faults so far, and what time it is in the experiment."""

    def __init__(self) -> None:
        self.faults = FaultList()
        self.at_s = 0.0
        self._since_s: dict[tuple[str, str | None], tuple[str, float]] = {}

    def apply(self, step: Step, item: Item) -> None:
        """Set a fault now, or end one that was set."""
        if step.fault is not None:
            self._set(step)
        else:
            ended = [key for key in self._since_s if step.ends(*key)]
            if not ended:
                raise NotTakenError("it takes back what nothing before it set")
            for key in ended:
                fault_id, since_s = self._since_s.pop(key)
                if self.at_s <= since_s:
                    item.approximate("it is taken back at once: give the fault a time of its own")
                self.faults.end(fault_id, _seconds(max(self.at_s - since_s, 1.0)))

    def open_ids(self, step: Step) -> list[str]:
        """The faults that a rollback takes back."""
        return [fault_id for key, (fault_id, _) in self._since_s.items() if step.ends(*key)]

    def _set(self, step: Step) -> None:
        fault = dict(step.fault or {})
        if step.name and (step.service, step.name) in self._since_s:
            raise NotTakenError("a fault of that name is set already")
        fault_id = str(fault.get("id") or f"{step.service}_{fault['kind']}_{self._next}")
        self.faults.put({"id": fault_id, **fault, "at": fault.get("at", _seconds(self.at_s))})
        self._since_s[step.service, step.name] = (fault_id, self.at_s)

    @property
    def _next(self) -> int:
        return len(self.faults.listed) + 1


def _take(
    raw: object,
    activities: Mapping[str, Mapping[str, Any]],
    configuration: Configuration,
    timetable: _Timetable,
    item: Item,
) -> None:
    activity = _resolve(raw, activities, configuration)
    item.what = shown(activity.get("name", ""))
    pauses = mapping_in(activity, "pauses")
    timetable.at_s += _pause_s(pauses, "before")
    try:
        if activity.get("controls"):
            item.approximate("its controls are left out: they run code")
        if activity.get("type") == "probe":
            raise NotTakenError("a probe in the method is not asked: the scorecard measures all")
        timetable.apply(read_step(activity, item), item)
    finally:
        timetable.at_s += _pause_s(pauses, "after")


def _resolve(
    raw: object, activities: Mapping[str, Mapping[str, Any]], configuration: Configuration
) -> Mapping[str, Any]:
    """The activity, or the one that a `ref` names, with its variables filled in."""
    activity = mapping_of(raw, "an activity")
    reference = activity.get("ref")
    if isinstance(reference, str):
        if reference not in activities:
            raise NotTakenError(f"it refers to {shown(reference)}, which is not there")
        activity = activities[reference]
    return mapping_of(configuration.fill(activity), "an activity")


def _named(activities: list[Any]) -> list[Mapping[str, Any]]:
    return [
        raw for raw in activities if isinstance(raw, Mapping) and isinstance(raw.get("name"), str)
    ]


def _pause_s(pauses: Mapping[str, Any], key: str) -> float:
    return number_of(pauses.get(key) or 0, f"the pause {key}", 0.0, MAX_PAUSE_S)


def _seconds(seconds: float) -> str:
    return f"{round(seconds, 3):g}s" if seconds < 100_000 else f"{round(seconds)}s"


def _read_hypothesis(
    value: Mapping[str, Any], configuration: Configuration, report: LossReport
) -> dict[str, float]:
    """Limits on the scorecard's numbers; of several on one number the strictest."""
    raw = value.get("steady-state-hypothesis")
    probes = raw.get("probes") if isinstance(raw, Mapping) else None
    limits: dict[str, float] = {}
    where = "steady-state-hypothesis.probes"
    for at, each in report.each(where, probes if isinstance(probes, list) else []):
        with report.taking(at) as item:
            probe = mapping_of(configuration.fill(mapping_of(each, "a probe")), "a probe")
            item.what = shown(probe.get("name", ""))
            for name, limit in read_probe(probe, item).items():
                limits[name] = min(limit, limits.get(name, limit))
    if not limits:
        item = report.item("steady-state-hypothesis")
        item.approximate("nothing of it can be measured here: at most 5 % of errors stands in")
        return dict(DEFAULT_HYPOTHESIS)
    return limits


def _read_rollbacks(
    value: Mapping[str, Any],
    activities: Mapping[str, Mapping[str, Any]],
    configuration: Configuration,
    timetable: _Timetable,
    report: LossReport,
) -> list[str] | str:
    """Ids of the faults that are taken back; all of them where no rollback says otherwise."""
    rollbacks = value.get("rollbacks")
    cleanup: list[str] = []
    for where, raw in report.each("rollbacks", rollbacks if isinstance(rollbacks, list) else []):
        with report.taking(where) as item:
            activity = _resolve(raw, activities, configuration)
            item.what = shown(activity.get("name", ""))
            step = read_step(activity, item)
            if step.fault is not None:
                raise NotTakenError("a rollback that sets a fault has no counterpart here")
            ended = timetable.open_ids(step)
            if not ended:
                item.approximate("there is nothing left for it to take back")
            cleanup += [fault_id for fault_id in ended if fault_id not in cleanup]
    return cleanup or "all"
