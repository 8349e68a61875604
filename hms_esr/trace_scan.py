"""`esr trace scan`: every field of a log, looked at for what could belong to somebody real."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from hms_esr.commands import Output, here
from hms_esr.exits import PASS
from hms_esr.options import Reading
from hms_esr.progress import show_progress
from hms_esr.terminal import plural
from hms_esr.trace_out import refuse_overwriting
from hms_esr.trace_reading import HowToRead, Sources, choose_reading, find_sources
from hms_esr.trace_report import print_findings
from replay.account import EXACT, Account, Tally, account_to_json
from replay.gate.findings import Findings, describe_counts
from replay.gate.scanner import Scanner
from replay.readers.files import find_files
from replay.readers.opening import count_progress
from replay.writing.read_files import read_file
from switchboard.errors import LeakError

SCHEMA: Final = "esr.trace-scan/1"


def scan_command(sources: Sequence[str], reading: Reading, *, json_file: str | None) -> int:
    """Print what was found. Exit code 97 where something is that nobody allowed."""
    env, cwd = os.environ, here()
    found = find_sources(sources, env, cwd)
    refuse_overwriting(json_file, found.files)
    out = Output(json_file)
    how = choose_reading(reading, env, cwd, gate=False)
    account, findings = scan(found, how)
    print_findings(out.console, findings.to_json())
    out.console.print(summary(account, findings), highlight=False, soft_wrap=True)
    out.write({"schema": SCHEMA, **findings.to_json(), "account": account_to_json(account)})
    out.check_heard()
    return LeakError.exit_code if findings.total else PASS


def scan(sources: Sources, how: HowToRead) -> tuple[Account, Findings]:
    """Look at every field of every event. Raises TraceError."""
    findings = Findings()
    scanner = Scanner(Tally(), findings, how.treatment.allowed)
    files = find_files(sources.files, were_found=sources.were_found)
    with show_progress("scanning") as on_progress:
        on_bytes = count_progress(files, on_progress)
        met = [read_file(file, scanner, scanner, how.format, on_bytes) for file in files]
    formats = sorted({each.name for each in met if each is not None})
    account = scanner.tally.close(
        trace_format=", ".join(formats), stamps=EXACT, out_of_order=0, notes=()
    )
    return account, findings


def summary(account: Account, findings: Findings) -> str:
    """`10,000 events looked at: 3 findings (2 email, 1 ssn)`."""
    text = f"{account.used:,} {plural('event', account.used)} looked at: "
    text += f"{findings.total:,} {plural('finding', findings.total)}"
    if findings.counts:
        text += f" ({describe_counts(findings.counts)})"
    if findings.allowed:
        text += f"; allowed: {describe_counts(findings.allowed)}"
    return text
