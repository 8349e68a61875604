"""How soon a worker that died is started again: at once, but not again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

REMEMBERED_S: Final = 60.0
FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 10.0


def restart_delay_s(deaths_s: Sequence[float], now_s: float) -> float:
    """Seconds until the next start, twice as long for every death of the last minute but one.

    deaths_s: when this worker died, monotonic, the newest last.
    """
    recent = sum(1 for death_s in deaths_s if now_s - death_s < REMEMBERED_S)
    if recent <= 1:
        return 0.0
    return min(FIRST_DELAY_S * 2.0 ** min(recent - 2, 32), LONGEST_DELAY_S)
