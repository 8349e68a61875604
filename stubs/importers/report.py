"""What became of each item of an imported file: kept, approximated or refused, and why.

Floor 1, pure. Nothing is dropped in silence: whoever reads a file makes an `Item` for everything
that stands in it, and says what of it is lost. Read next: `definition.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from switchboard.errors import EsrError
from switchboard.fault_reader import shown

Outcome = Literal["kept", "approximated", "refused"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("kept", "approximated", "refused")

MAX_ITEMS: Final = 5_000
"""What stands beyond that many items is refused as one."""
MAX_NOTES: Final = 12


class UnusableFileError(EsrError):
    """Nothing can be made of the whole file. `str(error)` says why, in one sentence."""


class NotTakenError(Exception):
    """This one item cannot be taken over. `str(error)` says why."""


@dataclass(slots=True)
class Item:
    """One thing in the file. `where`: its path there; `what`: how a person would call it."""

    where: str
    what: str = ""
    count: int = 1
    notes: list[str] = field(default_factory=list)
    is_refused: bool = False

    @property
    def outcome(self) -> Outcome:
        if self.is_refused:
            return "refused"
        return "approximated" if self.notes else "kept"

    def approximate(self, why: str) -> None:
        """Say what of the item is not as it was."""
        if why not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(why)

    def refuse(self, why: str) -> None:
        """The item is not taken at all."""
        self.notes = [why]
        self.is_refused = True

    def to_json(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "what": self.what,
            "outcome": self.outcome,
            "count": self.count,
            "why": list(self.notes),
        }


class LossReport:
    """Every item of one file, in the file's order."""

    def __init__(self, source: str, format_name: str) -> None:
        self.source = source
        self.format = format_name
        self.items: list[Item] = []

    @property
    def is_full(self) -> bool:
        return len(self.items) >= MAX_ITEMS

    @property
    def totals(self) -> dict[Outcome, int]:
        """How many items fared how; together they are all items."""
        totals = dict.fromkeys(OUTCOMES, 0)
        for item in self.items:
            totals[item.outcome] += item.count
        return totals

    def item(self, where: str, what: str = "", count: int = 1) -> Item:
        """A new item, kept until something else is said of it."""
        item = Item(shown(where), shown(what), count)
        self.items.append(item)
        return item

    @contextmanager
    def taking(self, where: str, what: str = "") -> Iterator[Item]:
        """An item that a NotTakenError inside refuses."""
        item = self.item(where, what)
        try:
            yield item
        except NotTakenError as error:
            item.refuse(str(error))

    def each(self, where: str, values: list[Any]) -> Iterator[tuple[str, Any]]:
        """The values with their paths, as many as are read; the rest is refused as one item."""
        for index, value in enumerate(values):
            if self.is_full:
                rest = self.item(f"{where}[{index}:]", count=len(values) - index)
                rest.refuse(f"at most {MAX_ITEMS:,} items of a file are read")
                return
            yield f"{where}[{index}]", value

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.source,
            "format": self.format,
            "items": sum(item.count for item in self.items),
            "totals": {**self.totals},
            "report": [item.to_json() for item in self.items],
        }
