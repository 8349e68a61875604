"""The queue: against Erlang's formula, against a queue written plainly, and out of order."""

from __future__ import annotations

import math
import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.latency import Exponential, Fixed, Moment, NoDelay, Queue
from stubs.latency.queue import WINDOW
from switchboard.seeded import unit

REQUESTS = 60_000


def ask(queue: Queue, arrival_s: float, u: float = 0.5) -> float | None:
    """The wait in seconds, or None when the queue refuses."""
    moment = Moment(arrival_s=arrival_s)
    wait_s = queue.wait_s(u, moment)
    return None if moment.is_full else wait_s


def erlang_c_wait_s(servers: int, arrivals_per_s: float, mean_s: float) -> float:
    """The mean time in an M/M/c queue before service. Source: Erlang 1917, the C formula."""
    load = arrivals_per_s * mean_s
    top = load**servers / math.factorial(servers) * servers / (servers - load)
    chance = top / (sum(load**k / math.factorial(k) for k in range(servers)) + top)
    return chance * mean_s / (servers - load)


@pytest.mark.parametrize(
    ("servers", "load"),
    [
        pytest.param(1, 0.5, id="one server, half busy"),
        pytest.param(1, 0.8, id="one server, busy"),
        pytest.param(2, 0.7, id="two servers"),
        pytest.param(8, 0.85, id="eight servers"),
    ],
)
def test_the_mean_wait_is_erlangs(servers: int, load: float) -> None:
    mean_s = 0.020
    rate = load * servers / mean_s
    queue = Queue(servers, Exponential(mean_s * 1000))
    arrivals_s = accumulate(-math.log1p(-unit(5, n)) / rate for n in range(REQUESTS))
    total_s = sum(queue.wait_s(unit(6, n), Moment(arrival_s=at)) for n, at in enumerate(arrivals_s))
    wanted_s = erlang_c_wait_s(servers, rate, mean_s) + mean_s
    assert total_s / REQUESTS == pytest.approx(wanted_s, rel=0.06)


def test_a_surge_builds_a_queue_that_drains_afterwards() -> None:
    queue = Queue(2, Fixed(100))
    before = [ask(queue, at) for at in (0, 1, 2)]
    surge = [ask(queue, 3 + n / 100) for n in range(40)]
    after = [ask(queue, at) for at in (5.5, 6, 7)]
    assert before == after == pytest.approx([0.1] * 3)
    # Its server began with the second of them, and serves twenty one after another.
    assert surge[-1] == pytest.approx(3.01 + 20 * 0.1 - 3.39)
    assert [wait for wait in surge if wait is not None] == pytest.approx(
        [0.1 + n // 2 * 0.08 for n in range(40)]
    )


def test_whoever_finds_the_queue_full_is_refused_at_once() -> None:
    queue = Queue(1, Fixed(1000), max_queue=2)
    assert [ask(queue, 0) for _ in range(5)] == [1, 2, 3, None, None]
    assert [ask(queue, 1), ask(queue, 1)] == [3, None]
    assert ask(queue, 99) == 1


def test_nobody_waits_where_nobody_may() -> None:
    queue = Queue(2, Fixed(1000), max_queue=0)
    assert [ask(queue, at) for at in (0, 0, 0.5, 1)] == [1, 1, None, 1]


def plainly(
    arrivals: list[tuple[float, float]], servers: int, most: int | None
) -> list[float | None]:
    """First come, first served, written without any cleverness."""
    free_s = [-math.inf] * servers
    starts_s: list[float] = []
    waits_s: list[float | None] = []
    for at, service_s in arrivals:
        server = free_s.index(min(free_s))
        start_s = max(at, free_s[server])
        waiting = sum(start > at for start in starts_s)
        if start_s > at and most is not None and waiting >= most:
            waits_s.append(None)
            continue
        starts_s.append(start_s)
        free_s[server] = start_s + service_s
        waits_s.append(start_s - at + service_s)
    return waits_s


arrivals = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=40).map(sorted)


@given(arrivals, st.integers(1, 4), st.none() | st.integers(0, 5))
def test_it_is_a_queue(found: list[tuple[int, int]], servers: int, most: int | None) -> None:
    # Draws are the service times: this uniform latency is 10 s times the draw.
    queue = Queue(servers, Exponential(0), most)
    queue._serve = lambda u, _moment: u
    wanted = plainly([(float(at), float(service)) for at, service in found], servers, most)
    assert [ask(queue, at, service) for at, service in found] == wanted


@pytest.mark.parametrize("most", [None, 7])
@pytest.mark.parametrize("servers", [1, 3])
def test_the_queue_does_not_care_how_the_network_shuffled(servers: int, most: int | None) -> None:
    """After the same requests in another order, the next ones wait equally long."""
    planned = [(n / 50, unit(1, n)) for n in range(3_000)]
    shuffled = planned.copy()
    rng = random.Random(3)
    for start in range(0, len(planned), WINDOW // 2):
        part = shuffled[start : start + WINDOW // 2]
        rng.shuffle(part)
        shuffled[start : start + WINDOW // 2] = part
    one, other = (Queue(servers, Exponential(15 * servers), most) for _ in range(2))
    for at, u in planned:
        ask(one, at, u)
    for at, u in shuffled:
        ask(other, at, u)
    last_s = planned[-1][0]
    assert [ask(one, last_s) for _ in range(9)] == [ask(other, last_s) for _ in range(9)]


def test_one_that_comes_late_takes_its_planned_place() -> None:
    queue = Queue(1, Fixed(100))
    assert ask(queue, 0.05) == pytest.approx(0.1)
    assert ask(queue, 0.00) == pytest.approx(0.1)  # served before the other, as planned
    assert ask(queue, 0.06) == pytest.approx(0.24)  # after both of them


def test_one_that_comes_far_too_late_counts_as_the_oldest_known() -> None:
    queue = Queue(1, Fixed(1))
    for n in range(1000, 1000 + 2 * WINDOW):
        ask(queue, n)
    assert ask(queue, 0) == pytest.approx(0.002)
    assert len(queue._newest) <= WINDOW


@pytest.mark.parametrize("arrival_s", [math.nan, math.inf, -math.inf, 1e300, -1e300])
def test_an_impossible_arrival_does_not_break_the_queue(arrival_s: float) -> None:
    queue = Queue(1, Fixed(10))
    assert ask(queue, 5) is not None
    wait_s = ask(queue, arrival_s)
    assert wait_s is not None
    assert 0 <= wait_s <= 86_400
    for n in range(2 * WINDOW):
        assert ask(queue, 10 + n) == pytest.approx(0.01)


def test_its_memory_is_bounded() -> None:
    queue = Queue(3, Fixed(1000), max_queue=50)
    for n in range(5_000):
        ask(queue, n / 1000)
    assert len(queue._newest) <= WINDOW
    assert len(queue._now._starts_s) <= 50
    endless = Queue(1, Fixed(86_400_000))
    for n in range(1_000):
        assert (ask(endless, n) or 0) <= 86_400
    assert len(endless._now._starts_s) == 0


def test_a_queue_without_service_never_builds_up() -> None:
    queue = Queue(1, NoDelay(), max_queue=0)
    assert [ask(queue, 1) for _ in range(10)] == [0] * 10
