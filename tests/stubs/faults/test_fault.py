from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.down import COLD_MS, Down
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.kind import Draw
from stubs.faults.quota import Quota
from switchboard.seeded import unit
from tests.stubs.faults.examples import an_ask

MINUTE = 60_000.0


def a_fault(**changes: Any) -> Fault:
    return Fault(**{"id": "cue", "kind": Error(), "at_ms": MINUTE, **changes})


@pytest.mark.parametrize(
    ("changes", "ends_ms"),
    [
        pytest.param({}, math.inf, id="with the run"),
        pytest.param({"for_ms": 10.0}, MINUTE + 10, id="for"),
        pytest.param({"ttl_ms": 5.0}, MINUTE + 5, id="ttl"),
        pytest.param({"for_ms": 10.0, "ttl_ms": 5.0}, MINUTE + 5, id="ttl before for"),
        pytest.param({"for_ms": 5.0, "ttl_ms": 10.0}, MINUTE + 5, id="for before ttl"),
        pytest.param({"kind": Down(restart_after_s=30)}, MINUTE + 30_000, id="restart"),
        pytest.param({"kind": Down(restart_after_s=30), "for_ms": 5.0}, MINUTE + 5, id="for first"),
        pytest.param(
            {"kind": Down(restart_after_s=30, cold_start_ms=9), "for_ms": MINUTE},
            MINUTE + 30_000 + COLD_MS, id="warm after the restart",
        ),
        pytest.param(
            {"kind": Down(cold_start_ms=9), "for_ms": 7.0}, MINUTE + 7 + COLD_MS, id="warm after"
        ),
        pytest.param(
            {"kind": Down(cold_start_ms=9), "for_ms": 7.0, "ttl_ms": 8.0}, MINUTE + 8,
            id="ttl ends the warming up",
        ),
    ],
)  # fmt: skip
def test_it_ends(changes: dict[str, Any], ends_ms: float) -> None:
    assert a_fault(**changes).ends_ms == ends_ms


@pytest.mark.parametrize(
    ("at_ms", "state"),
    [(0, "waiting"), (MINUTE, "active"), (MINUTE + 9, "active"), (MINUTE + 10, "over")],
)
def test_it_has_a_state(at_ms: float, state: str) -> None:
    assert a_fault(for_ms=10.0).state(at_ms) == state


@pytest.mark.parametrize(
    ("since_ms", "share"), [(0, 0), (2_500, 0.1), (5_000, 0.2), (10_000, 0.4), (20_000, 0.4)]
)
def test_a_ramp_grows_to_the_probability(since_ms: float, share: float) -> None:
    fault = a_fault(ramp_ms=10_000.0, probability=0.4)
    assert fault.share(MINUTE + since_ms) == pytest.approx(share)


def test_a_ramp_touches_more_and_more_and_lets_nobody_go() -> None:
    fault = a_fault(ramp_ms=10_000.0)

    def touched(at_ms: float) -> set[int]:
        draws = ((n, fault.draw(1, an_ask(request_id=n, at_ms=at_ms))) for n in range(300))
        return {n for n, draw in draws if fault.is_drawn(draw, at_ms)}

    at_first, halfway, whole = (touched(MINUTE + since_ms) for since_ms in (0, 5_000, 10_000))
    assert at_first == set()
    assert 100 < len(halfway) < 200
    assert halfway < whole == set(range(300))


@pytest.mark.parametrize(
    ("apply_to", "opened_before", "opened_since"),
    [("all", True, True), ("new", False, True), ("existing", True, False)],
)
def test_connections_are_told_apart(apply_to: str, opened_before: bool, opened_since: bool) -> None:
    fault = a_fault(apply_to=apply_to)
    asks = [an_ask(opened_ms=MINUTE - 1), an_ask(opened_ms=MINUTE)]
    assert [fault.is_about(ask) for ask in asks] == [opened_before, opened_since]


def test_a_seed_of_its_own_wins_over_the_runs() -> None:
    def draws(fault: Fault, seed: int) -> list[float]:
        return [fault.draw(seed, an_ask(request_id=n)).unit(0) for n in range(5)]

    assert draws(a_fault(seed=3), 1) == draws(a_fault(seed=3), 2) == draws(a_fault(), 3)
    assert draws(a_fault(), 1) != draws(a_fault(), 2)


@given(
    st.integers(-(1 << 70), 1 << 70),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, (1 << 64) - 1),
    st.integers(0, 300),
    st.lists(st.integers(0, 100), min_size=1, max_size=3),
)
def test_a_draw_is_the_hash_of_what_it_is_about(
    seed: int, request_id: int, key: int, attempt: int, numbers: list[int]
) -> None:
    draw = Draw(seed, request_id, key, attempt)
    wanted = [unit(seed, request_id, key, attempt, number) for number in numbers]
    assert [draw.unit(number) for number in numbers] == wanted


def test_another_fault_draws_otherwise() -> None:
    draws = [a_fault(id=name).draw(1, an_ask()).unit(0) for name in ("a", "b")]
    assert draws[0] != draws[1]


@pytest.mark.parametrize(
    ("changes", "is_counting", "always"),
    [
        ({}, False, True),
        ({"every_n": 2}, True, False),
        ({"first_n": 2}, True, False),
        ({"skip_first": 2}, True, False),
        ({"kind": Quota(limit=3)}, True, False),
        ({"probability": 0.5}, False, False),
        ({"ramp_ms": 5.0}, False, False),
        ({"max_active": 3}, False, False),
        ({"chosen": frozenset()}, False, False),
        ({"apply_to": "new"}, False, True),
    ],
)
def test_what_counts_and_what_always_applies(
    changes: dict[str, Any], is_counting: bool, always: bool
) -> None:
    fault = a_fault(**changes)
    assert (fault.is_counting, fault.always_applies) == (is_counting, always)


@pytest.mark.parametrize(
    "changes",
    [
        {"at_ms": -1.0}, {"at_ms": math.inf}, {"at_ms": math.nan}, {"for_ms": 0.0},
        {"for_ms": -5.0}, {"ttl_ms": 0.0}, {"ttl_ms": 86_400_001.0}, {"for_ms": math.inf},
        {"probability": 1.1}, {"probability": math.nan}, {"skip_first": -1}, {"every_n": 0},
        {"first_n": 0}, {"max_active": 0}, {"ramp_ms": -1.0},
    ],
)  # fmt: skip
def test_an_envelope_without_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^a fault "):
        a_fault(**changes)
