"""Faults being written: a `chaos` list that is sound whenever one is added. Floor 1, pure.

A definition says what a service answers when it is well; how it breaks is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.faults.reader import parse_faults
from stubs.importers.report import Item, NotTakenError
from switchboard.errors import ScenarioError

MAX_FAULTS: Final = 200


class FaultList:
    """The faults of one file."""

    def __init__(self) -> None:
        self._listed: list[dict[str, Any]] = []

    @property
    def listed(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._listed)

    @property
    def ids(self) -> list[str]:
        return [str(fault["id"]) for fault in self._listed]

    def put(self, fault: Mapping[str, Any]) -> None:
        """Add a whole fault. Raises NotTakenError when it is none, or contradicts another one."""
        if len(self._listed) >= MAX_FAULTS:
            raise NotTakenError(f"more than {MAX_FAULTS} faults are too many")
        wanted = [*self._listed, dict(fault)]
        try:
            parse_faults(wanted, source="the faults", line_of=lambda _: None)
        except ScenarioError as error:
            raise NotTakenError(f"its fault cannot be played: {error.faults[-1].message}") from None
        self._listed = wanted

    def end(self, fault_id: str, for_text: str) -> None:
        """Say how long a fault lasts."""
        for fault in self._listed:
            if fault["id"] == fault_id:
                fault["for"] = for_text

    def add_to_route(
        self, fault: Mapping[str, Any], service: str, route: Mapping[str, Any], item: Item
    ) -> None:
        """A fault on the requests of a route, from the beginning to the end."""
        target = {"service": service, "method": route["method"]}
        if route["method"] == "ANY":
            del target["method"]
        if "path" in route:
            target["route"] = route["path"]
        name = f"{service}_{fault['kind']}_{len(self._listed) + 1}"
        try:
            self.put({"id": name, **fault, "target": target,
                      "reason": "imported with its route"})  # fmt: skip
        except NotTakenError as error:
            item.approximate(f"its fault is left out: {error}")
            return
        item.approximate("its fault is in the `chaos` list beside the definitions")
        if route.get("when") or "path" not in route:
            item.approximate("its fault takes more requests than the route: see its target")
