"""Decisions by hash: the same seed gives the same run, whatever the timing or the worker.

Floor 0. Nothing here holds state, so any process can ask about any request in any order.
`replay/` has a numpy twin of `mix64` and `unit` that is tested against this one; change neither
without the other, since recorded runs depend on the exact values.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

MASK64: Final = 0xFFFF_FFFF_FFFF_FFFF
GOLDEN_GAMMA: Final = 0x9E37_79B9_7F4A_7C15
"""2**64 divided by the golden ratio, made odd: the step of splitmix64."""


def mix64(*parts: int) -> int:
    """A well-mixed 64-bit number of the parts, in order; negative parts count as two's complement.

    Each part is xor-ed into the state, which is then stepped and finalised as in splitmix64
    (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    """
    state = 0
    for part in parts:
        z = ((state ^ (part & MASK64)) + GOLDEN_GAMMA) & MASK64
        z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & MASK64
        state = z ^ (z >> 31)
    return state


def text64(text: str) -> int:
    """A 64-bit number of a text, equal on every machine (unlike `hash`)."""
    # surrogatepass: a name with a broken character must still hash, not stop a run.
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little")


def unit(seed: int, *parts: int) -> float:
    """A float in [0, 1) for the seed and parts: the top 53 bits of `mix64`."""
    return (mix64(seed, *parts) >> 11) * 2.0**-53
