"""Where a live run's stub gateway takes orders: `control.json` in the run folder.

Only its owner can read the file, and it goes when the run does; what a killed run left behind is
told apart by the run's lock. Read next: `chaos_command.py`, which looks here.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hms_esr.run_folder import is_alive
from switchboard.errors import EsrError

CONTROL_FILE: Final = "control.json"


class NotLiveError(EsrError):
    """The run is over, or takes no orders."""


@dataclass(frozen=True, slots=True)
class Control:
    """The admin API of a live run. The token is never shown."""

    url: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Control(url={self.url!r})"


def write_control(folder: Path, url: str, token: str | None) -> None:
    """Say where orders are taken. A folder that cannot be written takes none."""
    path = folder / CONTROL_FILE
    with suppress(OSError):
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as file:  # noqa: PTH123  # a descriptor has no path
            json.dump({"admin": url, "token": token}, file)


def remove_control(folder: Path) -> None:
    """The run is over."""
    with suppress(OSError):
        (folder / CONTROL_FILE).unlink(missing_ok=True)


def read_control(folder: Path) -> Control:
    """Raises NotLiveError with the sentence for the user."""
    name = folder.name
    if not is_alive(folder):
        raise NotLiveError(f"{name} is over: faults can be injected into a run that is under way")
    try:
        value = json.loads((folder / CONTROL_FILE).read_text())
        url, token = value["admin"], value.get("token")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise NotLiveError(
            f"{name} takes no orders: only runs against the embedded stubs do, once they send"
        ) from None
    return Control(str(url), None if token is None else str(token))
