"""`esr trace head`: the first events of a log, as OPS events without credentials."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack

from hms_esr.commands import here
from hms_esr.exits import PASS
from hms_esr.options import Reading
from hms_esr.trace_out import STDOUT, choose_out, open_out
from hms_esr.trace_reading import choose_reading, find_sources
from hms_esr.trace_write import write_trace
from replay.exports.ops import OpsWriter


def head_command(sources: Sequence[str], reading: Reading, count: int) -> int:
    """Print the first `count` events. Raises EsrError."""
    env, cwd = os.environ, here()
    choose_out(STDOUT)
    how = choose_reading(reading, env, cwd, gate=False)
    with ExitStack() as stack:
        writer = OpsWriter(stack.enter_context(open_out(STDOUT)))
        found = find_sources(sources, env, cwd)
        write_trace(found, writer, how, stack, in_order=False, most=count)
    return PASS
