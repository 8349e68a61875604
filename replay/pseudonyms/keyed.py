"""The key at work: numbers that only its owner can tell, and always the same for the same text.

Every pseudonym comes from HMAC-SHA-256 over its kind and the value in one spelling. Small numbers
are permuted instead, by a Feistel network whose rounds are such HMACs: two of them never become
one, so that a trace keeps as many citizens as it had.
Read next: `shape.py` (how a value keeps its looks), `pseudonyms.py`.
"""

from __future__ import annotations

import hmac
import struct
from math import isqrt
from typing import Final

_TURNS: Final = 4
"""Of two rounds each."""
_HELD: Final = 50_000
_words_of: Final = struct.Struct("<4Q").unpack


class Keyed:
    """Draws numbers by the key; the key itself is not to be had from it."""

    __slots__ = ("_mac", "_permutations", "numbers")

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod="sha256")
        self._permutations: dict[tuple[str, int], Permutation] = {}
        self.numbers: dict[str, str] = {}
        """Small numbers that were permuted lately; whoever adds to it bounds it."""

    def __repr__(self) -> str:
        return "<Keyed>"

    def bytes_of(self, kind: str, text: str) -> bytes:
        """32 bytes for a text of a kind."""
        mac = self._mac.copy()
        mac.update(f"{kind}\0{text}".encode("utf-8", "surrogatepass"))
        return mac.digest()

    def number(self, kind: str, text: str) -> int:
        """256 bits for a text of a kind."""
        return int.from_bytes(self.bytes_of(kind, text), "little")

    def stream(self, kind: str, text: str, count: int) -> bytes:
        """So many bytes for a text of a kind."""
        blocks = [self.bytes_of(kind, text)]
        while 32 * len(blocks) < count:
            blocks.append(self.bytes_of(f"{kind}+{len(blocks)}", text))
        return b"".join(blocks)[:count]

    def permuted(self, kind: str, value: int, size: int) -> int:
        """Another number below `size`, never the same for two; `kind` and `size` are few."""
        permutation = self._permutations.get((kind, size))
        if permutation is None:
            permutation = self._permutations[kind, size] = Permutation(self, kind, size)
        return permutation.of(value)


class Permutation:
    """The numbers below `size` in an order that the key decides: eight rounds over two halves."""

    __slots__ = ("_keyed", "_kind", "_lefts", "_of_left", "_of_right", "_rights", "_size")

    def __init__(self, keyed: Keyed, kind: str, size: int) -> None:
        self._keyed = keyed
        self._kind = f"permute {kind} {size}"
        self._size = size
        self._rights = isqrt(size - 1) + 1
        self._lefts = -(-size // self._rights)
        # For each half the words of its rounds: most are asked for again and again.
        self._of_left: dict[int, tuple[int, ...]] = {}
        self._of_right: dict[int, tuple[int, ...]] = {}

    def of(self, value: int) -> int:
        """What stands in its place. Halves span a little more than `size`, so it may go round."""
        lefts, rights = self._lefts, self._rights
        of_left, of_right = self._of_left, self._of_right
        while True:
            left, right = divmod(value, rights)
            for turn in range(_TURNS):
                words = of_right.get(right) or self._learn(of_right, "right", right)
                left = (left + words[turn]) % lefts
                words = of_left.get(left) or self._learn(of_left, "left", left)
                right = (right + words[turn]) % rights
            value = left * rights + right
            if value < self._size:
                return value

    def _learn(self, held: dict[int, tuple[int, ...]], side: str, half: int) -> tuple[int, ...]:
        if len(held) >= _HELD:
            held.clear()
        words = held[half] = _words_of(self._keyed.bytes_of(self._kind, f"{side} {half}"))
        return words
