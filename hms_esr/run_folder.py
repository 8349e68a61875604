"""Where a run leaves its files, and how others learn whether it still lives.

`.esr/runs/RUN-<time>-<random>/` under the working directory, or under `$ESR_HOME`. The parent
holds a lock on the folder's `lock` file as long as it lives, so a run whose state is not final and
whose lock is free was killed: no process table is asked and no number can be reused.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from hms_esr.plain import require_plain
from switchboard.errors import EsrError


class HomeError(EsrError):
    """`$ESR_HOME` names no folder."""


FINAL_STATES = frozenset({"done", "failed", "aborted"})


def home_folder(env: Mapping[str, str], cwd: Path) -> Path:
    """Where runs and tapes are kept: `$ESR_HOME`, else `.esr` in the working directory.

    Raises EsrError when that has no usable name.
    """
    home = env.get("ESR_HOME") or ".esr"
    try:
        return require_plain(cwd / Path(home).expanduser(), "the folder of runs")
    except RuntimeError as error:
        raise HomeError(
            f"ESR_HOME={home} cannot be understood: {str(error).rstrip('.')}; write the whole path"
        ) from error


def runs_folder(env: Mapping[str, str], cwd: Path) -> Path:
    """The folder that holds one folder a run."""
    return home_folder(env, cwd) / "runs"


def new_run_id(now: datetime) -> str:
    """`RUN-20200315-093000-1f3a`: sorts by time, and two in one second do not clash."""
    return f"RUN-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


@dataclass(slots=True)
class RunLock:
    """The parent's hold on its run folder. Use as a context manager."""

    file: IO[bytes]

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Lock `folder` for this process. Raises OSError, also when another process has it."""
        file = (folder / "lock").open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
        return cls(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()


def is_alive(folder: Path) -> bool:
    """Whether the process that runs `folder` still lives."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def state_of(folder: Path, recorded: str | None) -> str:
    """The state a person should be told: what was recorded, unless its process is gone."""
    if recorded in FINAL_STATES or is_alive(folder):
        return recorded or "starting"
    return "aborted"
