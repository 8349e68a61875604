"""`esr trace info`: what a log holds, what of it can be replayed, and what cannot and why.

The log is compiled into a tape that is thrown away, so that the figures are those of a replay.
Read next: `trace_report.py`, which prints them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hms_esr.commands import Output, here
from hms_esr.exits import PASS
from hms_esr.options import Reading
from hms_esr.progress import show_progress
from hms_esr.scratch import make_scratch, no_room
from hms_esr.trace_out import refuse_overwriting
from hms_esr.trace_reading import HowToRead, Sources, choose_reading, find_sources
from replay.account import EXACT, Account, account_to_json
from replay.building.compile import EmptyTraceError, build_tape
from replay.tape import NS_PER_S, UNKNOWN_STATUS, UNKNOWN_WAIT, Tape, rfc3339
from replay.treatment import Treatment

SCHEMA: Final = "esr.trace-info/1"
RATE_BIN_NS: Final = NS_PER_S
CHUNK: Final = 1 << 20


def info_command(sources: Sequence[str], reading: Reading, *, json_file: str | None) -> int:
    """Read the log, print and write what is in it. Raises EsrError."""
    from hms_esr.trace_report import print_info

    env, cwd = os.environ, here()
    found = find_sources(sources, env, cwd)
    refuse_overwriting(json_file, found.files)
    out = Output(json_file)
    info = read_info(choose_reading(reading, env, cwd), found)
    print_info(out.console, info)
    out.write(info)
    out.check_heard()
    return PASS


def read_info(how: HowToRead, sources: Sources) -> dict[str, Any]:
    """Everything about a log, as JSON holds it; also of one in which nothing can be used."""
    with ExitStack() as stack:
        scratch = make_scratch("esr-info-", stack)
        treatment = Treatment(session_key=how.treatment.session_key, links=True, gate=False)
        try:
            with no_room("the figures", scratch), show_progress("reading") as on_progress:
                build_tape(
                    sources.files,
                    scratch / "tape",
                    format=how.format,
                    were_found=sources.were_found,
                    on_progress=on_progress,
                    chain=treatment.build,
                    workers=how.workers,
                )
        except EmptyTraceError as error:
            return describe_empty(error.account)
        return describe_tape(stack.enter_context(Tape.open(scratch / "tape")))


def describe_tape(tape: Tape) -> dict[str, Any]:
    """What a tape says of the log that it was made of."""
    info = tape.info
    routes = _counts_of(tape.route, [route.name for route in info.routes])
    hosts = _counts_of(tape.host, list(info.hosts))
    hosts.pop("", None)
    window = _window(tape)
    return {
        **_account(info.account),
        "window": window,
        "rate": {"mean": _mean(info.requests, window["seconds"]), "peak": _busiest(tape.due_ns)},
        "sessions": info.sessions,
        "users": info.users,
        "hosts": hosts,
        "methods": _methods(tape),
        "statuses": _statuses(tape),
        "routes": routes,
        "bodies": dict(info.bodies),
        "waits": {"recorded": int(np.count_nonzero(tape.wait_us != UNKNOWN_WAIT))},
        "links": info.links,
    }


def _window(tape: Tape) -> dict[str, Any]:
    """From the first stamp to the last, as they were recorded."""
    start_ns, step_ns = tape.info.start_ns, 1
    if tape.info.account.stamps != EXACT:  # where inside their second they fall was drawn
        step_ns = NS_PER_S
    first = start_ns // step_ns * step_ns
    last = (start_ns + int(tape.due_ns[-1])) // step_ns * step_ns
    return {
        "from": rfc3339(first),
        "to": rfc3339(last),
        "seconds": round((last - first) / NS_PER_S, 6),
    }


def describe_empty(account: Account) -> dict[str, Any]:
    """The same of a log in which nothing can be used."""
    return {
        **_account(account),
        "window": {"from": None, "to": None, "seconds": 0.0},
        "rate": {"mean": None, "peak": None},
        "sessions": 0,
        "users": 0,
        "hosts": {},
        "methods": {},
        "statuses": {},
        "routes": {},
        "bodies": {"requests": 0, "bytes": 0, "largest": 0},
        "waits": {"recorded": 0},
        "links": 0,
    }


def _account(account: Account) -> dict[str, Any]:
    return {"schema": SCHEMA, **account_to_json(account)}


def _counts_of(column: npt.NDArray[Any], names: Sequence[str]) -> dict[str, int]:
    """How often each name stands in a column, the most frequent first."""
    counts = np.zeros(len(names), np.int64)
    for at in range(0, len(column), CHUNK):
        counts += np.bincount(column[at : at + CHUNK], minlength=len(names))
    order = map(int, np.argsort(-counts, kind="stable"))
    return {names[number]: int(counts[number]) for number in order if counts[number]}


def _methods(tape: Tape) -> dict[str, int]:
    """By method; routes past the limit share one that has none, and are counted as such."""
    found: dict[str, int] = {}
    by_route = _counts_of(tape.route, list(map(str, range(len(tape.info.routes)))))
    for number, count in by_route.items():
        method = tape.info.routes[int(number)].method or "(other)"
        found[method] = found.get(method, 0) + count
    return _largest_first(found)


def _statuses(tape: Tape) -> dict[str, int]:
    counts = _counts_of(tape.status, [*map(str, range(1_000))])
    unknown = counts.pop(str(UNKNOWN_STATUS), 0)
    return {**counts, **({"unknown": unknown} if unknown else {})}


def _mean(requests: int, seconds: float) -> float | None:
    return round(requests / seconds, 3) if seconds else None


def _busiest(due_ns: npt.NDArray[np.int64]) -> int:
    """The busiest second, in requests."""
    # Ascending, so equal seconds stand together and memory stays flat.
    most = held = 0
    last = -1
    for at in range(0, len(due_ns), CHUNK):
        seconds, counts = np.unique(due_ns[at : at + CHUNK] // RATE_BIN_NS, return_counts=True)
        if int(seconds[0]) == last:
            counts[0] += held
        most = max(most, int(counts.max()))
        last, held = int(seconds[-1]), int(counts[-1])
    return most


def _largest_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
