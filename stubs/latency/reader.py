"""A latency as a person wrote it: a number of ms, or a mapping that names a model.

Every fault is remembered at its path; what is given back is usable even so. Floor 1, pure.
Read next: `table.py`, which has every model and key; `mapping.py`, which is the way back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from stubs.latency.cold_start import MAX_REQUESTS, ColdStart
from stubs.latency.empirical import Empirical
from stubs.latency.exponential import Exponential
from stubs.latency.fields import Fields, parse_number
from stubs.latency.fixed import Fixed
from stubs.latency.lognormal import LogNormal
from stubs.latency.model import MAX_MS, MAX_S, AnyModel, LatencyModel, MomentModel
from stubs.latency.no_delay import NoDelay
from stubs.latency.normal import Normal
from stubs.latency.percentiles import Percentiles
from stubs.latency.queue import MAX_QUEUE, MAX_SERVERS, Queue
from stubs.latency.table import LATENCY_MODELS
from stubs.latency.time_of_day import HOURS, Bucket, TimeOfDay
from stubs.latency.uniform import Uniform
from switchboard.fault_reader import FaultReader, kind_of, nearest, shown

MAX_QUANTILES: Final = 10_001
MAX_SIGMA: Final = 1_000.0
_PERCENTILE: Final = re.compile(r"p(?:99(9{1,4})|(100|[0-9]{1,2}(?:\.[0-9]{1,6})?))")


def parse_latency(raw: object, path: str, reader: FaultReader) -> AnyModel:
    """The model of a number of ms, of `none` or of a mapping with `model`.

    Faults go to the reader, each at its path; then NoDelay stands in.
    """
    if raw == "none":
        return NoDelay()
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        ms = parse_number(raw, path, reader, MAX_MS)
        return Fixed(ms) if ms else NoDelay()
    if not isinstance(raw, Mapping):
        hint = "a number of ms, or a mapping such as {model: uniform, min_ms: 50, max_ms: 250}"
        reader.fault(path, f"must be {hint}, not {kind_of(raw)}")
        return NoDelay()
    name = _model_name(Fields(raw, path, reader))
    if name is None:
        return NoDelay()
    words = [parameter.name for parameter in LATENCY_MODELS[name].parameters]
    reader.mapping(raw, path, ["model", *words])
    return _PARSERS[name](Fields(raw, path, reader)) or NoDelay()


def _model_name(fields: Fields) -> str | None:
    name = fields.raw.get("model")
    if isinstance(name, str) and name in LATENCY_MODELS:
        return name
    if "model" not in fields.raw:
        fields.reader.fault(fields.path, f"model is missing; known: {', '.join(LATENCY_MODELS)}")
    elif isinstance(name, str):
        hint = nearest(name, LATENCY_MODELS)
        fields.reader.fault(fields.at("model"), f"there is no model {shown(name)}; {hint}")
    else:
        fields.reader.fault(fields.at("model"), f"must be a model's name, not {kind_of(name)}")
    return None


def _parse_none(fields: Fields) -> AnyModel | None:
    return fields.made(NoDelay)


def _parse_fixed(fields: Fields) -> AnyModel | None:
    return fields.made(Fixed, fields.number("ms", MAX_MS))


def _parse_uniform(fields: Fields) -> AnyModel | None:
    limits = fields.number("min_ms", MAX_MS), fields.number("max_ms", MAX_MS)
    return fields.made(Uniform, *limits)


def _parse_normal(fields: Fields) -> AnyModel | None:
    return fields.made(Normal, fields.number("mean_ms", MAX_MS), fields.number("sd_ms", MAX_MS))


def _parse_exponential(fields: Fields) -> AnyModel | None:
    return fields.made(Exponential, fields.number("mean_ms", MAX_MS))


def _parse_lognormal(fields: Fields) -> AnyModel | None:
    median_ms = fields.number("median_ms", MAX_MS)
    if fields.one_of(("p99_ms", "sigma")) == "sigma":
        return fields.made(LogNormal.of_sigma, median_ms, fields.number("sigma", MAX_SIGMA))
    p99_ms = fields.number("p99_ms", MAX_MS) if fields.has("p99_ms") else 0.0
    return fields.made(LogNormal, median_ms, p99_ms)


def _parse_percentiles(fields: Fields) -> AnyModel | None:
    raw, at, reader = fields.raw.get("table"), fields.at("table"), fields.reader
    if not isinstance(raw, Mapping) or not raw:
        reader.fault(at, "must be a mapping of ms by percentile, such as {p50: 20, p99: 300}")
        return None
    points: list[tuple[float, float]] = []
    for key, value in raw.items():
        here = f"{at}.{shown(key)}"
        percentile = _percentile(key)
        if percentile is None:
            reader.fault(here, "must be a percentile from p0 to p100, such as p50 or p99.9")
        points.append((percentile or 0.0, parse_number(value, here, reader, MAX_MS)))
    return fields.made(Percentiles, tuple(sorted(points)))


def _percentile(key: object) -> float | None:
    """50 of `p50`, 99.9 of `p99.9` and of `p999`, as some write it; None for anything else."""
    found = _PERCENTILE.fullmatch(key) if isinstance(key, str) else None
    if found is None:
        return None
    return float(f"99.{found[1]}") if found[1] else float(found[2])


def _parse_empirical(fields: Fields) -> AnyModel | None:
    raw, at = fields.raw.get("quantiles_ms"), fields.at("quantiles_ms")
    if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MAX_QUANTILES:
        fields.reader.fault(at, f"must be a list of 1 to {MAX_QUANTILES:,} waits in ms, ascending")
        return None
    waits = [parse_number(ms, f"{at}[{n}]", fields.reader, MAX_MS) for n, ms in enumerate(raw)]
    return fields.made(Empirical, tuple(waits))


def _parse_time_of_day(fields: Fields) -> AnyModel | None:
    if not fields.has("buckets"):
        fields.reader.fault(fields.at("buckets"), "buckets is missing")
        return None
    items = fields.reader.items(fields.raw, fields.path, "buckets")
    buckets = [_parse_bucket(raw, path, fields.reader) for path, raw in items]
    otherwise = None
    if fields.has("otherwise"):
        raw = fields.raw["otherwise"]
        otherwise = _parse_plain(raw, fields.at("otherwise"), fields.reader)
    return fields.made(TimeOfDay, tuple(buckets), otherwise)


def _parse_bucket(raw: object, path: str, reader: FaultReader) -> Bucket | None:
    before = len(reader.faults)
    words = reader.mapping(raw, path, ["from_h", "until_h", "latency"])
    if len(reader.faults) > before:
        return None
    fields = Fields(words, path, reader)
    hours = fields.whole("from_h", HOURS), fields.whole("until_h", HOURS)
    if "latency" not in words:
        reader.fault(fields.at("latency"), "latency is missing")
        return None
    latency = _parse_plain(words["latency"], fields.at("latency"), reader)
    return fields.made(Bucket, *hours, latency)


def _parse_plain(raw: object, path: str, reader: FaultReader) -> LatencyModel:
    """A latency that asks for a draw only, which is what an hour may have."""
    model = parse_latency(raw, path, reader)
    if isinstance(model, MomentModel):
        reader.fault(path, "must be a latency that does not depend on the moment itself")
        return NoDelay()
    return model


def _parse_queue(fields: Fields) -> AnyModel | None:
    servers = fields.whole("servers", MAX_SERVERS)
    most = fields.whole("max_queue", MAX_QUEUE) if fields.has("max_queue") else None
    service: AnyModel | None = None
    if fields.one_of(("mean_ms", "service")) == "mean_ms":
        service = _parse_exponential(fields)
    elif fields.has("service"):
        service = parse_latency(fields.raw["service"], fields.at("service"), fields.reader)
        if isinstance(service, Queue | ColdStart):
            message = "a queue or a cold start cannot be the service time of a queue"
            fields.reader.fault(fields.at("service"), message)
    return fields.made(Queue, servers, service, most)


def _parse_cold_start(fields: Fields) -> AnyModel | None:
    first_ms = fields.number("first_ms", MAX_MS)
    warm_s, requests = None, None
    if fields.one_of(("warm_s", "requests")) == "warm_s":
        warm_s = fields.number("warm_s", MAX_S)
    elif fields.has("requests"):
        requests = fields.whole("requests", MAX_REQUESTS)
    inner: AnyModel | None = None
    if fields.has("latency"):
        inner = parse_latency(fields.raw["latency"], fields.at("latency"), fields.reader)
        if isinstance(inner, ColdStart):
            fields.reader.fault(fields.at("latency"), "a cold start cannot hold another one")
    return fields.made(ColdStart, first_ms, warm_s, requests, inner)


_PARSERS: Final[Mapping[str, Callable[[Fields], AnyModel | None]]] = {
    "none": _parse_none,
    "fixed": _parse_fixed,
    "uniform": _parse_uniform,
    "normal": _parse_normal,
    "exponential": _parse_exponential,
    "lognormal": _parse_lognormal,
    "percentiles": _parse_percentiles,
    "empirical": _parse_empirical,
    "time_of_day": _parse_time_of_day,
    "queue": _parse_queue,
    "cold_start": _parse_cold_start,
}
