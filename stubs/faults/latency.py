"""`latency`: the answer takes longer. Floor 1, pure. Read next: `throttle.py`, `stubs/latency/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from stubs.faults.ask import FaultAsk
from stubs.faults.course import Course, Pacing
from stubs.faults.kind import SEGMENT_BYTES, Draw, FaultKind
from stubs.faults.parameters import milliseconds, number, one_of, parameter
from stubs.latency import Fixed, LatencyModel, LogNormal, Normal, Percentiles, Uniform
from stubs.latency import parse_latency as parse_model
from switchboard.fault_reader import FaultReader, kind_of

_DRAW: Final = 1
_WHERE: Final = ("before_headers", "first_byte", "per_chunk")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "fixed": ("ms", "jitter_ms"),
    "uniform": ("min_ms", "max_ms"),
    "normal": ("ms", "jitter_ms"),
    "lognormal": ("median_ms", "p99_ms", "sigma"),
    "percentiles": ("table",),
}


def _read_table(value: object) -> tuple[tuple[float, float], ...]:
    """`{p50: 20, p99: 300}` as pairs of percentile and ms."""
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a mapping such as {{p50: 20, p99: 300}}, not {kind_of(value)}")
    reader = FaultReader(lambda _: None)
    model = parse_model({"model": "percentiles", "table": value}, "", reader)
    if not isinstance(model, Percentiles):
        raise ValueError(reader.faults[0].message)
    return model.table


def _write_table(table: tuple[tuple[float, float], ...]) -> dict[str, float]:
    return {f"p{percentile:.6f}".rstrip("0").rstrip("."): ms for percentile, ms in table}


@dataclass(frozen=True, slots=True)
class Latency(FaultKind):
    """Extra latency, drawn by request. Several add up, to one another and to the stub's own.

    Raises ValueError for parameters that do not make a distribution.
    """

    NAME = "latency"
    RANK = 90
    CLASHES = False

    dist: Literal["fixed", "uniform", "normal", "lognormal", "percentiles"] = parameter(
        ", ".join(_KEYS), "how it is distributed", one_of(*_KEYS), "fixed"
    )
    ms: float | None = parameter("ms", "fixed, normal: the mean", milliseconds, None)
    jitter_ms: float | None = parameter(
        "ms", "fixed: at most so much more or less; normal: the standard deviation",
        milliseconds, None,
    )  # fmt: skip
    min_ms: float | None = parameter("ms", "uniform: the least", milliseconds, None)
    max_ms: float | None = parameter("ms", "uniform: the most", milliseconds, None)
    median_ms: float | None = parameter("ms", "lognormal: half are under it", milliseconds, None)
    p99_ms: float | None = parameter("ms", "lognormal: one in 100 is over it", milliseconds, None)
    sigma: float | None = parameter(
        "–", "lognormal: the spread of the logarithms, instead of p99_ms", number(0, 20), None
    )
    table: tuple[tuple[float, float], ...] | None = parameter(
        "ms by percentile", "percentiles: {p50: 20, p99: 300}", _read_table, None, _write_table
    )
    where: Literal["before_headers", "first_byte", "per_chunk"] = parameter(
        ", ".join(_WHERE), "before the head, between head and body, or between chunks",
        one_of(*_WHERE), "before_headers",
    )  # fmt: skip
    _model: LatencyModel = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {name for keys in _KEYS.values() for name in keys} - set(_KEYS[self.dist])
        for name in sorted(names):
            if getattr(self, name) is not None:
                owner = " or ".join(dist for dist, keys in _KEYS.items() if name in keys)
                raise ValueError(f"{name} goes with dist: {owner}, not with {self.dist}")
        object.__setattr__(self, "_model", self._build_model())

    def apply(self, course: Course, ask: FaultAsk, draw: Draw) -> Course:
        extra_s = self._model.sample_s(draw.unit(_DRAW))
        if extra_s <= 0:
            return course
        if self.where == "before_headers":
            return replace(course, before_s=course.before_s + extra_s)
        if self.where == "first_byte":
            return replace(course, first_byte_s=course.first_byte_s + extra_s)
        pacing = course.pacing or Pacing(chunk_bytes=SEGMENT_BYTES)
        delay_ms = pacing.chunk_delay_ms + extra_s * 1000
        chunk_bytes = pacing.chunk_bytes or SEGMENT_BYTES
        return replace(
            course, pacing=replace(pacing, chunk_delay_ms=delay_ms, chunk_bytes=chunk_bytes)
        )

    def _build_model(self) -> LatencyModel:
        if self.dist in ("fixed", "normal"):
            ms, jitter_ms = self._need("ms"), self.jitter_ms or 0.0
            if self.dist == "normal":
                return Normal(ms, jitter_ms)
            return Uniform(max(0.0, ms - jitter_ms), ms + jitter_ms) if jitter_ms else Fixed(ms)
        if self.dist == "uniform":
            return Uniform(self.min_ms or 0.0, self._need("max_ms"))
        if self.dist == "percentiles":
            if self.table is None:
                raise ValueError("percentiles needs table, such as {p50: 20, p99: 300}")
            return Percentiles(self.table)
        return self._build_lognormal()

    def _build_lognormal(self) -> LatencyModel:
        median_ms = self._need("median_ms")
        if (self.p99_ms is None) == (self.sigma is None):
            raise ValueError("lognormal needs p99_ms or sigma, one of the two")
        if self.sigma is not None:
            return LogNormal.of_sigma(median_ms, self.sigma)
        return LogNormal(median_ms, self._need("p99_ms"))

    def _need(self, name: str) -> float:
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"dist: {self.dist} needs {name}")
        return float(value)
