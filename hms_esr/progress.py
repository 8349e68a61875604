"""A bar with rate and time left while a log is read: on a terminal, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from hms_esr.voice import Voice

OnProgress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are; 0 where nobody knows."""


@contextmanager
def show_progress(what: str, console: Console | None = None) -> Iterator[OnProgress | None]:
    """Something to call while bytes are read; None where nobody looks at a terminal.

    The bar is on standard error, so that what is piped out stays clean, and it is gone afterwards.
    """
    console = console or Console(file=cast(TextIO, Voice(sys.stderr)))
    if not console.is_terminal or console.is_dumb_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield advance
