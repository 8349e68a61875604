"""The sections of a drill: hypothesis, halt_when, expected detections, cleanup.

Floor 2, pure; each reader takes what someone wrote, and remembers every fault with its line.
Read next: `drill.py`, which puts them together; `slo.py` for the words of a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scenarios.slo import Slo, build_slo
from scenarios.units import parse_duration
from switchboard.fault_reader import FaultReader, join, kind_of, nearest, shown

COURSE_NAMES: Final = (
    "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "avg_wait_s", "error_pct",
    "payment_success",
)  # fmt: skip
"""The numbers that can be told for each moment of a run, and not only at its end."""

HALT_NAMES: Final = tuple(name for name in COURSE_NAMES if name != "payment_success")
ROUTE_NAMES: Final = ("error_pct", "p50_ms", "p95_ms", "p99_ms")
"""The numbers that the scorecard has for each route."""

DEFAULT_HALT_MS: Final = 30_000.0
LEAST_HALT_MS: Final = 1_000.0
MAX_DETECTIONS: Final = 100

Cleanup = Literal["all"] | tuple[str, ...]
"""Ids of faults, or all of them."""


@dataclass(frozen=True, slots=True)
class RouteLimit:
    """A limit on one route: `ach POST /payments` is that route of every `ach` and `ach-…`."""

    route: str
    limit: Slo


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What must hold: limits on the scorecard's numbers, and on those of single routes."""

    limits: tuple[Slo, ...] = ()
    routes: tuple[RouteLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class HaltWhen:
    """The drill ends when one of the limits is broken over so much recorded time."""

    limits: tuple[Slo, ...]
    window_ms: float = DEFAULT_HALT_MS


@dataclass(frozen=True, slots=True)
class Detection:
    """A breach that must show within so much recorded time after the fault's beginning."""

    slo: str
    within_ms: float
    fault: str


def read_limits(
    raw: object, path: str, reader: FaultReader, names: Sequence[str] | None = None
) -> tuple[Slo, ...]:
    """The limits of a mapping; `names` are the only ones that make sense here."""
    if not isinstance(raw, Mapping):
        reader.fault(path, f"must be a mapping of limits such as error_pct: 1, not {kind_of(raw)}")
        return ()
    limits = []
    for name, limit in raw.items():
        at = join(path, shown(name))
        try:
            built = build_slo(str(name), limit)
        except ValueError as error:
            reader.fault(at, str(error))
            continue
        if names is not None and built.name not in names:
            reader.fault(at, f"cannot be told here; there are {', '.join(names)}")
            continue
        limits.append(built)
    return tuple(limits)


def read_hypothesis(raw: object, reader: FaultReader) -> Hypothesis:
    """The limits, and under `routes` those of single routes."""
    path = "hypothesis"
    if not isinstance(raw, Mapping):
        reader.fault(path, f"must be a mapping of limits such as error_pct: 1, not {kind_of(raw)}")
        return Hypothesis()
    before = len(reader.faults)
    plain = {name: limit for name, limit in raw.items() if name != "routes"}
    limits = read_limits(plain, path, reader)
    routes = _read_routes(raw["routes"], join(path, "routes"), reader) if "routes" in raw else ()
    if not limits and not routes and len(reader.faults) == before:
        reader.fault(path, "says nothing; write a limit such as error_pct: 1")
    return Hypothesis(limits, routes)


def _read_routes(raw: object, path: str, reader: FaultReader) -> tuple[RouteLimit, ...]:
    if not isinstance(raw, Mapping):
        example = 'must be a mapping such as {"ach POST /payments": {error_pct: 5}}'
        reader.fault(path, f"{example}, not {kind_of(raw)}")
        return ()
    found: list[RouteLimit] = []
    for name, limits in raw.items():
        at = join(path, shown(name))
        if not isinstance(name, str) or not _is_route(name):
            reader.fault(at, "is not a route; write a service, a method and a path")
        found += [RouteLimit(str(name), limit) for limit in _route_limits(limits, at, reader)]
    return tuple(found)


def _route_limits(raw: object, path: str, reader: FaultReader) -> tuple[Slo, ...]:
    return read_limits(raw, path, reader, ROUTE_NAMES)


def _is_route(name: str) -> bool:
    service, _, rest = name.partition(" ")
    method, _, template = rest.partition(" ")
    return bool(service) and method.isupper() and template.startswith("/") and name.isprintable()


def read_halt(raw: object, reader: FaultReader) -> HaltWhen | None:
    """`{error_pct: 80, for: 30s}`: limits, and over how much recorded time."""
    if not isinstance(raw, Mapping):
        example = "must be a mapping such as {error_pct: 80, for: 30s}"
        reader.fault("halt_when", f"{example}, not {kind_of(raw)}")
        return None
    before = len(reader.faults)
    plain = {name: limit for name, limit in raw.items() if name != "for"}
    limits = read_limits(plain, "halt_when", reader, HALT_NAMES)
    window_ms = DEFAULT_HALT_MS
    if "for" in raw:
        window_ms = _time_ms(raw["for"], "halt_when.for", LEAST_HALT_MS, reader)
    if not limits and len(reader.faults) == before:
        reader.fault("halt_when", "says nothing; write a limit such as error_pct: 80")
    return HaltWhen(limits, window_ms)


def read_detections(
    expect: Mapping[str, object], ids: Sequence[str], known: Sequence[str], reader: FaultReader
) -> tuple[Detection, ...]:
    """The expected detections. ids: of the faults.   known: names that have a limit."""
    found = []
    entries = reader.items(expect, "expect", "detections")
    if len(entries) > MAX_DETECTIONS:
        reader.fault("expect.detections", f"holds more than {MAX_DETECTIONS} entries")
    for at, item in entries[:MAX_DETECTIONS]:
        given = reader.mapping(item, at, ("slo", "within", "fault"))
        if not given:
            continue
        slo = _read_slo(given, at, known, reader)
        within_ms = 0.0
        if "within" in given:
            within_ms = _time_ms(given["within"], join(at, "within"), 1.0, reader)
        else:
            reader.fault(join(at, "within"), "is missing; write it as `within: 60s`")
        found.append(Detection(slo, within_ms, _read_fault(given, at, ids, reader)))
    return tuple(found)


def _read_slo(
    given: Mapping[str, object], at: str, known: Sequence[str], reader: FaultReader
) -> str:
    name = reader.text(given, at, "slo")
    if name and name not in COURSE_NAMES:
        reader.fault(
            join(at, "slo"), f"{shown(name)} cannot be told while a run goes; {_of(COURSE_NAMES)}"
        )
    elif name and name not in known:
        message = f"{name} has no limit: give it one under `slo` or `hypothesis`"
        reader.fault(join(at, "slo"), message)
    return name


def _read_fault(
    given: Mapping[str, object], at: str, ids: Sequence[str], reader: FaultReader
) -> str:
    """The id of a fault; with one fault in the drill it need not be said.

    Without any, the timetable is what has to be mended first.
    """
    if "fault" not in given and len(ids) <= 1:
        return ids[0] if ids else ""
    name = reader.text(given, at, "fault")
    if name and ids and name not in ids:
        hint = nearest(name[:80], ids)
        reader.fault(join(at, "fault"), f"{shown(name)} is no fault of this drill; {hint}")
    return name


def read_cleanup(raw: object, ids: Sequence[str], reader: FaultReader) -> Cleanup:
    """`all`, or a list of faults' ids."""
    if raw == "all":
        return "all"
    if not isinstance(raw, list | tuple):
        reader.fault("cleanup", f"must be `all` or a list of ids, not {kind_of(raw)}")
        return "all"
    for place, name in enumerate(raw):
        if ids and name not in ids:
            hint = nearest(str(name)[:80], ids)
            reader.fault(f"cleanup[{place}]", f"{shown(name)} is no fault of this drill; {hint}")
    return tuple(str(name) for name in raw)


def read_time_ms(value: object) -> float:
    """Recorded milliseconds of a duration that is longer than nothing. Raises ValueError."""
    time_ms = round(parse_duration(value) * 1000, 3)
    if time_ms <= 0:
        raise ValueError("must be longer than nothing, such as 2m")
    return time_ms


def _time_ms(value: object, at: str, least_ms: float, reader: FaultReader) -> float:
    try:
        time_ms = read_time_ms(value)
    except ValueError as error:
        reader.fault(at, str(error))
        return least_ms
    if time_ms < least_ms:
        reader.fault(at, f"must be at least {least_ms / 1000:g} s of recorded time")
    return max(least_ms, time_ms)


def _of(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}"
