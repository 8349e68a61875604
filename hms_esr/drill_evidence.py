"""What a run folder says of a run, as the blame ledger wants it: outcomes, touches, faults.

Everything is read back from the files, so a run of yesterday is as good a baseline as one of just
now. Read next: `scorecard/blame.py`, `drill_run.py`; docs/runs.md lists the files.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from replay.outcome import FAILURE_NAMES, NEVER_SENT, OUTCOME, Outcomes
from replay.tape import Route
from scenarios.units import parse_speed
from scorecard.blame import FaultSpan, Touches, read_touches
from scorecard.files import Losses
from scorecard.ledger_file import read_ledger
from scorecard.measures import Values
from scorecard.store import PARQUETS, connect_runs, rows_to_parquet
from stubs.faults.fault import Fault
from stubs.faults.reader import parse_fault
from switchboard.errors import EsrError
from switchboard.fault_reader import FaultReader

TOUCHES_FILE: Final = "touches.rows"
FAULTS_FILE: Final = "faults.json"
LEDGER_FILE: Final = "ledger.ndjson"

_COLUMNS: Final = (
    'request, lane, "bytes", route, coalesce(http_status, 0) AS http_status, failure, held, late, '
    "epoch_us(ts) AS ts_us, service_ms, lag_ms"
)


class EvidenceError(EsrError):
    """A run folder does not hold what a drill needs of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One run, read from its folder. card, facts: scorecard.json and run.json.

    rows: what became of each request.   at_ms: the recorded time each was due at.
    spans: the timetable that it was played with, empty without faults.
    """

    folder: Path
    card: Mapping[str, Any]
    facts: Mapping[str, Any]
    rows: Outcomes
    at_ms: Values
    routes: tuple[Route, ...]
    touches: Touches
    spans: tuple[FaultSpan, ...]
    charges: Mapping[int, int] | None
    """By request id, how many payments the stubs really took; None where no ledger was kept."""

    @property
    def run_id(self) -> str:
        return str(self.card.get("run_id", self.folder.name))


def read_evidence(folder: Path) -> Evidence:
    """Raises EvidenceError for a folder that is not one of a finished run with a clock."""
    card, facts = _read_object(folder / "scorecard.json"), _read_object(folder / "run.json")
    speed = _speed(card, folder)
    files = _parquets(folder)
    rows, routes = _read_rows(folder, files, _started_us(facts, folder))
    _check_whole(folder, card, rows)
    # Plans are made to the millisecond, stamps are kept to the microsecond of wall time.
    at_ms = np.asarray(np.round(rows["due_ns"] / 1e6 * speed), dtype=np.float64)
    try:
        touches = read_touches(folder / TOUCHES_FILE)
    except OSError as error:
        raise EvidenceError(f"{folder / TOUCHES_FILE}: {error.strerror}") from error
    spans, charges = _read_spans(folder), _read_charges(folder / LEDGER_FILE)
    return Evidence(folder, card, facts, rows, at_ms, routes, touches, spans, charges)


def span_of(number: int, fault: Fault, written: Mapping[str, Any]) -> FaultSpan:
    """When the fault does harm: a service that restarts is up again before its fault is over."""
    restart_s = getattr(fault.kind, "restart_after_s", None)
    lasts = [
        math.inf if fault.for_ms is None else fault.for_ms,
        math.inf if fault.ttl_ms is None else fault.ttl_ms,
        math.inf if restart_s is None else restart_s * 1000,
    ]
    end_ms = fault.at_ms + min(lasts)
    return FaultSpan(number, fault.id, fault.at_ms, None if math.isinf(end_ms) else end_ms, written)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path} cannot be read: the run did not come to its end") from error
    if not isinstance(value, dict):
        raise EvidenceError(f"{path} is damaged: it holds no JSON object")
    return value


def _check_whole(folder: Path, card: Mapping[str, Any], rows: Outcomes) -> None:
    """Raises EvidenceError where the scorecard counted more requests than were kept."""
    kept = int(np.count_nonzero(rows["sent_ns"] != NEVER_SENT))
    sent = int(card["requests"]["sent"])
    if kept < sent:
        raise EvidenceError(
            f"{folder} keeps {kept:,} of {sent:,} outcomes, so nobody could say what each fault "
            "did: make room on the disk and run again"
        )


def _speed(card: Mapping[str, Any], folder: Path) -> float:
    try:
        speed = parse_speed(card.get("speed"))
    except ValueError as error:
        raise EvidenceError(f"{folder / 'scorecard.json'} is damaged: speed {error}") from error
    if math.isinf(speed):
        raise EvidenceError(f"{folder.name} was played with --speed max, which has no clock")
    return speed


def _parquets(folder: Path) -> list[Path]:
    losses = Losses()
    rows_to_parquet(folder, losses)
    files = sorted(folder.glob(PARQUETS))
    if losses.first is not None or not files:
        reason = (losses.first or "there are no outcomes in it").partition("; the run goes on")[0]
        raise EvidenceError(f"{folder} cannot be read: {reason}")
    return files


def _started_us(facts: Mapping[str, Any], folder: Path) -> int:
    """The wall clock's epoch microseconds when the run's own time was 0."""
    try:
        since = datetime.fromisoformat(facts["started"]) - datetime.fromtimestamp(0, UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"{folder / 'run.json'} does not say when the run began") from error
    return since // timedelta(microseconds=1)


def _read_rows(
    folder: Path, files: Sequence[Path], started_us: int
) -> tuple[Outcomes, tuple[Route, ...]]:
    """Outcomes as they were before they went to disk."""
    with closing(connect_runs(folder)) as connection:
        source = "read_parquet($files, union_by_name = true)"
        names = {"files": [str(file) for file in files]}
        found = connection.execute(f"DESCRIBE FROM {source}", names).fetchall()
        # Runs of before callers tried again have no such column.
        retries = "retries" if "retries" in {row[0] for row in found} else "0"
        query = f"SELECT {_COLUMNS}, {retries} AS retries FROM {source} ORDER BY request"  # noqa: S608
        columns = connection.execute(query, names).fetchnumpy()
    rows = np.zeros(len(columns["request"]), OUTCOME)
    for name in ("lane", "bytes", "held", "late", "retries"):
        rows[name] = np.ma.filled(columns[name], 0)
    rows["index"] = columns["request"]
    rows["status"] = columns["http_status"]
    rows["failure"] = [_failure(name) for name in np.ma.filled(columns["failure"], "none")]
    routes, rows["route"] = _number_routes(np.ma.filled(columns["route"], ""))
    _set_times(rows, columns, started_us)
    return rows, routes


def _failure(name: object) -> int:
    return FAILURE_NAMES.index(str(name)) if str(name) in FAILURE_NAMES else 0


def _number_routes(names: Any) -> tuple[tuple[Route, ...], Any]:
    unique, numbers = np.unique(names.astype(str), return_inverse=True)
    return tuple(route_named(str(name)) for name in unique), numbers


def route_named(name: str) -> Route:
    """The route whose name is `<service> <METHOD> <template>`."""
    service, _, rest = name.partition(" ")
    method, _, template = rest.partition(" ")
    return Route(name, service, method, template)


def _set_times(rows: Outcomes, columns: Mapping[str, Any], started_us: int) -> None:
    """Due, ready, sent and done, in nanoseconds since the run's own time was 0."""
    is_sent = ~np.ma.getmaskarray(columns["ts_us"])
    sent_ns = (np.ma.filled(columns["ts_us"], 0).astype(np.int64) - started_us) * 1000
    due_ns = sent_ns - _nanoseconds(columns["lag_ms"])
    rows["sent_ns"] = np.where(is_sent, np.maximum(sent_ns, 0), NEVER_SENT)
    rows["due_ns"] = np.where(is_sent, np.maximum(due_ns, 0), 0)
    rows["done_ns"] = np.where(is_sent, rows["sent_ns"] + _nanoseconds(columns["service_ms"]), 0)
    rows["ready_ns"] = _ready_ns(rows)


def _nanoseconds(milliseconds: Any) -> Any:
    return np.round(np.ma.filled(milliseconds, 0.0) * 1e6).astype(np.int64)


def _ready_ns(rows: Outcomes) -> Any:
    """When each could leave: when due or, held, when its own user's previous answer was there."""
    order = np.lexsort((rows["index"], rows["lane"]))
    before = np.zeros(len(rows), dtype=np.int64)
    same = rows["lane"][order][1:] == rows["lane"][order][:-1]
    before[order[1:]] = np.where(same, rows["done_ns"][order][:-1], 0)
    return np.where(rows["held"] == 1, np.maximum(rows["due_ns"], before), rows["due_ns"])


def _read_charges(path: Path) -> Counter[int] | None:
    if not path.is_file():
        return None
    try:
        committed = [event for event in read_ledger(path) if event["event"] == "committed"]
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path} cannot be read: {error}") from error
    requests = (event.get("request_id") for event in committed)
    return Counter(request for request in requests if isinstance(request, int))


def _read_spans(folder: Path) -> tuple[FaultSpan, ...]:
    """The timetable; a run that was played without one has no such file."""
    path = folder / FAULTS_FILE
    if not path.exists():
        return ()
    try:
        written = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{path} cannot be read") from error
    if not isinstance(written, list):
        raise EvidenceError(f"{path} is damaged: it holds no list")
    reader = FaultReader(lambda _: None)
    spans = []
    for place, entry in enumerate(written):
        given = entry if isinstance(entry, dict) else {}
        number = given.get("number")
        plain = {key: value for key, value in given.items() if key != "number"}
        fault = parse_fault(plain, f"[{place}]", reader)
        if fault is None or not isinstance(number, int):
            reason = reader.faults[0] if reader.faults else "a fault has no number"
            raise EvidenceError(f"{path} is damaged: {reason}")
        spans.append(span_of(number, fault, plain))
    return tuple(spans)
