"""The sentence with which the leak gate refuses: what was found, where, and the one way out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hms_esr.plain import to_shown
from hms_esr.terminal import plural
from replay.findings import Findings, describe_counts
from switchboard.errors import LeakError

ANONYMISE: Final = "--anonymise"
TAKE_IT: Final = ("replay", "start", "plan", "trace", "tape")


def refuse(findings: Findings, what: str, way_out: str) -> LeakError:
    """The error for findings that nobody allowed. what: is not done because of them."""
    first = findings.examples()[0]
    total = findings.total
    return LeakError(
        f"{what}: {total:,} {plural('value', total)} could belong to real people or systems "
        f"({describe_counts(findings.counts)}; first at {to_shown(str(first))}); {way_out}",
        findings.counts,
    )


def with_anonymise(command: Sequence[str]) -> str:
    """What was typed, and what would make it pass; some commands take it from the scenario."""
    name, *arguments = [Path(command[0]).name, *command[1:]] if command else ["esr-replay"]
    if name != "esr-replay" and arguments[:1] and arguments[0] not in TAKE_IT:
        return "put `anonymise: true` into the scenario"
    return f"clean it on the way with: {to_shown(shlex.join([name, *arguments]))} {ANONYMISE}"
