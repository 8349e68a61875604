"""`esr stubs learn`: a file of latencies from a trace, with a check of each route's fit.

Read next: `latency_learning.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from hms_esr.commands import Output, here
from hms_esr.exits import PASS, UsageError
from hms_esr.latency_learning import Learned, learn_latencies
from hms_esr.options import Reading
from hms_esr.plain import hide_secrets
from hms_esr.scratch import make_scratch
from hms_esr.stubs_learn_report import print_learned
from hms_esr.tapes import Recipe, build_at
from hms_esr.trace_reading import choose_reading, is_tape, make_sources
from replay.tape import Tape
from scenarios.loader import find_scenario, lake_folder, resolve_log_path
from switchboard.errors import TraceError


def learn_command(
    tape: str, *, out: str, trace_format: str | None = None, json_file: str | None = None
) -> int:
    """Learn, write the file, and say how well each route's table fits. Raises EsrError.

    tape: the folder of a tape, a log or a scenario.   out: the file to write.
    """
    output = Output(json_file)
    with ExitStack() as stack:
        learned = learn_latencies(open_source(tape, trace_format, stack))
    if not learned.routes:
        raise TraceError(
            f"{hide_secrets(tape)} has no recorded waits, so there is nothing to learn"
        )
    write_latencies(learned, Path(out))
    print_learned(output.console, learned, out)
    output.write(report_of(learned, tape, out))
    output.check_heard()
    return PASS


def open_source(source: str, trace_format: str | None, stack: ExitStack) -> Tape:
    """The tape in a folder, or of a log or scenario; closed with the stack. Raises EsrError."""
    cwd, env = here(), os.environ
    how = choose_reading(Reading(format=trace_format), env, cwd, gate=False)
    if is_tape(cwd / source):
        return stack.enter_context(Tape.open(cwd / source))
    scenario = find_scenario(source, cwd=cwd, env=env)
    files = resolve_log_path(
        scenario.log_path,
        scenario_dir=scenario.file and scenario.file.parent,
        lake=lake_folder(env, cwd),
        cwd=cwd,
    )
    # Only waits are learned: nothing that anybody said is kept past this.
    recipe = Recipe(make_sources(files, (scenario.log_path,)), how, scenario.seed, "")
    folder = make_scratch("esr-learn-", stack) / "tape"
    build_at(folder, recipe)
    return stack.enter_context(Tape.open(folder))


def write_latencies(learned: Learned, path: Path) -> None:
    """Raises UsageError when it cannot be written."""
    data = orjson.dumps(learned.to_json(), option=orjson.OPT_APPEND_NEWLINE)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"--out {path} cannot be written: {error.strerror or error}") from error


def report_of(learned: Learned, source: str, out: str) -> Mapping[str, Any]:
    """What `--json` says: everything but the tables."""
    routes = [
        {**{key: value for key, value in route.to_json().items() if key != "latency"},
         "hours": route.hours}
        for route in learned.routes
    ]  # fmt: skip
    return {
        "source": hide_secrets(source),
        "out": out,
        "routes": routes,
        "unmeasured": learned.unmeasured,
    }
