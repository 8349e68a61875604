from __future__ import annotations

import pytest

from replay.building.timeline import Timeline
from switchboard.event import LATEST_NS, EventError

MS = 1_000_000


def test_delays_add_up_and_stamps_count() -> None:
    line = Timeline()
    for delay, at in ((5, 5), (2.5, 7.5)):
        ns = line.time_of(None, delay)
        assert ns == at * MS
        line.reach(ns)
    line.pass_by(10)
    assert (line.is_anchored, line.has_lead) == (False, True)
    assert line.time_of(100 * MS, 999) == 100 * MS
    assert (line.is_anchored, line.lead_ns) == (True, int(82.5 * MS))
    assert line.time_of(None, 1) == 101 * MS
    assert line.time_of(None, 1) == 101 * MS  # the one before was not used
    assert line.time_of(50 * MS, None) == 50 * MS
    assert line.lead_ns == int(82.5 * MS)


def test_a_stamp_counts_even_if_its_entry_is_not_used() -> None:
    line = Timeline()
    line.time_of(100 * MS, None)
    assert line.time_of(None, 3) == 103 * MS
    assert not line.has_lead


def test_no_time_lies_past_the_calendar() -> None:
    line = Timeline()
    line.time_of(LATEST_NS - MS, None)
    with pytest.raises(EventError, match="past the year 2100"):
        line.time_of(None, 1)
    line.pass_by(1)
    assert line.now_ns == LATEST_NS - MS
