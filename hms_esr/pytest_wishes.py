"""What a test asks of its stub gateway: a seed, definitions, latencies, settings, a first moment.

Read next: `pytest_stubs.py`, which starts a gateway for each different wish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stubs.config import GatewayConfig
from switchboard.errors import EsrError
from switchboard.fault_reader import kind_of, nearest

WISHES: Final = ("definitions", "seed", "latency", "settings", "services", "start")
QUIET: Final[Mapping[str, Mapping[str, Any]]] = {
    "ach": {"unavailable": 0, "returns": {}},
    "act": {"fail": 0},
}
"""In a test nothing goes wrong that nobody asked for."""


class WishError(EsrError):
    """A test asks for a gateway that cannot be."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a test's gateway is like. start_ms: recorded time begins then; None is now."""

    seed: int = 0
    definitions: tuple[str, ...] = ()
    latency: str | Mapping[str, Any] = "none"
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    services: tuple[str, ...] | None = None
    start_ms: float | None = None

    def config(self) -> GatewayConfig:
        """Raises WishError."""
        latencies: Mapping[str, Any]
        if isinstance(self.latency, Mapping):
            latencies = {"*": "none", **self.latency}
        elif self.latency in ("none", "defined"):
            latencies = {"*": "none"} if self.latency == "none" else {}
        else:
            raise WishError(
                f"latency must be `none`, `defined` or a mapping such as {{'ach': 80}}, "
                f"not {self.latency!r:.60}"
            )
        return GatewayConfig(
            seed=self.seed,
            services=self.services,
            definitions=self.definitions,
            settings={**QUIET, **self.settings},
            latencies=latencies,
        )


def read_wish(marked: Mapping[str, Any], folder: Path, usual: Wish) -> Wish:
    """What a marker says, else the usual. folder: where its relative paths begin.

    Raises WishError.
    """
    for key in marked:
        if key not in WISHES:
            raise WishError(f"the marker does not know {key!r}; {nearest(key, WISHES)}")
    seed = marked.get("seed", usual.seed)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise WishError(f"seed must be a whole number, not {kind_of(seed)}")
    definitions = usual.definitions
    if "definitions" in marked:
        definitions = tuple(str(folder / each) for each in _listed(marked["definitions"]))
    settings = marked.get("settings", usual.settings)
    if not isinstance(settings, Mapping):
        raise WishError("settings must be a mapping such as {'hitl': {'skip': True}}")
    services = marked.get("services", usual.services)
    return Wish(
        seed,
        definitions,
        marked.get("latency", usual.latency),
        settings,
        None if services is None else tuple(map(str, _listed(services))),
        _parse_start(marked["start"]) if "start" in marked else usual.start_ms,
    )


def _listed(value: object) -> Sequence[Any]:
    """A list of one for what is no list."""
    return value if isinstance(value, list | tuple) else [value]


def _parse_start(value: object) -> float:
    """Unix milliseconds of an ISO date and time; UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(moment, datetime):
            raise ValueError("not a moment")
    except ValueError:
        hint = "a date and time such as 2026-11-23T09:00:00-05:00"
        raise WishError(f"start must be {hint}, not {value!r:.60}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
