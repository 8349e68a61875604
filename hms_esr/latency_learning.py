"""Latencies per route and hour of the day, learned from a tape, and how well they fit it.

Half of a route's waits make its table, the other half check it, so that the check can fail: a
sample of the model at each checked request's own hour is held against what was recorded, by
Kolmogorov and Smirnov. What was checked is what is kept.
Read next: `stubs/latency/fit.py`, `stubs/latency/learned_file.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from replay.seeds import unit_array
from replay.tape import UNKNOWN_WAIT, Tape
from stubs.latency import AnyModel, Bucket, Empirical, Moment, TimeOfDay, latency_mapping, wait_of
from stubs.latency.fit import ks_critical, ks_distance, points_for, quantiles_of
from stubs.latency.learned_file import SCHEMA
from switchboard.routes import service_of
from switchboard.seeded import unit

ENOUGH_FOR_AN_HOUR: Final = 200
ENOUGH_TO_CHECK: Final = 40
MOST_CHECKED: Final = 5_000
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Check:
    """A sample of the model against as many waits that it was not learned from."""

    distance: float
    count: int
    critical: float

    @property
    def is_ok(self) -> bool:
        return self.distance <= self.critical

    def to_json(self) -> dict[str, Any]:
        return {
            "distance": round(self.distance, 4),
            "n": self.count,
            "critical_5": round(self.critical, 4),
            "ok": self.is_ok,
        }


@dataclass(frozen=True, slots=True)
class LearnedRoute:
    """What was learned of a route. waits: how many were recorded. check: None when too few."""

    service: str
    method: str
    template: str
    waits: int
    latency: AnyModel
    check: Check | None

    @property
    def hours(self) -> int:
        """How many hours have a table of their own."""
        return len(self.latency.buckets) if isinstance(self.latency, TimeOfDay) else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "method": self.method,
            "template": self.template,
            "count": self.waits,
            "check": self.check and self.check.to_json(),
            "latency": latency_mapping(self.latency),
        }


@dataclass(frozen=True, slots=True)
class Learned:
    """All routes with recorded waits, busiest first. unmeasured: those without any."""

    routes: tuple[LearnedRoute, ...]
    unmeasured: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A file of latencies."""
        return {"schema": SCHEMA, "routes": [route.to_json() for route in self.routes]}


def learn_latencies(tape: Tape) -> Learned:
    """What a tape says of each recorded service's routes."""
    routes: list[LearnedRoute] = []
    unmeasured: list[str] = []
    for (service, method, template), rows in _rows_by_route(tape):
        known = rows[tape.wait_us[rows] != UNKNOWN_WAIT]
        if len(known) == 0:
            unmeasured.append(f"{service} {method} {template}")
            continue
        waits_ms = tape.wait_us[known] / 1000
        day_s = ((tape.info.start_ns + tape.due_ns[known]) // 1_000_000_000 % DAY_S).astype(float)
        model, check = learn_route(waits_ms, day_s)
        routes.append(LearnedRoute(service, method, template, len(known), model, check))
    routes.sort(key=lambda route: -route.waits)
    return Learned(tuple(routes), tuple(unmeasured))


def _rows_by_route(tape: Tape) -> Iterator[tuple[tuple[str, str, str], npt.NDArray[np.int64]]]:
    """The rows of each service, method and template; hosts of one service are one."""
    names = sorted({service_of(host) for host in tape.info.hosts})
    of_host = np.array([names.index(service_of(host)) for host in tape.info.hosts], dtype=np.int64)
    if len(tape) == 0:
        return
    key = of_host[tape.host] * len(tape.info.routes) + tape.route
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order])) + 1
    for rows in np.split(order, starts):
        route = tape.info.routes[int(tape.route[rows[0]])]
        service = names[int(of_host[tape.host[rows[0]]])]
        yield (service, route.method, route.template), rows


def learn_route(waits_ms: Floats, day_s: Floats) -> tuple[AnyModel, Check | None]:
    """The model of half the waits and its check on the others; of all of them when there are few.

    day_s: when each was recorded, in seconds of the day. Both in the tape's order.
    """
    if len(waits_ms) < ENOUGH_TO_CHECK:
        return _table(waits_ms), None
    # By a hash, not in turns: a client that does two things in turn would fall into two camps.
    is_fit = unit_array(len(waits_ms), np.arange(len(waits_ms))) < 0.5
    model = fit(waits_ms[is_fit], day_s[is_fit])
    return model, check(model, waits_ms[~is_fit], day_s[~is_fit], int(is_fit.sum()))


def fit(waits_ms: Floats, day_s: Floats) -> AnyModel:
    """A table for each hour with enough waits, and one of all for the other hours."""
    hour = (day_s // HOUR_S).astype(int)
    counts = np.bincount(hour, minlength=24)
    # Half of an hour's waits are kept for the check.
    full = [int(each) for each in np.flatnonzero(counts >= ENOUGH_FOR_AN_HOUR // 2)]
    if np.count_nonzero(counts) < 2 or not full:
        return _table(waits_ms)
    buckets = tuple(Bucket(each, each + 1, _table(waits_ms[hour == each])) for each in full)
    return TimeOfDay(buckets, _table(waits_ms))


def check(model: AnyModel, waits_ms: Floats, day_s: Floats, learned_from: int) -> Check:
    """A sample of the model at each of these requests' hours, against their waits."""
    chosen = np.linspace(0, len(waits_ms) - 1, min(len(waits_ms), MOST_CHECKED)).astype(int)
    wait_s = wait_of(model)
    sampled = [
        wait_s(unit(learned_from, number), Moment(day_s=float(at))) * 1000
        for number, at in enumerate(day_s[chosen])
    ]
    count = len(chosen)
    distance = ks_distance(sorted(sampled), np.sort(waits_ms[chosen]).tolist())
    return Check(distance, count, ks_critical(learned_from, count, count))


def _table(waits_ms: Floats) -> Empirical:
    return Empirical(quantiles_of(np.sort(waits_ms).tolist(), points_for(len(waits_ms))))
