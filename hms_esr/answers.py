"""What the embedded sandbox answers to a trace it has no stub for: learned from the tape.

For each route the statuses that were recorded and a table of the recorded waits. The file is what
`esr stubs serve --answers` reads; docs/stubs.md describes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from replay.building.places import service_tag
from replay.plan import Column
from replay.tape import UNKNOWN_WAIT, Tape

QUANTILES = 101


def learn_answers(tape: Tape) -> dict[str, Any]:
    """One entry for each recorded host's service and route, busiest first."""
    key = tape.host.astype(np.int64) * len(tape.info.routes) + tape.route
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.r_[True, key[order][1:] != key[order][:-1]])
    entries: list[dict[str, Any]] = []
    for rows in np.split(order, starts[1:]):
        route = tape.info.routes[int(tape.route[rows[0]])]
        entries.append(
            {
                "service": service_tag(tape.info.hosts[int(tape.host[rows[0]])], route),
                "method": route.method,
                "template": route.template,
                "count": len(rows),
                "statuses": _statuses(tape.status[rows]),
                "waits_ms": _waits_ms(tape.wait_us[rows]),
            }
        )
    entries.sort(key=lambda entry: -int(entry["count"]))
    return {"routes": entries}


def write_answers(tape: Tape, path: Path) -> None:
    """Write what `learn_answers` found. Raises OSError."""
    path.write_bytes(orjson.dumps(learn_answers(tape)))


def _statuses(status: Column) -> dict[str, int]:
    """How often each status was recorded; a route without any answers 200."""
    values, counts = np.unique(status[status > 0], return_counts=True)
    found = {str(value): int(count) for value, count in zip(values, counts, strict=True)}
    return found or {"200": len(status)}


def _waits_ms(wait_us: Column) -> list[float] | None:
    known = wait_us[wait_us != UNKNOWN_WAIT]
    if len(known) == 0:
        return None
    points = np.quantile(known, np.linspace(0.0, 1.0, QUANTILES)) / 1000
    return [round(float(point), 3) for point in points]
