"""Quantiles joined by straight lines, which both kinds of table are. Floor 1, pure."""

from __future__ import annotations


def between(below: float, above: float, part: float) -> float:
    """The value `part` of the way from one point up to the next.

    Rounding may step past the end of the line; the next line starts exactly there.
    """
    return min(below + (above - below) * part, above)
