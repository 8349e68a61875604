"""Our own code failing, one function at a time, while requests go through it."""

from __future__ import annotations

import pytest

from tests.leaks.fault_runs import LANES_OF
from tests.leaks.session import TALLY, FaultResults, skip_missing


@pytest.mark.parametrize("kind", ["raise", "hang", "kill"])
@pytest.mark.parametrize("door", LANES_OF)
def test_nothing_reaches_production_when_our_own_code_fails(
    fault_results: FaultResults, door: str, kind: str, is_guarded: bool
) -> None:
    if not is_guarded:
        pytest.skip("there is no guard to fail")
    told = fault_results[(door, kind)].result()
    if "missing" in told:
        skip_missing(door, told["missing"])
    TALLY.faults += told["injected"]
    TALLY.doors.add(door)
    assert not told["faults"], "\n".join(told["faults"])
    assert told["injected"]
