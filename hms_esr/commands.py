"""What each command does, once its arguments are read: prepare, run or read, print, answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from hms_esr.exits import PASS
from hms_esr.options import RunOptions
from hms_esr.preparation import UsageError

STDOUT = "-"
PIPED_WIDTH = 110


class JsonOut:
    """Where `--json` goes: a file, or standard output, which then holds nothing but JSON."""

    def __init__(self, target: str | None) -> None:
        self._target = target
        if target is not None and target != STDOUT:
            _check_writable(Path(target))

    @property
    def console(self) -> Console:
        """Where words for people go."""
        console = Console(stderr=self._target == STDOUT)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            # Nobody's window is 80 columns wide behind a pipe.
            console.width = PIPED_WIDTH
        return console

    def write(self, value: Mapping[str, Any]) -> None:
        """Raises OSError when the file cannot be written."""
        if self._target is None:
            return
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        if self._target == STDOUT:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        else:
            Path(self._target).write_bytes(text)


def _check_writable(path: Path) -> None:
    """A run must not end with nowhere to write what it was asked to write."""
    if path.is_dir():
        raise UsageError(f"--json {path} is a folder: name a file, or - for standard output")
    if not path.parent.is_dir():
        raise UsageError(f"--json {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--json {path} cannot be written: choose a file that can")


def replay_command(options: RunOptions, *, json_file: str | None, serve: str | None) -> int:
    """Play a scenario; the exit code says how it went."""
    from hms_esr.preparation import prepare
    from hms_esr.runner import play
    from hms_esr.serving import parse_serve

    out = JsonOut(json_file)
    address = parse_serve(serve, os.environ) if serve else None
    with ExitStack() as stack:
        prep = prepare(options, os.environ, Path.cwd(), stack)
        result = play(prep, out.console, address, stack)
    out.write(result.card)
    return result.exit_code


def plan_command(options: RunOptions, *, json_file: str | None) -> int:
    """Say what a replay would do."""
    from hms_esr.flight_plan import describe_plan
    from hms_esr.preparation import prepare
    from hms_esr.reports import print_plan

    out = JsonOut(json_file)
    with ExitStack() as stack:
        described = describe_plan(prepare(options, os.environ, Path.cwd(), stack))
    print_plan(out.console, described)
    out.write(described)
    return PASS


def runs_command(*, json_file: str | None) -> int:
    """List the runs."""
    from hms_esr.reports import print_runs
    from hms_esr.run_folder import runs_folder
    from hms_esr.runs import list_runs

    out = JsonOut(json_file)
    folder = runs_folder(os.environ, Path.cwd())
    found = list_runs(folder)
    print_runs(out.console, found, folder)
    out.write({"runs": [run.to_json() for run in found]})
    return PASS


def show_command(run: str, *, json_file: str | None) -> int:
    """Show one run; a killed one is made readable first."""
    from hms_esr.reports import print_run
    from hms_esr.run_folder import runs_folder
    from hms_esr.runs import show_run

    out = JsonOut(json_file)
    shown = show_run(runs_folder(os.environ, Path.cwd()), run)
    print_run(out.console, shown)
    out.write(shown.to_json())
    return PASS
