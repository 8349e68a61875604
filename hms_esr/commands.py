"""What each command does, once its arguments are read: prepare, run or read, print, answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO, cast

import orjson
from rich.console import Console

from hms_esr.exits import PASS, UsageError
from hms_esr.options import RunOptions
from hms_esr.voice import Voice, say, turn_away

STDOUT = "-"
DEFAULT_WIDTH = 80


class Output:
    """Words for people, and `--json`: a file, or standard output, which then holds only JSON."""

    def __init__(self, json_target: str | None, *, is_quiet: bool = False) -> None:
        """is_quiet: standard output is taken by something else."""
        self._target = json_target
        if json_target == STDOUT and sys.stdout is None:
            raise UsageError("--json - needs standard output, which is closed: name a file instead")
        if json_target is not None and json_target != STDOUT:
            _check_writable(json_target)
        self.voice = Voice(sys.stderr if is_quiet or json_target == STDOUT else sys.stdout)
        self.console = Console(file=cast(TextIO, self.voice))
        if self.console.width < 1:  # COLUMNS=0 means that nobody knows, not that nothing fits
            self.console.width = DEFAULT_WIDTH

    def write(self, value: Mapping[str, Any]) -> None:
        """Raises UsageError when what was asked for cannot be written."""
        if self._target is None:
            return
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            self._write(text)
        except BrokenPipeError:
            turn_away(sys.stdout)  # its reader has what it wanted
        except OSError as error:
            if self._target == STDOUT:
                turn_away(sys.stdout)
            reason = error.strerror or error
            raise UsageError(f"--json {self._target} cannot be written: {reason}") from error

    def _write(self, text: bytes) -> None:
        if self._target == STDOUT:
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        elif self._target is not None:
            Path(self._target).write_bytes(text)

    def check_heard(self) -> None:
        """Raises UsageError when a person was told something that did not arrive."""
        if self.voice.complaint is not None:
            raise UsageError(f"the output cannot be written: {self.voice.complaint}")


def _check_writable(name: str) -> None:
    """A run must not end with nowhere to write what it was asked to write."""
    path = Path(name)
    if path.is_dir():
        raise UsageError(f"--json {path} is a folder: name a file, or - for standard output")
    if not path.parent.is_dir():
        raise UsageError(f"--json {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"--json {path} cannot be written: choose a file that can")


def here() -> Path:
    """The working directory. Raises UsageError when somebody removed it."""
    try:
        return Path.cwd()
    except OSError as error:
        reason = error.strerror or error
        message = f"the working directory cannot be used ({reason}): change to another"
        raise UsageError(message) from error


def replay_command(options: RunOptions, *, json_file: str | None, serve: str | None) -> int:
    """Play a scenario; the exit code says how it went."""
    from hms_esr.preparation import prepare
    from hms_esr.runner import play
    from hms_esr.serving import parse_serve

    out = Output(json_file)
    _spare_the_log(options, json_file)
    address = parse_serve(serve, os.environ) if serve is not None else None
    with ExitStack() as stack:
        prep = prepare(options, os.environ, here(), stack)
        result = play(prep, out.console, address, stack)
    if out.voice.complaint is not None:
        # Nobody asked for the words as such: the run folder has everything, the code its verdict.
        say(f"the output could not be written ({out.voice.complaint}); see {result.folder}")
    out.write(result.card)
    return result.exit_code


def _spare_the_log(options: RunOptions, json_file: str | None) -> None:
    """Raises UsageError when the result would be written over what is to be played."""
    if json_file not in (None, STDOUT):
        from hms_esr.trace_out import refuse_overwriting

        refuse_overwriting(json_file, [Path(options.scenario)])


def plan_command(options: RunOptions, *, json_file: str | None) -> int:
    """Say what a replay would do."""
    from hms_esr.flight_plan import describe_plan
    from hms_esr.preparation import prepare
    from hms_esr.reports import print_plan

    out = Output(json_file)
    _spare_the_log(options, json_file)
    with ExitStack() as stack:
        described = describe_plan(prepare(options, os.environ, here(), stack))
    print_plan(out.console, described)
    out.write(described)
    out.check_heard()
    return PASS


def runs_command(*, json_file: str | None) -> int:
    """List the runs."""
    from hms_esr.reports import print_runs
    from hms_esr.run_folder import runs_folder
    from hms_esr.runs import list_runs

    out = Output(json_file)
    folder = runs_folder(os.environ, here())
    found = list_runs(folder)
    print_runs(out.console, found, folder)
    out.write({"runs": [run.to_json() for run in found]})
    out.check_heard()
    return PASS


def show_command(run: str, *, json_file: str | None) -> int:
    """Show one run; a killed one is made readable first."""
    from hms_esr.reports import print_run
    from hms_esr.run_folder import runs_folder
    from hms_esr.runs import show_run

    out = Output(json_file)
    shown = show_run(runs_folder(os.environ, here()), run)
    print_run(out.console, shown)
    out.write(shown.to_json())
    out.check_heard()
    return PASS
