"""Did any request overtake an earlier one of its own user? Checked from the outcomes alone.

Floor 2, pure. The engine keeps users in order by design; this looks at what really happened, so
that the certificate does not have to take the engine's word. Read next: `certificate.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_POSITION_BITS = 32
_POSITION_MASK = (1 << _POSITION_BITS) - 1
_NEVER = np.iinfo(np.int64).min

Column = npt.NDArray[Any]


class OrderWatch:
    """Counts requests that left before the previous one of their lane was done, or out of turn.

    Memory: 16 bytes a lane.
    """

    __slots__ = ("_last_done_ns", "_last_index", "violations")

    def __init__(self, lanes: int) -> None:
        self._last_done_ns = np.full(lanes, _NEVER, dtype=np.int64)
        self._last_index = np.full(lanes, -1, dtype=np.int64)
        self.violations = 0

    def fold(self, lane: Column, index: Column, sent_ns: Column, done_ns: Column) -> None:
        """Look at requests that were sent. A lane's rows come in the order they were done."""
        if not len(lane):
            return
        # One sort of plain integers is several times faster than an argsort: the position rides
        # in the low bits, so rows of one lane keep their order.
        key = lane.astype(np.int64)
        key <<= _POSITION_BITS
        key |= np.arange(len(key))
        key.sort()
        turn = key & _POSITION_MASK
        lane = key >> _POSITION_BITS
        index, sent_ns, done_ns = index[turn].astype(np.int64), sent_ns[turn], done_ns[turn]

        is_first = np.empty(len(lane), dtype=bool)
        is_first[0] = True
        np.not_equal(lane[1:], lane[:-1], out=is_first[1:])
        is_last = np.append(is_first[1:], True)

        before_done, before_index = self._last_done_ns[lane], self._last_index[lane]
        is_next = ~is_first
        before_done[is_next] = done_ns[:-1][is_next[1:]]
        before_index[is_next] = index[:-1][is_next[1:]]
        overtakes = (sent_ns < before_done) | (index <= before_index)
        self.violations += int(np.count_nonzero(overtakes))

        self._last_done_ns[lane[is_last]] = done_ns[is_last]
        self._last_index[lane[is_last]] = index[is_last]
