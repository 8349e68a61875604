from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.windows import Windows

TIMES = st.integers(0, 20).map(float)
WINDOWS = st.lists(st.tuples(TIMES, TIMES | st.just(math.inf)), max_size=6)


@given(WINDOWS, st.lists(st.integers(-2, 44).map(lambda n: n / 2), min_size=1, max_size=20))
def test_a_moment_is_quiet_when_it_lies_in_no_window(
    windows: list[tuple[float, float]], moments: list[float]
) -> None:
    """In any order of asking, since the last quiet stretch is remembered."""
    found = Windows(windows)
    for at_ms in moments:
        is_in_one = any(begin <= at_ms < end for begin, end in windows)
        assert found.is_quiet_at(at_ms) is not is_in_one


def test_without_windows_all_is_quiet() -> None:
    assert all(Windows(()).is_quiet_at(at_ms) for at_ms in (-math.inf, 0.0, 1e300))
