"""The numpy twin of `switchboard/seeded.py`: the same numbers, a whole column at a time.

Clones, stamps spread inside a second and sampled arrivals are decided for millions of requests at
once, yet each must equal what `mix64` and `unit` say about that one request.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from switchboard.seeded import GOLDEN_GAMMA, MASK64

UInt64s = npt.NDArray[np.uint64]
Part = int | npt.NDArray[np.integer]

_STEP = np.uint64(GOLDEN_GAMMA)
_FIRST = np.uint64(0xBF58_476D_1CE4_E5B9)
_SECOND = np.uint64(0x94D0_49BB_1331_11EB)
_S30, _S27, _S31, _S11 = (np.uint64(bits) for bits in (30, 27, 31, 11))


def mix64_array(seed: int, *parts: Part) -> UInt64s:
    """`mix64(seed, *parts)` for each row; parts are integers or integer arrays that broadcast.

    Signed arrays count as two's complement, as in `mix64`. All-integer parts give shape ().
    """
    state: UInt64s = np.zeros((), np.uint64)
    # uint64 arithmetic is meant to wrap around here, as it does in C.
    with np.errstate(over="ignore"):
        for part in (seed, *parts):
            z = (state ^ _as_uint64(part)) + _STEP
            z = (z ^ (z >> _S30)) * _FIRST
            z = (z ^ (z >> _S27)) * _SECOND
            state = z ^ (z >> _S31)
    return np.asarray(state)


def unit_array(seed: int, *parts: Part) -> npt.NDArray[np.float64]:
    """`unit(seed, *parts)` for each row: floats in [0, 1)."""
    return np.asarray((mix64_array(seed, *parts) >> _S11).astype(np.float64) * 2.0**-53)


def _as_uint64(part: Part) -> UInt64s:
    if isinstance(part, np.ndarray):
        return part.astype(np.uint64)
    return np.asarray(part & MASK64, np.uint64)
