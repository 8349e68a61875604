"""The text that Prometheus reads, read back with Prometheus' own parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from proxy.metrics import (
    BUCKETS_MS,
    FLOWS,
    LEVELS,
    PREFIX,
    Totals,
    cumulative_buckets,
    render_metrics,
)

Labels = tuple[tuple[str, str], ...]


def samples(totals: Totals) -> dict[tuple[str, Labels], float]:
    text = render_metrics(totals).decode()
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_total_is_there() -> None:
    counts = (1, 2, *[0] * (len(BUCKETS_MS) - 2), 4)
    counts = (*counts, *[0] * (len(BUCKETS_MS) + 1 - len(counts)))
    read = samples(
        Totals(
            requests={("svc", 2): 5, ("svc", 5): 2, ("ach", 2): 1},
            refused={"deny.hosts[0]": 3},
            durations={"svc": counts},
            spent_us={"svc": 1_500_000},
            flows={"accepted": 9},
            levels={"connections": 4},
            mode="live",
        )
    )
    assert read["requests_total", (("status", "2xx"), ("upstream", "svc"))] == 5
    assert read["requests_total", (("status", "5xx"), ("upstream", "svc"))] == 2
    assert read["refused_total", (("rule", "deny.hosts[0]"),)] == 3
    assert read["duration_seconds_bucket", (("le", "0.0005"), ("upstream", "svc"))] == 1
    assert read["duration_seconds_bucket", (("le", "0.001"), ("upstream", "svc"))] == 3
    assert read["duration_seconds_bucket", (("le", "+Inf"), ("upstream", "svc"))] == 7
    assert read["duration_seconds_count", (("upstream", "svc"),)] == 7
    assert read["duration_seconds_sum", (("upstream", "svc"),)] == 1.5
    assert read["accepted_total", ()] == 9
    assert read["connections", ()] == 4
    assert read["mode", (("mode", "live"),)] == 1
    assert read["mode", (("mode", "sandbox"),)] == 0


def test_counters_begin_at_nothing_and_not_as_nothing() -> None:
    read = samples(Totals())
    assert {name for name, _ in read} >= {f"{name}_total" for name in FLOWS} | set(LEVELS)
    assert all(read[f"{name}_total", ()] == 0 for name in FLOWS)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_name_breaks_the_text(upstream: str, rule: str) -> None:
    read = samples(Totals(requests={(upstream, 2): 1}, refused={rule: 2}))
    assert sum(value for (name, _), value in read.items() if name == "refused_total") == 2
    assert sum(value for (name, _), value in read.items() if name == "requests_total") == 1


@given(st.lists(st.integers(0, 10**9), min_size=len(BUCKETS_MS) + 1, max_size=len(BUCKETS_MS) + 1))
def test_buckets_never_fall_and_the_last_has_all(counts: list[int]) -> None:
    buckets = [count for _, count in cumulative_buckets(tuple(counts))]
    assert buckets == sorted(buckets)
    assert buckets[-1] == sum(counts)
