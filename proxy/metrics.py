"""Totals of a door as Prometheus metrics: the one home of prometheus-client.

Whole numbers are counted elsewhere, in every process, and merged; here they become a text. A
collector of our own, because the library's counters take locks on the hot path and know nothing
of other processes. Floor 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS_MS: Final = (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
"""Upper ends of the buckets of durations; one more takes what is longer."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "esr_gateway_"
MODES: Final = ("sandbox", "live")

FLOWS: Final[Mapping[str, str]] = {
    "accepted": "Client connections accepted.",
    "bytes_in": "Bytes of request bodies taken from clients.",
    "bytes_out": "Bytes of answer bodies sent to clients.",
    "upstream_connections": "Connections opened to upstreams.",
    "upstream_failures": "Connections to upstreams that could not be opened.",
    "upstream_deaths": "Answers of upstreams that ended before they were complete.",
    "retries": "Requests sent once more because a kept connection turned out to be closed.",
    "tunnels": "WebSockets begun.",
    "observer_errors": "Exceptions of our own observers, which stop no traffic.",
    "record_written": "Exchanges written by recorders.",
    "record_dropped": "Exchanges that recorders dropped rather than slow the traffic.",
    "record_lost": "Exchanges that recorders could not write.",
    "record_withheld": "Exchanges that were kept out of recordings.",
    "reload_success": "Edits of the rules that were taken.",
    "reload_failure": "Edits of the rules that were refused; the old ones stayed.",
    "worker_restarts": "Workers that ended and were started again.",
}
"""Counters that have no label."""

LEVELS: Final[Mapping[str, str]] = {
    "connections": "Client connections that are open.",
    "busy": "Client connections with a request or a WebSocket under way.",
    "upstream_connections_open": "Connections to upstreams that are open.",
    "upstream_connections_idle": "Connections to upstreams that wait for a request.",
    "workers": "Workers that accept connections.",
    "mode_generation": "How often the mode was flipped.",
    "tripped": "1 once the interlock was tripped and everything is refused.",
}
"""Gauges that have no label."""


@dataclass(slots=True)
class Totals:
    """What all processes of a door did together."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict)
    """By upstream and first digit of the status."""
    refused: dict[str, int] = field(default_factory=dict)
    """By rule."""
    durations: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By upstream: how many in each bucket, one more than BUCKETS_MS, not yet added up."""
    spent_us: dict[str, int] = field(default_factory=dict)
    """By upstream: microseconds of all durations."""
    faults: dict[str, int] = field(default_factory=dict)
    """By id of a declared fault: how many requests it touched."""
    flows: dict[str, int] = field(default_factory=dict)
    """Counters by a name of FLOWS."""
    levels: dict[str, int] = field(default_factory=dict)
    """Gauges by a name of LEVELS."""
    mode: str = "sandbox"

    def __post_init__(self) -> None:
        for name in FLOWS:
            self.flows.setdefault(name, 0)


def render_metrics(totals: Totals) -> bytes:
    """The text that Prometheus reads."""
    # A web server that shows no metrics, and every worker that only counts, does without.
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(TotalsCollector(totals))
    return generate_latest(registry)


class TotalsCollector:
    """A collector over totals that were counted elsewhere."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        """Every metric, in a stable order."""
        yield self._requests()
        yield self._labelled("refused", "Requests refused.", "rule", self._totals.refused)
        yield self._labelled(
            "faults", "Requests that a declared fault touched.", "fault", self._totals.faults
        )
        yield self._durations()
        yield from self._plain()
        yield self._mode()

    def _requests(self) -> Metric:
        from prometheus_client.metrics_core import CounterMetricFamily

        family = CounterMetricFamily(
            f"{PREFIX}requests", "Requests answered.", labels=("upstream", "status")
        )
        for (upstream, status_class), count in sorted(self._totals.requests.items()):
            family.add_metric((upstream, f"{status_class}xx"), count)
        return family

    @staticmethod
    def _labelled(name: str, help_text: str, label: str, counts: Mapping[str, int]) -> Metric:
        from prometheus_client.metrics_core import CounterMetricFamily

        family = CounterMetricFamily(PREFIX + name, help_text, labels=(label,))
        for value, count in sorted(counts.items()):
            family.add_metric((value,), count)
        return family

    def _durations(self) -> Metric:
        from prometheus_client.metrics_core import HistogramMetricFamily

        family = HistogramMetricFamily(
            f"{PREFIX}duration_seconds", "From request to answer.", labels=("upstream",)
        )
        for upstream, counts in sorted(self._totals.durations.items()):
            spent_s = self._totals.spent_us.get(upstream, 0) / 1e6
            family.add_metric((upstream,), cumulative_buckets(counts), spent_s)
        return family

    def _plain(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

        for name, help_text in FLOWS.items():
            yield CounterMetricFamily(PREFIX + name, help_text, value=self._totals.flows[name])
        for name, help_text in LEVELS.items():
            value = self._totals.levels.get(name, 0)
            yield GaugeMetricFamily(PREFIX + name, help_text, value=value)

    def _mode(self) -> Metric:
        from prometheus_client.metrics_core import GaugeMetricFamily

        family = GaugeMetricFamily(f"{PREFIX}mode", "1 for the mode that holds.", labels=("mode",))
        for mode in MODES:
            family.add_metric((mode,), int(mode == self._totals.mode))
        return family


def cumulative_buckets(counts: tuple[int, ...]) -> list[tuple[str, int]]:
    """Buckets as Prometheus wants them: each holds the smaller ones too, the last is +Inf."""
    ends = [*(f"{end / 1000:g}" for end in BUCKETS_MS), "+Inf"]
    return list(zip(ends, accumulate(counts), strict=True))
