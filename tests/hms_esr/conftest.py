"""Prepared runs and outcome rows for tests: real small logs, real tapes, no processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from hms_esr.options import RunOptions
from hms_esr.preparation import Preparation, prepare
from replay.outcome import OUTCOME, Outcomes

Prepare = Callable[..., Preparation]
START_NS = 1_584_277_200_000_000_000
MS = 1_000_000

EVENTS: tuple[Mapping[str, Any], ...] = (
    {"at": 0, "user": "ann", "url": "https://svc.hms.example/me", "status": 200, "wait_ms": 10},
    {"at": 10, "user": "bo", "url": "https://svc.hms.example/me", "status": 503, "wait_ms": 30},
    {"at": 500, "user": "ann", "url": "https://ach.hms.example/pay/77", "method": "POST"},
    {"at": 2_500, "user": "ann", "url": "https://svc.hms.example/me", "status": 200},
)
"""Two users, two hosts, two routes; `at` is in ms."""


def write_log(path: Path, events: tuple[Mapping[str, Any], ...] = EVENTS) -> Path:
    lines = []
    for event in events:
        fields = {"method": "GET", "ts": START_NS + event["at"] * MS, **event}
        del fields["at"]
        lines.append(orjson.dumps(fields) + b"\n")
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture(name="prepare_log")
def prepare_log_fixture(tmp_path: Path) -> Iterator[Prepare]:
    """Prepare a run of `day.ndjson`; keywords are options, `env` the environment."""
    with ExitStack() as stack:

        def make(
            events: tuple[Mapping[str, Any], ...] = EVENTS,
            env: Mapping[str, str] | None = None,
            **options: Any,
        ) -> Preparation:
            write_log(tmp_path / "day.ndjson", events)
            asked = RunOptions(**{"scenario": "day.ndjson", **options})
            return prepare(asked, env or {}, tmp_path, stack)

        yield make


def rows_of(prep: Preparation, **same: Any) -> Outcomes:
    """Every request of the plan, answered 200 after 10 ms; keywords are columns."""
    rows = np.zeros(len(prep.plan), OUTCOME)
    rows["index"] = np.arange(len(rows))
    rows["lane"] = prep.plan.lane
    rows["route"] = prep.tape.route[prep.plan.row]
    rows["status"] = 200
    for name in ("due_ns", "ready_ns", "sent_ns"):
        rows[name] = prep.plan.due_ns
    rows["done_ns"] = prep.plan.due_ns + 10 * MS
    for name, value in same.items():
        rows[name] = value
    return rows


@pytest.fixture(name="rows_of")
def rows_of_fixture() -> Callable[..., Outcomes]:
    return rows_of
