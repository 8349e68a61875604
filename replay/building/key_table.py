"""Numbers for 64-bit keys by the million: twelve bytes each, looked up a whole chunk at a time.

Read next: `numbering.py`, its only user.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

UNKNOWN: Final = -1

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_PARTS: Final = 64
"""The keys lie in so many sorted arrays, so that adding some copies little at a time."""
_BOUNDS: Final = np.array([(part << 58) - (1 << 63) for part in range(1, _PARTS)], np.int64)


class KeyTable:
    """A number for each key. Keys that are asked for or added at once are sorted and differ."""

    def __init__(self) -> None:
        self._keys: list[I64] = [np.zeros(0, np.int64)] * _PARTS
        self._numbers: list[U32] = [np.zeros(0, np.uint32)] * _PARTS

    def find(self, keys: I64) -> I64:
        """The number of each key, or UNKNOWN."""
        found = np.full(len(keys), UNKNOWN, np.int64)
        for part, asked in self._stretches(keys):
            known = self._keys[part]
            if len(known):
                at = np.minimum(np.searchsorted(known, keys[asked]), len(known) - 1)
                numbers = self._numbers[part][at].astype(np.int64)
                found[asked] = np.where(known[at] == keys[asked], numbers, UNKNOWN)
        return found

    def add(self, keys: I64, numbers: I64) -> None:
        """Take in keys that are not there yet."""
        for part, new in self._stretches(keys):
            at = np.searchsorted(self._keys[part], keys[new])
            self._keys[part] = np.insert(self._keys[part], at, keys[new])
            self._numbers[part] = np.insert(self._numbers[part], at, numbers[new])

    def _stretches(self, keys: I64) -> list[tuple[int, slice]]:
        """The part of the table that each stretch of sorted keys belongs to."""
        ends = [0, *np.searchsorted(keys, _BOUNDS).tolist(), len(keys)]
        return [(part, slice(a, b)) for part, (a, b) in enumerate(pairwise(ends)) if a < b]
