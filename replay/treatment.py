"""What is done to every event between its reader and where it ends: a tape, or a file.

The order matters. Keys of sessions come first, since all that follows may ask who somebody is.
Filters spare the rest the work. Links see what was really said. The anonymiser replaces it, and the
leak gate judges what is left, which is what will be kept.
Read next: `readers/through.py` (what a link of the chain is), then each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from replay.account import Tally
from replay.readers.entry import Sink

if TYPE_CHECKING:
    from replay.anonymise.anonymiser import Anonymise
    from replay.filters import Filters
    from replay.gate.findings import Findings
    from replay.session_keys import SessionKey


class End(Sink, Protocol):
    """Where events end up."""

    @property
    def file(self) -> str:
        """The name of the file that is being read."""

    @property
    def rows(self) -> int:
        """How many events it has taken."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done; plain data, so that worker processes can be told.

    links: values of answers that come back are looked for; only a tape keeps them.
    """

    session_key: SessionKey | None = None
    filters: Filters | None = None
    links: bool = False
    anonymise: Anonymise | None = None
    gate: bool = True
    allowed: frozenset[str] = frozenset()
    """Kinds of findings that the gate lets through, on the record."""

    @property
    def in_order(self) -> bool:
        """It has to see the trace from front to end."""
        return self.filters is not None and self.filters.counts_from_first

    def build(self, end: End, tally: Tally, findings: Findings) -> Sink:
        """The first sink of the chain; what is not asked for is not in it."""
        sink: Sink = end
        # Imported where they are asked for: a plain log needs none of them.
        if self.gate:
            from replay.gate.leak_gate import LeakGate

            sink = LeakGate(sink, findings, self.allowed, lambda: end.file)
        if self.anonymise is not None:
            from replay.anonymise.anonymiser import Anonymiser

            sink = Anonymiser(sink, self.anonymise)
        if self.links:
            from replay.linking.links import LinkedRows, Links

            assert isinstance(end, LinkedRows)
            sink = Links(sink, end)
        if self.filters is not None and not self.filters.is_empty:
            from replay.filters import Filtered

            sink = Filtered(sink, self.filters, tally)
        if self.session_key is not None:
            from replay.session_keys import SessionKeys

            sink = SessionKeys(sink, self.session_key, tally)
        return sink
