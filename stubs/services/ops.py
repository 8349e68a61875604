"""HMS-OPS: takes logs and metrics of a rehearsal, and lets nothing else in; see ops.yml.

Floor 1, pure. Read next: `ops_records.py`, which reads what was sent.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from stubs.service import Answer, Asked, Surroundings, answer_json
from stubs.services.logic import ServiceLogic, Settings, query_of, read_limit
from stubs.services.ops_records import Log, Metric, env_of, read_log, read_metric, read_records

KEPT: Final = 5_000
SHOWN: Final = 10
ENV: Final = "sandbox"
MAX_ENVS: Final = 20

T = TypeVar("T", Log, Metric)


class Ring(Generic[T]):
    """The newest records of one kind, and how many there were besides; a store."""

    def __init__(
        self, name: str, read: Callable[[Mapping[str, Any], float], T | None], kept: int = KEPT
    ) -> None:
        self._name = name
        self._read: Callable[[Mapping[str, Any], float], T | None] = read
        self._kept: deque[T] = deque(maxlen=kept)
        self.taken = 0
        self.dropped: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._name

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, asked: Asked) -> Answer:
        """POST: what is marked env=sandbox is kept, everything else counted and dropped."""
        now_ms = asked.epoch_ms
        records, unreadable = read_records(asked, self._name)
        taken = 0
        dropped: Counter[str] = Counter()
        for raw in records:
            env = env_of(raw)
            if env != ENV:
                dropped[env or "(none)"] += 1
                continue
            record = self._read(raw, now_ms)
            if record is None:
                unreadable += 1
            else:
                taken += 1
                self._kept.append(record)
        self.taken += taken
        self._count(dropped)
        fields: dict[str, Any] = {"accepted": taken, "dropped": dropped.total()}
        if dropped:
            fields["dropped_by_env"] = dict(dropped.most_common(MAX_ENVS))
            fields["why"] = f"only env={ENV} is kept here"
        if unreadable:
            fields["unreadable"] = unreadable
        return answer_json(202, **fields, env=ENV)

    def select(self, takes: Callable[[T], bool], limit: int) -> tuple[int, list[dict[str, Any]]]:
        """How many records are meant, and the newest of them, the newest first."""
        found = [record for record in reversed(self._kept) if takes(record)]
        return len(found), [record.shown() for record in found[:limit]]

    def snapshot(self, limit: int) -> dict[str, Any]:
        newest = islice(reversed(self._kept), max(limit, 0))
        return {str(at): record.shown() for at, record in enumerate(newest)}

    def put(self, key: str, value: Any) -> None:
        raise ValueError(f"{self._name} are taken by POST /{self._name}, not set from outside")

    def reset(self) -> None:
        self._kept.clear()
        self.taken = 0
        self.dropped.clear()

    def _count(self, dropped: Counter[str]) -> None:
        """Bounded: whoever makes up a new environment each time is `(other)`."""
        for env, count in dropped.items():
            is_known = env in self.dropped or len(self.dropped) < MAX_ENVS
            self.dropped[env if is_known else "(other)"] += count


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    Settings(surroundings, "ops", ()).check()
    logs: Ring[Log] = Ring("logs", read_log)
    metrics: Ring[Metric] = Ring("metrics", read_metric)
    handlers = {
        "take_logs": logs.take,
        "take_metrics": metrics.take,
        "show_logs": lambda asked: show_logs(logs, asked),
        "show_metrics": lambda asked: show_metrics(metrics, asked),
    }
    return ServiceLogic(handlers, (logs, metrics))


def show_logs(logs: Ring[Log], asked: Asked) -> Answer:
    """GET /logs?service=&level=&contains=&limit=."""
    query = query_of(asked)
    service, level, text = (query.get(key, "") for key in ("service", "level", "contains"))

    def takes(log: Log) -> bool:
        is_meant = log.service == service or not service
        return is_meant and (log.level == level or not level) and text in log.message

    return _show(logs, takes, query)


def show_metrics(metrics: Ring[Metric], asked: Asked) -> Answer:
    """GET /metrics?name=&service=&limit=."""
    query = query_of(asked)
    name, service = query.get("name", ""), query.get("service", "")

    def takes(metric: Metric) -> bool:
        return (metric.name == name or not name) and (metric.service == service or not service)

    return _show(metrics, takes, query)


def _show(ring: Ring[T], takes: Callable[[T], bool], query: Mapping[str, str]) -> Answer:
    limit = read_limit(query, SHOWN)
    matching, rows = ring.select(takes, limit)
    return answer_json(
        200,
        **{ring.name: rows},
        matching=matching,
        kept=len(ring),
        taken=ring.taken,
        dropped=dict(ring.dropped),
        env=ENV,
    )
