"""A latency as a mapping of plain values that `parse_latency` reads back as an equal one.

Floor 1, pure.
"""

from __future__ import annotations

from typing import Any

from stubs.latency.cold_start import ColdStart
from stubs.latency.model import AnyModel
from stubs.latency.percentiles import Percentiles
from stubs.latency.queue import Queue
from stubs.latency.table import LATENCY_MODELS, NAMES
from stubs.latency.time_of_day import TimeOfDay


def latency_mapping(model: AnyModel) -> dict[str, Any]:
    """`{"model": "uniform", "min_ms": 50.0, "max_ms": 250.0}`; JSON and YAML can hold it.

    Raises ValueError for a model that is not of this folder.
    """
    name = NAMES.get(type(model))
    if name is None:
        raise ValueError(f"{type(model).__name__} is not one of {', '.join(LATENCY_MODELS)}")
    return {"model": name, **_fields_of(name, model)}


def _fields_of(name: str, model: AnyModel) -> dict[str, Any]:
    if isinstance(model, TimeOfDay):
        return _time_of_day(model)
    if isinstance(model, Percentiles):
        return {"table": {f"p{_short(p)}": ms for p, ms in model.table}}
    if isinstance(model, Queue):
        most = {} if model.max_queue is None else {"max_queue": model.max_queue}
        return {"servers": model.servers, "service": latency_mapping(model.service), **most}
    if isinstance(model, ColdStart):
        ways = {"warm_s": model.warm_s, "requests": model.requests}
        inner = {} if model.latency is None else {"latency": latency_mapping(model.latency)}
        given = {key: value for key, value in ways.items() if value is not None}
        return {"first_ms": model.first_ms, **given, **inner}
    keys = [each.name for each in LATENCY_MODELS[name].parameters if hasattr(model, each.name)]
    return {key: _plain(getattr(model, key)) for key in keys}


def _time_of_day(model: TimeOfDay) -> dict[str, Any]:
    buckets = [
        {"from_h": each.from_h, "until_h": each.until_h, "latency": latency_mapping(each.latency)}
        for each in model.buckets
    ]
    rest = {} if model.otherwise is None else {"otherwise": latency_mapping(model.otherwise)}
    return {"buckets": buckets, **rest}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _short(percentile: float) -> str:
    """`50` and `99.9`, never `5e+01`."""
    return f"{percentile:.6f}".rstrip("0").rstrip(".")
