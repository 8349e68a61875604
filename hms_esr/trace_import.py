"""`esr trace import` and `esr tape build`: a log of any format, as OPS events or as a tape."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from hms_esr.commands import Output, here
from hms_esr.exits import PASS, UsageError
from hms_esr.leak_words import choose_way_out
from hms_esr.options import Reading
from hms_esr.plain import require_plain, to_shown
from hms_esr.tapes import Recipe, build_at
from hms_esr.terminal import plural
from hms_esr.trace_out import refuse_overwriting
from hms_esr.trace_reading import choose_reading, find_sources
from hms_esr.trace_words import describe_account
from hms_esr.trace_write import SCHEMA, write_events
from replay.account import account_to_json
from replay.tape import TapeInfo
from scorecard.files import explain


def import_command(
    sources: Sequence[str],
    reading: Reading,
    *,
    out: str | None,
    tape: str | None,
    seed: int,
    json_file: str | None,
) -> int:
    """Write events to `out`, or a tape at `tape`. Raises EsrError."""
    if (out is None) == (tape is None):
        raise UsageError("name one place to write to: --out FILE for events, or --tape FOLDER")
    if tape is not None:
        return _build(sources, reading, tape, seed, json_file)
    if reading.workers > 1:
        raise UsageError("--workers is for --tape: one process writes the events of --out")
    how = choose_reading(reading, os.environ, here())
    way_out = choose_way_out(sys.argv, how.treatment)
    return write_events("ops", sources, how, out or "-", json_file, way_out=way_out, seed=seed)


def _build(
    sources: Sequence[str],
    reading: Reading,
    tape: str,
    seed: int,
    json_file: str | None,
) -> int:
    env, cwd = os.environ, here()
    folder = require_plain(Path(tape), "the tape")
    how = choose_reading(reading, env, cwd, links=True)
    way_out = choose_way_out(sys.argv, how.treatment)
    found = find_sources(sources, env, cwd)
    refuse_overwriting(json_file, found.files)
    said = Output(json_file)
    recipe = Recipe(found, how, seed, way_out)
    try:
        info = build_at(cwd / folder, recipe)
    except OSError as error:
        raise UsageError(f"the tape {folder} cannot be written: {explain(error)}") from error
    print_built(said.console, info, folder)
    said.write(describe_built(info, folder))
    said.check_heard()
    return PASS


def print_built(console: Console, info: TapeInfo, folder: Path) -> None:
    """What the tape holds, and where it is."""
    lines = (
        describe_account(account_to_json(info.account)),
        f"{info.requests:,} {plural('request', info.requests)} of {info.users:,} "
        f"{plural('user', info.users)}, {info.links:,} {plural('link', info.links)}; "
        f"{info.anonymiser}",
        f"tape  {folder}",
    )
    for line in lines:
        console.print(Text(to_shown(line)), soft_wrap=True)


def describe_built(info: TapeInfo, folder: Path) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "schema": SCHEMA,
        "tape": str(folder),
        "digest": info.digest,
        "requests": info.requests,
        "users": info.users,
        "sessions": info.sessions,
        "links": info.links,
        "anonymiser": info.anonymiser,
        **account_to_json(info.account),
    }
