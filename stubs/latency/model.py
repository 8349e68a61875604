"""What a latency model is: a seeded draw, and for some the moment, turned into a wait.

Most models are quantile functions: they map a draw in [0, 1) to seconds, so the same request of
the same seed is always equally slow, whatever the timing. A few ask for the moment as well: the
hour of the day, the requests before this one. Every model passes the one contract in
`tests/stubs/latency/test_contract.py`. Floor 1, pure. Read next: `no_delay.py`, then any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeGuard, runtime_checkable

MAX_MS: Final = 24 * 3_600_000.0
"""A day. A longer wait is a mistake, and an endless one would never free its connection."""
MAX_S: Final = MAX_MS / 1000

LAST_U: Final = 1 - 2**-20
"""Some tails have no end; draws beyond one in a million are as long as that one."""


class LatencyModel(Protocol):
    """Anything that turns a draw into a wait."""

    def sample_s(self, u: float) -> float:
        """Seconds for a draw u in [0, 1): finite, never negative, never falling as u grows."""


@dataclass(slots=True)  # one may be made for each request, and frozen ones take three times as long
class Moment:
    """When a request is answered, for the models that care.

    day_s: seconds into the recorded day, UTC.   arrival_s: when the request was planned to arrive,
    in wall seconds since the run's start; for one that nobody planned, when it came.
    second: a draw in [0, 1) of its own, for a model that needs two.
    is_full: set by a queue that has no room for the request, which is then refused at once (503).
    """

    day_s: float = 0.0
    arrival_s: float = 0.0
    second: float = 0.5
    is_full: bool = False


@runtime_checkable
class MomentModel(Protocol):
    """Anything that needs to know when it is asked, besides a draw."""

    def wait_s(self, u: float, moment: Moment) -> float:
        """Seconds for a draw u in [0, 1) at this moment: finite, never negative."""


AnyModel: TypeAlias = LatencyModel | MomentModel
Wait = Callable[[float, Moment], float]


def needs_moment(model: AnyModel) -> TypeGuard[MomentModel]:
    """Whether the model asks for the moment; for the others nobody has to make one."""
    return isinstance(model, MomentModel)


def wait_of(model: AnyModel) -> Wait:
    """The model as a function of draw and moment, whichever of the two it wants."""
    if isinstance(model, MomentModel):
        return model.wait_s
    sample_s = model.sample_s
    return lambda u, _moment: sample_s(u)
