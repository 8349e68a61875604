"""The services that come with the product, for whoever answers without a gateway's process.

Read next: `definitions_files.py`, which reads them and a user's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hms_esr.definitions_files import ServiceFiles
from stubs.clock import RecordedClock
from stubs.records import record_nothing
from stubs.service import Service, Surroundings


def bundled_services(
    seed: int = 0, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> Sequence[Service]:
    """Each with a memory of its own, that of nobody else; no ledger is kept.

    settings: what a service is told, by its name. Raises DefinitionsError when they are wrong.
    """
    clock = RecordedClock()
    told = settings or {}
    return ServiceFiles().load(
        lambda name: Surroundings(seed, clock, record_nothing, told.get(name, {}))
    )
