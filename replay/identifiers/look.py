"""A text under examination: folded, with what it is called and its runs of digits.

Chains are the heart of every finder of numbers: the runs of digits that stand close together, such
as the three of `123-45-6789`, so that a finder looks at windows of a chain and never needs a
pattern that walks back and forth.
Read next: `numbers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple

from replay.identifiers.fold import fold
from replay.identifiers.names import normal_name, normal_text

_DIGITS: Final = re.compile(r"[0-9]+")
_BETWEEN: Final = re.compile(r"[ \u00b7\u2022\u200b./()_\-]{1,4}")
_PREFIX: Final = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{1,32})[-_.:#]?\Z")
_BEFORE: Final = 48
_AFTER: Final = 16
_NEAR: Final = 24
_LONGEST_GAP: Final = 4
_AROUND: Final = " \t\r\n\"'"
_MANY: Final = 64
_FEW: Final = 5
"""Runs of a window in a chain of more than `_MANY`, which is a table of numbers and no number."""


class Window(NamedTuple):
    """Consecutive runs of digits of one chain."""

    start: int
    end: int
    digits: str
    sizes: tuple[int, ...]
    gaps: tuple[str, ...]
    before: str
    """What stands between it and the run before it in the chain, "" where it is the first."""
    after: str

    @property
    def is_bare(self) -> bool:
        return len(self.sizes) == 1


class Look:
    """One text, and everything a finder may ask about it."""

    def __init__(self, name: str, text: str) -> None:
        self.text = fold(text)
        self.name = normal_name(name)
        self._mentioned: dict[re.Pattern[str], bool] = {}

    @cached_property
    def low(self) -> str:
        return self.text.lower()

    def mentions(self, pattern: re.Pattern[str], words: re.Pattern[str]) -> bool:
        """The name says so, or one of the words stands anywhere: else no closer look is needed."""
        known = self._mentioned.get(words)
        if known is None:
            known = pattern.search(self.name) is not None or words.search(self.low) is not None
            self._mentioned[words] = known
        return known

    def told(self, pattern: re.Pattern[str]) -> bool:
        """The name of the text says so."""
        return pattern.search(self.name) is not None

    def tells(self, pattern: re.Pattern[str], start: int, end: int) -> bool:
        """The name of the text says so, or the words around that place do."""
        if pattern.search(self.name) is not None or self._says(pattern, start - _BEFORE, start):
            return True
        return self._says(pattern, end, end + _AFTER)

    def tells_before(self, pattern: re.Pattern[str], start: int) -> bool:
        """The words right before that place say so."""
        return self._says(pattern, start - _NEAR, start)

    def _says(self, pattern: re.Pattern[str], start: int, end: int) -> bool:
        """Whole words alone count: a hotel is no telephone."""
        text = self.text
        start, end = max(start, 0), min(end, len(text))
        if start and text[start - 1].isalnum():
            while start < end and text[start].isalnum():
                start += 1
        if end < len(text) and text[end].isalnum():
            while end > start and text[end - 1].isalnum():
                end -= 1
        return end > start and pattern.search(normal_text(text[start:end])) is not None

    def is_alone(self, start: int, end: int) -> bool:
        """Nothing but blanks and quotes around that place."""
        first, last = self._inner
        return start <= first and end >= last

    @cached_property
    def _inner(self) -> tuple[int, int]:
        """From where to where there is something."""
        text = self.text.rstrip(_AROUND)
        return len(text) - len(text.lstrip(_AROUND)), len(text)

    def is_free(self, window: Window, pattern: re.Pattern[str] | None = None) -> bool:
        """No part of something longer: a code, a decimal number, a file name.

        A word that is attached in front is fine where the pattern knows it: `ssn-123456789`.
        """
        if _joins(window.before) or _joins(window.after):
            return False
        after = self.text[window.end : window.end + 2]
        if after[:1].isalnum() or (after[:1] in _GLUE and after[1:].isalnum()):
            return False
        at = window.start
        before = self.text[max(0, at - 2) : at]
        if before[-1:].isalnum() or (before[-1:] in _GLUE and before[:1].isalnum()):
            found = _PREFIX.search(self.text, max(0, at - 34), at)
            if found is None or pattern is None:
                return False
            return pattern.search(normal_text(found[1])) is not None
        return True

    @cached_property
    def chains(self) -> list[list[tuple[int, int]]]:
        """Runs of digits, those of a chain together."""
        chains: list[list[tuple[int, int]]] = []
        last = -_LONGEST_GAP - 1
        text = self.text
        for found in _DIGITS.finditer(text):
            start, end = found.span()
            if start - last <= _LONGEST_GAP and _BETWEEN.fullmatch(text, last, start):
                chains[-1].append((start, end))
            else:
                chains.append([(start, end)])
            last = end
        return chains

    def windows(self, least: int, most: int, runs: int = 6) -> Iterator[Window]:
        """Every window of up to so many runs with so many digits."""
        for chain in self.chains:
            if chain[-1][1] - chain[0][0] < least:
                continue
            most_runs = min(runs, _FEW) if len(chain) > _MANY else runs
            for first in range(len(chain)):
                total = 0
                for last in range(first, min(first + most_runs, len(chain))):
                    total += chain[last][1] - chain[last][0]
                    if total > most:
                        break
                    if total >= least:
                        yield self._window(chain, first, last)

    def _window(self, chain: list[tuple[int, int]], first: int, last: int) -> Window:
        text = self.text
        runs = chain[first : last + 1]
        return Window(
            runs[0][0],
            runs[-1][1],
            "".join([text[start:end] for start, end in runs]),
            tuple([end - start for start, end in runs]),
            tuple([text[a[1] : b[0]] for a, b in pairwise(runs)]),
            text[chain[first - 1][1] : runs[0][0]] if first else "",
            text[runs[-1][1] : chain[last + 1][0]] if last + 1 < len(chain) else "",
        )


_GLUE: Final = frozenset("-._/")
_JOINING: Final = frozenset("-._/\u200b\u00b7\u2022")


def _joins(gap: str) -> bool:
    """True when what stands between two runs of digits makes one thing of them."""
    return len(gap) == 1 and gap in _JOINING
