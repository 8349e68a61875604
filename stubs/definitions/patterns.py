"""Regular expressions that end: a pattern that explodes does not match, and says so once.

Floor 1. The limit is a time, since nothing else bounds every pattern; one in ordinary use never
comes near it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import regex

TIMEOUT_S: Final = 0.02
MAX_TIMEOUTS: Final = 3
"""Of one pattern for one request: a query or a body may hold a thousand values that explode."""
MAX_PATTERN_CHARS: Final = 1_000
MAX_REPEATS: Final = 10_000
"""What the counts of a pattern may multiply to: `(a{1000}){1000}` fills memory when compiled."""

_COUNT: Final = re.compile(r"(\)?)\{(\d*),?(\d*)\}")
_REPEATING: Final = frozenset("*+?{")


class _Round:
    """The request that is looked at, as a number."""

    number = 0


_ROUND: Final = _Round()


def begin_round() -> None:
    """Another request: patterns that took too long for the one before are tried again."""
    _ROUND.number += 1


class Pattern:
    """One regular expression, which the whole of a text fits or does not.

    A dot takes line ends too. Raises ValueError for what is no pattern.
    """

    __slots__ = ("_compiled", "_is_simple", "_round", "_strikes", "text", "timeouts")

    def __init__(self, text: str) -> None:
        self.text = text
        self.timeouts = 0
        self._round = -1
        self._strikes = 0
        self._compiled = _compile(text)
        # With one repeat and no group there is nothing to try twice, and a limit costs more than
        # the match itself.
        self._is_simple = "(" not in text and sum(char in _REPEATING for char in text) <= 1

    def fits(self, text: str) -> bool:
        if self._is_simple:
            return self._compiled.fullmatch(text) is not None
        return self._is_tried() and self._try(self._compiled.fullmatch, text)

    def finds(self, text: str) -> bool:
        """Whether any part of the text fits, as JSON Schema means its patterns."""
        return self._is_tried() and self._try(self._compiled.search, text)

    def _is_tried(self) -> bool:
        return self._strikes < MAX_TIMEOUTS or self._round != _ROUND.number

    def _try(self, search: Callable[..., object], text: str) -> bool:
        try:
            return search(text, timeout=TIMEOUT_S) is not None
        except (TimeoutError, MemoryError, RecursionError):
            self._count()
            return False

    def _count(self) -> None:
        if self._round != _ROUND.number:
            self._round, self._strikes = _ROUND.number, 0
        self._strikes += 1
        self.timeouts += 1
        if self.timeouts == 1:  # once each: the log must not grow with the run
            message = "the pattern %r took too long and counts as not matching"
            logging.getLogger(__name__).warning(message, self.text[:80])


def _compile(text: str) -> regex.Pattern[str]:
    if len(text) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern has up to {MAX_PATTERN_CHARS:,} characters")
    if _repeats(text) > MAX_REPEATS:
        raise ValueError(f"the counts in braces may multiply to {MAX_REPEATS:,} at most")
    # Only definitions with patterns wait for the library, which takes a while to import.
    import regex

    try:
        return regex.compile(text, regex.DOTALL)
    except (RecursionError, MemoryError):
        raise ValueError("this pattern is too large; write a shorter one") from None
    except (regex.error, ValueError, OverflowError, IndexError) as error:
        raise ValueError(f"this is no regular expression: {str(error)[:100]}") from error


def _repeats(text: str) -> int:
    """What the pattern's counts make of it: those of groups multiply the rest."""
    groups: list[int] = []
    others = [1]
    for closing, low, high in _COUNT.findall(text):
        # Only the first digits: a count of a thousand digits is too large in any case.
        count = max(int(low[:9] or 0), int(high[:9] or 0), 1)
        (groups if closing else others).append(count)
    return prod(groups) * sum(others)
