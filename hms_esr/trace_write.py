"""`esr trace cut`, `merge`, `anonymise`, `export`: a log in, a file out, and what became of it all.

Read next: `trace_out.py` (a file appears whole or not at all), `replay/writing/trace_writer.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from hms_esr.commands import Output, here
from hms_esr.exits import PASS, UsageError
from hms_esr.leak_words import choose_way_out, refuse
from hms_esr.options import Cut, Reading
from hms_esr.plain import to_shown
from hms_esr.progress import show_progress
from hms_esr.scratch import make_scratch, no_room
from hms_esr.trace_out import (
    STDOUT,
    ByteSink,
    choose_out,
    is_stream,
    open_out,
    refuse_overwriting,
)
from hms_esr.trace_reading import HowToRead, Sources, choose_reading, find_sources
from hms_esr.trace_words import describe_account
from replay.account import Account, Tally, account_to_json
from replay.exports.gor import GorWriter
from replay.exports.har import HarWriter
from replay.exports.ops import OpsWriter
from replay.exports.vegeta import VegetaWriter
from replay.gate.findings import Findings
from replay.gate.scanner import Scanner
from replay.readers.files import find_files
from replay.writing.trace_writer import EventWriter, transcribe
from switchboard.errors import LeakError

SCHEMA: Final = "esr.trace/1"
VEGETA: Final = "vegeta"
TIMES: Final = ".times"
"""Vegeta's targets have no time: it goes into a file beside them."""
NO_PLACE_FOR_TIMES: Final = (
    "vegeta's targets have no times, and there is no file for them to lie beside: they are not kept"
)
WRITERS: Final[dict[str, Callable[[ByteSink], EventWriter]]] = {
    "ops": OpsWriter,
    "har": HarWriter,
    "gor": GorWriter,
    VEGETA: VegetaWriter,
}


def cut_command(
    sources: Sequence[str], reading: Reading, cut: Cut, *, out: str, json_file: str | None
) -> int:
    """Write the part that is asked for. Raises EsrError."""
    how = choose_reading(reading, os.environ, here(), cut=cut, gate=False)
    return write_events("ops", sources, how, out, json_file)


def merge_command(
    sources: Sequence[str], reading: Reading, *, out: str, json_file: str | None
) -> int:
    """Write several logs as one, in order of time. Raises EsrError."""
    how = choose_reading(reading, os.environ, here(), gate=False)
    return write_events("ops", sources, how, out, json_file, drop_twins=True)


def anonymise_command(
    sources: Sequence[str], reading: Reading, *, out: str, json_file: str | None
) -> int:
    """Write the log with pseudonyms; what the policy left in it is refused. Raises EsrError."""
    how = choose_reading(reading, os.environ, here())
    way_out = choose_way_out(sys.argv, how.treatment)
    return write_events("ops", sources, how, out, json_file, way_out=way_out)


def export_command(
    sources: Sequence[str], reading: Reading, *, to: str, out: str, json_file: str | None
) -> int:
    """Write the log in another format, in order of time. Raises EsrError."""
    if to not in WRITERS:
        raise UsageError(f"--to: {to[:80]!a} is no format to write; there are {', '.join(WRITERS)}")
    how = choose_reading(reading, os.environ, here())
    way_out = choose_way_out(sys.argv, how.treatment)
    return write_events(to, sources, how, out, json_file, way_out=way_out)


def write_events(
    to: str,
    sources: Sequence[str],
    how: HowToRead,
    out: str,
    json_file: str | None,
    *,
    way_out: str = "",
    drop_twins: bool = False,
    seed: int = 0,
) -> int:
    """Write, and say what became of every entry: not where the events themselves are printed."""
    out = choose_out(out)
    if out == STDOUT and json_file == STDOUT:
        raise UsageError("--out - and --json - cannot both have standard output: name a file")
    found = find_sources(sources, os.environ, here())
    refuse_overwriting(json_file, (*found.files, *([] if is_stream(out) else [Path(out)])))
    said = Output(json_file, is_quiet=out == STDOUT)
    tally = Tally()
    if to == VEGETA and is_stream(out):
        tally.note(NO_PLACE_FOR_TIMES)
    with ExitStack() as stack:
        writer = open_writer(to, out, stack)
        account = write_trace(
            found, writer, how, stack, tally=tally, way_out=way_out, drop_twins=drop_twins,
            seed=seed,
        )  # fmt: skip
    print_written(said.console, account)
    said.write(describe_written(account, out))
    said.check_heard()
    return PASS


def print_written(console: Console, account: Account) -> None:
    """What became of every entry, and what a person should know of it."""
    lines = (describe_account(account_to_json(account)), *(f"note  {n}" for n in account.notes))
    for line in lines:
        console.print(Text(to_shown(line)), soft_wrap=True)


def open_writer(to: str, out: str, stack: ExitStack) -> EventWriter:
    """What writes that format; the file appears when the stack closes, unless something failed."""
    times = None
    if to == VEGETA and not is_stream(out):
        times = stack.enter_context(open_out(f"{out}{TIMES}"))
    sink = stack.enter_context(open_out(out))
    return VegetaWriter(sink, times) if to == VEGETA else WRITERS[to](sink)


def write_trace(
    sources: Sources,
    writer: EventWriter,
    how: HowToRead,
    stack: ExitStack,
    *,
    tally: Tally | None = None,
    way_out: str = "",
    drop_twins: bool = False,
    seed: int = 0,
    in_order: bool = True,
    most: int | None = None,
) -> Account:
    """Everything that the sources hold, through the treatment, in order of time.

    Raises TraceError, LeakError with the way out, ScratchError when there is no room to sort.
    """
    findings = Findings()
    scratch = make_scratch("esr-sort-", stack)
    treatment, judge = how.treatment, None
    if treatment.gate:
        # A file keeps more than a tape, answers among it: the gate looks at what is written.
        judge = Scanner(Tally(), findings, treatment.allowed).look
        treatment = replace(treatment, gate=False)
    try:
        with no_room("what is being sorted", scratch), show_progress("reading") as on_progress:
            return transcribe(
                find_files(sources.files, were_found=sources.were_found),
                writer,
                format=how.format,
                chain=treatment.build,
                findings=findings,
                judge=judge,
                allowed=treatment.allowed,
                in_order=in_order,
                tally=tally,
                seed=seed,
                drop_twins=drop_twins,
                keeps_credentials=treatment.anonymise is not None,
                most=most,
                folder=scratch,
                on_progress=on_progress,
            )
    except LeakError:
        raise refuse(findings, "nothing is written", way_out) from None


def describe_written(account: Account, out: str) -> dict[str, Any]:
    """The account as `--json` gives it."""
    written = None if out == STDOUT else str(Path(out))
    return {"schema": SCHEMA, "out": written, **account_to_json(account)}
