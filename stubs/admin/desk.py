"""What the admin API needs of the gateway behind it. Floor 1, protocols only; `gateway.py` is one.

Read next: `app.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from stubs.admin.counts import Counts
from stubs.clock import Anchor, RecordedClock
from stubs.faults.fault import Fault
from stubs.journal import Journal
from stubs.service import Service


class Timetable(Protocol):
    """The faults of the gateway: `faults/chaos.py`."""

    @property
    def faults(self) -> Sequence[Fault]: ...

    def add(self, fault: Fault) -> object:
        """Raises ValueError when it cannot stand beside the others."""

    def remove(self, fault_id: str) -> bool:
        """Whether there was one."""

    def clear(self) -> None: ...

    def list(self) -> list[dict[str, Any]]:
        """A row a fault: its id, kind, target, state and when it ends."""


class Desk(Protocol):
    """The gateway, as somebody who works at its desk sees it."""

    @property
    def counts(self) -> Counts: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def chaos(self) -> Timetable: ...

    @property
    def clock(self) -> RecordedClock: ...

    def services(self) -> Sequence[Service]:
        """What is served now."""

    def config(self) -> Mapping[str, Any]:
        """What this gateway runs with, as JSON values. Secrets are masked by whoever shows it."""

    def follow(self, anchor: Anchor) -> None:
        """Recorded time goes on from another anchor, for whoever lives by it."""

    def renumber(self) -> None:
        """Requests that nobody numbers get the numbers of a new gateway again."""

    async def reload(self) -> Mapping[str, Any]:
        """Read the definitions again; what is served then, as JSON values.

        Raises EsrError when they are broken; what was served before then stays.
        """


@runtime_checkable
class Forgetful(Protocol):
    """A store that can also forget a single entry."""

    def remove(self, key: str) -> bool:
        """Forget one entry; whether there was one."""
