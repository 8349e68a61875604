"""What a supervisor hands its workers, and the words they exchange over the two pipes.

Orders go down as JSON lines: the job first, then `rules`, `trip`, `report` and `stop`. Frames come
up (`replay/frames.py`): `ready`, `failed`, `report`, `done` (an order was carried out), `finished`.
Secrets travel in the job and in `rules`: through a pipe, never to disk or into an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hms_esr.gateways.plain_values import from_plain_data, to_plain_data
from proxy.gateway.limits import Limits
from switchboard.rules import Pairs, Rules


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a worker needs to begin."""

    number: int
    socket_fd: int
    """A bound socket that the worker inherits."""
    rules: Rules
    secrets: Pairs = field(repr=False)
    mode_file: str
    limits: Limits
    hop: str
    """What marks a request that came back to the gateway that sent it."""
    seed: int
    session_key: str
    """Hexadecimal: names the sessions of recordings, the same in every worker."""
    tls_cert: str | None = None
    tls_key: str | None = None
    record: str | None = None
    access_log: str | None = None
    chaos: str | None = None
    """The faults that are played, as JSON text."""
    started_ns: int = 0
    """When the gateway began, by the machine's monotonic clock: recorded time starts there."""
    tripped: str | None = None
    """Why everything is refused from the start, or None."""

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        data: dict[str, Any] = to_plain_data(self)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        """The inverse of `to_json`. Raises TypeError or ValueError."""
        return from_plain_data(cls, data)


def part_of(path: Path | None, worker: int, workers: int) -> str | None:
    """The file that one worker writes: `day.ndjson` alone, else `day.w0.ndjson` and so on."""
    if path is None:
        return None
    return str(path if workers == 1 else path.with_name(f"{path.stem}.w{worker}{path.suffix}"))
