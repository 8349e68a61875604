from __future__ import annotations

import numpy as np
import pytest

from scorecard.drift import Drift

MINUTE = 60_000_000_000
MS = 1_000_000


def test_a_steady_creep_is_found_whatever_the_batches() -> None:
    at = np.linspace(0, 5 * MINUTE, 1_000).astype(np.int64)
    value = (3 * MS + at / MINUTE * 2 * MS).astype(np.int64)
    drift = Drift()
    for start in range(0, 1_000, 77):
        drift.fold(at[start : start + 77], value[start : start + 77])
    assert drift.ms_per_minute == pytest.approx(2.0, rel=1e-4)


def test_a_constant_does_not_drift() -> None:
    drift = Drift()
    drift.fold(np.arange(10) * MINUTE, np.full(10, 5 * MS))
    assert drift.ms_per_minute == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "at",
    [
        pytest.param([], id="nothing"),
        pytest.param([1_000], id="one"),
        pytest.param([1_000, 1_000, 1_000], id="all at once"),
        pytest.param([0, 20 * MS], id="over 20 ms"),
    ],
)
def test_too_little_has_no_slope(at: list[int]) -> None:
    drift = Drift()
    drift.fold(np.array(at, np.int64), np.arange(len(at)) * MS)
    assert drift.ms_per_minute is None
