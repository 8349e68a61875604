"""The key at work: numbers that only its owner can tell, and always the same for the same text.

Every pseudonym comes from HMAC-SHA-256 over its kind and the value in one spelling. Small numbers
are permuted instead, by a Feistel network whose rounds are such HMACs: two of them never become
one, so that a trace keeps as many citizens as it had.
Read next: `shape.py` (how a value keeps its looks), `pseudonyms.py`.
"""

from __future__ import annotations

import hmac
from math import isqrt
from typing import Final

_ROUNDS: Final = 8
_HELD: Final = 100_000


class Keyed:
    """Draws numbers by the key; the key itself is not to be had from it."""

    __slots__ = ("_mac", "_permutations")

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod="sha256")
        self._permutations: dict[tuple[str, int], Permutation] = {}

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
    """The numbers below `size` in an order that the key decides."""

    __slots__ = ("_keyed", "_kind", "_left", "_rights", "_size", "_words")

    def __init__(self, keyed: Keyed, kind: str, size: int) -> None:
        self._keyed = keyed
        self._kind = f"permute {kind} {size}"
        self._size = size
        self._rights = isqrt(size - 1) + 1
        self._left = -(-size // self._rights)
        # For each half the words of all its rounds: most are asked for again and again.
        self._words: dict[tuple[int, int], list[int]] = {}

    def of(self, value: int) -> int:
        """What stands in its place. Halves span a little more than `size`, so it may go round."""
        lefts, rights = self._left, self._rights
        while True:
            left, right = divmod(value, rights)
            for round_ in range(0, _ROUNDS, 2):
                left = (left + self._word(0, right, round_)) % lefts
                right = (right + self._word(1, left, round_)) % rights
            value = left * rights + right
            if value < self._size:
                return value

    def _word(self, side: int, half: int, round_: int) -> int:
        words = self._words.get((side, half))
        if words is None:
            if len(self._words) >= _HELD:
                self._words.clear()
            block = self._keyed.bytes_of(self._kind, f"{side} {half}")
            words = [int.from_bytes(block[at : at + 8], "little") for at in range(0, 32, 8)]
            self._words[side, half] = words
        return words[round_ >> 1]
