"""Regular expressions that end: a pattern that explodes does not match, and says so once.

Floor 1. The limit is a time, since nothing else bounds every pattern; one in ordinary use never
comes near it.
"""

from __future__ import annotations

import logging
import re
from math import prod
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import regex

TIMEOUT_S: Final = 0.02
MAX_PATTERN_CHARS: Final = 1_000
MAX_REPEATS: Final = 10_000
"""What the counts of a pattern may multiply to: `(a{1000}){1000}` fills memory when compiled."""

_COUNT: Final = re.compile(r"(\)?)\{(\d*),?(\d*)\}")
_REPEATING: Final = frozenset("*+?{")


class Pattern:
    """One regular expression, which the whole of a text fits or does not.

    A dot takes line ends too. Raises ValueError for what is no pattern.
    """

    __slots__ = ("_compiled", "_is_simple", "text", "timeouts")

    def __init__(self, text: str) -> None:
        self.text = text
        self.timeouts = 0
        self._compiled = _compile(text)
        # With one repeat and no group there is nothing to try twice, and a limit costs more than
        # the match itself.
        self._is_simple = "(" not in text and sum(char in _REPEATING for char in text) <= 1

    def fits(self, text: str) -> bool:
        if self._is_simple:
            return self._compiled.fullmatch(text) is not None
        try:
            return self._compiled.fullmatch(text, timeout=TIMEOUT_S) is not None
        except (TimeoutError, MemoryError, RecursionError):
            self._count()
            return False

    def finds(self, text: str) -> bool:
        """Whether any part of the text fits, as JSON Schema means its patterns."""
        try:
            return self._compiled.search(text, timeout=TIMEOUT_S) is not None
        except (TimeoutError, MemoryError, RecursionError):
            self._count()
            return False

    def _count(self) -> None:
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
