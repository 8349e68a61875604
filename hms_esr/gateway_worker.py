"""A worker of the gateway as a process: `python -m hms_esr.gateway_worker`.

Started by `gateways/member.py`, which talks to it over standard input and output. When standard
input ends, the supervisor is gone: from that moment everything is refused, and the process ends.
Read next: `gateways/worker.py`.
"""

from __future__ import annotations

import resource
import signal
import sys
from typing import Final

import uvloop

from hms_esr.exits import PASS, run_guarded
from hms_esr.gateways.worker import run_worker

MOST_FILES: Final = 65_536


def raise_file_limit() -> None:
    """Each connection is an open file, and the usual soft limit of 1,024 is far too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Entry point. Signals reach whole groups of processes; only the supervisor decides on them."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    raise_file_limit()
    sys.exit(run_guarded(_run))


def _run() -> int:
    uvloop.run(run_worker())
    return PASS


if __name__ == "__main__":
    main()
