"""What workers count is what the supervisor adds up, in any order and from any number of them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.gateways.counts import MOST_NAMES, OTHERS, Counts, add_counts, add_flows
from hms_esr.gateways.job import part_of
from hms_esr.gateways.restarts import LONGEST_DELAY_S, restart_delay_s
from hms_esr.gateways.supervisor import how_it_ended
from hms_esr.gateways.witness import Witness
from hms_esr.gateways.worker import DOOR_FLOWS, DOOR_LEVELS, RECORDER_FLOWS
from proxy.gateway.statistics import GatewayStatistics
from proxy.metrics import BUCKETS_MS, FLOWS, LEVELS, PREFIX, Totals
from switchboard.exchange import Exchange, Refusal
from switchboard.ledger import Ledger


def exchange(upstream: str = "svc", status: int = 200, wait_ms: float = 1.0) -> Exchange:
    return Exchange(
        1, "gateway", "127.0.0.1:5", "routes[0]", upstream, "127.0.0.1", 9001,
        "http", "a.example", "GET", "/", status, wait_ms,
    )  # fmt: skip


def refusal(rule: str = "unmapped-host") -> Refusal:
    return Refusal(1, "gateway", "127.0.0.1:5", "b.example", "GET", rule, "no route")


EVENTS = st.lists(
    st.one_of(
        st.builds(
            exchange,
            st.sampled_from(["svc", "ach"]),
            st.sampled_from([200, 204, 302, 404, 503]),
            st.floats(0, 100_000),
        ),
        st.builds(refusal, st.sampled_from(["unmapped-host", "deny.hosts[0]"])),
    )
)


def tell(witness: Witness, event: Exchange | Refusal) -> None:
    if isinstance(event, Exchange):
        witness.passed(event)
    else:
        witness.refused(event)


def add(totals: Totals, ledger: Ledger, witness: Witness) -> None:
    told = orjson.loads(orjson.dumps(witness.take({}, {})))
    add_counts(totals, told["counts"])
    ledger.merge(told["ledger"])


@given(EVENTS, st.data())
def test_nothing_is_lost_between_workers_and_reports(
    events: list[Exchange | Refusal], data: st.DataObject
) -> None:
    workers = [Witness(), Witness()]
    totals, ledger = Totals(), Ledger()
    for event in events:
        worker = workers[data.draw(st.integers(0, 1))]
        tell(worker, event)
        if data.draw(st.booleans()):
            add(totals, ledger, worker)
    for worker in workers:
        add(totals, ledger, worker)
    passed = [event for event in events if isinstance(event, Exchange)]
    assert sum(totals.requests.values()) == len(passed) == ledger.requests
    assert sum(totals.refused.values()) == len(events) - len(passed) == ledger.attempts_refused
    assert sum(map(sum, totals.durations.values())) == len(passed)
    assert sum(totals.spent_us.values()) == sum(int(each.wait_ms * 1000) for each in passed)


@pytest.mark.parametrize(
    ("wait_ms", "bucket"),
    [(0, 0), (0.5, 0), (0.6, 1), (1, 1), (29_999, 14), (30_000, 14), (30_001, 15)],
)
def test_a_duration_falls_into_the_bucket_that_it_does_not_pass(
    wait_ms: float, bucket: int
) -> None:
    counts = Counts()
    counts.passed(exchange(wait_ms=wait_ms))
    (buckets,) = counts.take()["durations"].values()
    assert len(buckets) == len(BUCKETS_MS) + 1
    assert [at for at, count in enumerate(buckets) if count] == [bucket]


def test_names_are_bounded() -> None:
    counts, totals = Counts(), Totals()
    for number in range(MOST_NAMES + 10):
        counts.refused(refusal(f"deny.hosts[{number}]"))
        add_counts(totals, counts.take())
    assert len(totals.refused) == MOST_NAMES + 1
    assert totals.refused[OTHERS] == 10


def test_counters_of_a_door_are_told_as_what_was_added() -> None:
    witness, totals = Witness(), Totals()
    for accepted in (3, 3, 10):
        add_flows(totals, witness.take({"accepted": accepted}, {})["flows"])
    assert totals.flows["accepted"] == 10


def test_a_recorder_gets_what_passed_and_not_what_was_refused() -> None:
    class Remembering:
        def __init__(self) -> None:
            self.seen: list[Exchange] = []

        def passed(self, exchange: Exchange) -> None:
            self.seen.append(exchange)

    recorder = Remembering()
    witness = Witness([recorder])
    one = exchange()
    witness.passed(one)
    witness.refused(refusal())
    assert recorder.seen == [one]


@pytest.mark.parametrize(
    ("deaths_s", "delay_s"),
    [
        ([100.0], 0.0),
        ([0.0, 100.0], 0.0),
        ([99.0, 100.0], 0.1),
        ([98.0, 99.0, 100.0], 0.2),
        ([97.0, 98.0, 99.0, 100.0], 0.4),
        ([100.0] * 16, LONGEST_DELAY_S),
        ([100.0] * 2_000, LONGEST_DELAY_S),
    ],
)
def test_a_worker_that_dies_again_and_again_is_waited_for(
    deaths_s: list[float], delay_s: float
) -> None:
    assert restart_delay_s(deaths_s, 100.0) == delay_s


@pytest.mark.parametrize(
    ("path", "workers", "part"),
    [
        (None, 2, None),
        ("day.ndjson", 1, "day.ndjson"),
        ("day.ndjson", 2, "day.w1.ndjson"),
        ("a.b/day.ndjson.gz", 2, "a.b/day.ndjson.w1.gz"),
        ("a.b/my.day.ndjson", 2, "a.b/my.day.w1.ndjson"),
        ("/tmp/day", 2, "/tmp/day.w1"),
    ],
)
def test_each_worker_writes_a_file_of_its_own(
    path: str | None, workers: int, part: str | None
) -> None:
    assert part_of(Path(path) if path else None, 1, workers) == part


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "ended with code 0"), (1, "ended with code 1"), (-9, "was killed by SIGKILL"),
     (-200, "was killed by signal 200")],
)  # fmt: skip
def test_how_a_worker_ended(code: int, words: str) -> None:
    assert how_it_ended(code) == words


def test_every_counter_and_gauge_that_is_told_has_a_metric() -> None:
    told = {*DOOR_FLOWS, *(f"record_{name}" for name in RECORDER_FLOWS)}
    ours = {"reload_success", "reload_failure", "worker_restarts"}
    assert told | ours == FLOWS.keys()
    assert {*DOOR_LEVELS, "workers", "mode_generation", "tripped"} == LEVELS.keys()
    for name in (*DOOR_FLOWS, *DOOR_LEVELS):
        assert hasattr(GatewayStatistics(), name)


def test_every_metric_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/gateway.md").read_text(encoding="utf-8")
    names = [*(f"{name}_total" for name in FLOWS), *LEVELS, "mode"]
    assert [name for name in names if f"`{PREFIX}{name}`" not in page] == []
