"""How much one answer's templates may do: a budget of steps, spent by sizes. Floor 1, pure.

Steps, not seconds, so that the same template fails or does not on every machine.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Final

from stubs.definitions.error import TooCostlyError

MAX_STEPS: Final = 50_000
"""What the templates of one answer may do: a loop's turn is one step, and so are 64 characters."""
CHARS_A_STEP: Final = 64
CHARS_A_VALUE: Final = 8
"""What a value counts as besides its text, in a list that a template made."""
BYTES_A_CONTAINER_STEP: Final = 512
"""What a list or mapping holds is not known without walking through it: the body's size is."""


class Work:
    """What is left of the budget of the answer that is being made."""

    __slots__ = ("_container_steps", "left")

    def __init__(self) -> None:
        self.left = MAX_STEPS
        self._container_steps = 1

    def begin(self, body_bytes: int = 0) -> None:
        """A new answer. A list or mapping of the request may be as large as its body."""
        self.left = MAX_STEPS
        self._container_steps = 1 + body_bytes // BYTES_A_CONTAINER_STEP

    def spend(self, steps: int) -> None:
        """Raises TooCostlyError when the budget is spent."""
        self.left -= steps
        if self.left < 0:
            raise TooCostlyError(f"it does more than {MAX_STEPS:,} steps for one answer")

    def spend_chars(self, chars: int) -> None:
        self.spend(1 + chars // CHARS_A_STEP)

    def spend_built(self, value: Any) -> None:
        """Pay for a list or mapping that a template made, with all that is in it.

        The same thing may be in it many times, so that a few lines could make more than fits into
        memory; whatever walks over it later is charged for its size as for the body's.
        """
        chars, left = 0, [value]
        while left:
            each = left.pop()
            chars += CHARS_A_VALUE + (len(each) if isinstance(each, str) else 0)
            if chars > CHARS_A_STEP * self.left:
                self.spend(self.left + 1)
            if isinstance(each, dict):
                left.extend(each.values())
            elif isinstance(each, list | tuple):
                left.extend(each)
        self.spend_chars(chars)
        self._container_steps = max(self._container_steps, 1 + chars // BYTES_A_CONTAINER_STEP)

    def weigh(self, value: Any) -> None:
        """Spend what it costs to walk over a value once."""
        if isinstance(value, str):
            self.spend(1 + len(value) // CHARS_A_STEP)
        elif isinstance(value, Sized):
            self.spend(self._container_steps + len(value))
        else:
            self.spend(1)
