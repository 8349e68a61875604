from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.outcome import Failure
from replay.retry import FAILURES, Retries, RetryPolicy

POLICIES = st.builds(
    RetryPolicy,
    times=st.integers(1, 10),
    after_ms=st.floats(0, 3_600_000),
    factor=st.floats(1, 10),
    failures=st.frozensets(st.sampled_from(sorted(FAILURES))),
    statuses=st.frozensets(st.integers(100, 599)),
    key=st.sampled_from(["keep", "drop", "add"]),
)


@given(POLICIES)
def test_a_policy_comes_back_from_json(policy: RetryPolicy) -> None:
    assert RetryPolicy.from_json(orjson.loads(orjson.dumps(policy.to_json()))) == policy


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"times": 0}, "1 to 10 times"),
        ({"times": 11}, "1 to 10 times"),
        ({"after_ms": -1}, "0 s to an hour"),
        ({"after_ms": 3_600_001}, "0 s to an hour"),
        ({"factor": 0.5}, "1 to 10 times the one before"),
        ({"factor": float("nan")}, "1 to 10 times the one before"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "failure", "wanted"),
    [
        (200, Failure.NONE, False),
        (503, Failure.NONE, True),
        (500, Failure.NONE, False),
        (0, Failure.RESET, True),
        (0, Failure.TIMEOUT, True),
        (0, Failure.CANCELLED, False),
    ],
)
def test_what_is_worth_another_attempt(status: int, failure: Failure, wanted: bool) -> None:
    assert RetryPolicy().wants(status, failure) is wanted


def test_waits_grow_by_the_factor() -> None:
    policy = RetryPolicy(times=3, after_ms=100, factor=3)
    assert [policy.wait_ms(attempt) for attempt in (1, 2, 3)] == [100, 300, 900]
    assert [policy.offset_ms(attempt) for attempt in (1, 2, 3)] == [100, 400, 1300]


def test_attempts_come_due_in_order_and_end() -> None:
    retries = Retries(RetryPolicy(times=1, after_ms=10), speed=10.0)
    assert retries.takes(4, 503, Failure.NONE, 0, 0, 100, 2_000_000)
    assert retries.takes(3, 503, Failure.NONE, 0, 0, 100, 1_000_000)
    assert retries.next_ns == 2_000_000
    assert retries.pop_due(1_999_999) is None
    assert retries.pop_due(2_000_000) == (3, 1)
    assert not retries.takes(3, 503, Failure.NONE, 0, 0, 200, 5_000_000)
    first = retries.close(3)
    assert first is not None
    assert (first.attempt, first.sent_ns) == (1, 100)
    assert retries.close(3) is None
    assert [position for position, _ in retries.give_up()] == [4]
    assert retries.next_ns is None
