"""When each entry of a trace was: stamps that count, and delays that add up.

An absolute stamp counts; a delay counts from the entry before, whatever file that was in. Entries
that come before the first stamp have only delays: their times count from 1970 until the stamp is
there, which says by how much all of them move (`lead_ns`).
Read next: `rows.py`, which asks this for every entry.
"""

from __future__ import annotations

from switchboard.event import LATEST_NS, EventError


class Timeline:
    """The time of each entry, in the order of the trace."""

    def __init__(self) -> None:
        self.now_ns = 0
        """The time of the last entry."""
        self.is_anchored = False
        """A stamp has been seen."""
        self.has_lead = False
        """An entry came before the first stamp: only what comes later says when it was."""
        self.lead_ns = 0
        """What is to be added to the times of all that came before the first stamp."""

    def time_of(self, ts_ns: int | None, delay_ms: float | None) -> int:
        """The time of the next entry. Raises EventError when no calendar has it.

        A stamp counts for what follows even if its entry is skipped in the end. A delay does not
        yet: `reach` is to be called when the entry is used, `pass_by` when it is skipped.
        """
        if ts_ns is None:
            later = self.now_ns + int((delay_ms or 0) * 1e6)
            if not self.is_anchored:
                self.has_lead = True
            if later >= LATEST_NS:
                raise EventError("delays add up past the year 2100")
            return later
        if not self.is_anchored:
            self.anchor(ts_ns)
        self.now_ns = ts_ns
        return ts_ns

    def reach(self, ns: int) -> None:
        """The entry that `time_of` gave this time is used."""
        self.now_ns = ns

    def pass_by(self, gap_ms: float) -> None:
        """An entry is skipped; its delay still passes."""
        later = self.now_ns + int(gap_ms * 1e6)
        if later < LATEST_NS:
            self.now_ns = later

    def anchor(self, ts_ns: int) -> None:
        """The first stamp: the last of the entries so far moves to where it is."""
        self.is_anchored = True
        self.lead_ns = ts_ns - self.now_ns
