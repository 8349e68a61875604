"""The sentence with which the leak gate refuses: what was found, where, and the one way out."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hms_esr.plain import hide_secrets, to_shown
from hms_esr.terminal import plural
from replay.gate.findings import Findings, describe_counts
from replay.treatment import Treatment
from switchboard.errors import LeakError

ANONYMISE: Final = "--anonymise"
TAKE_IT: Final = ("replay", "start", "plan", "trace", "tape")
NO_MORE_OPTIONS: Final = "--"
PLAYER: Final = "esr-replay"


def refuse(findings: Findings, what: str, way_out: str) -> LeakError:
    """The error for findings that nobody allowed. what: is not done because of them."""
    first = findings.examples()[0]
    total = findings.total
    return LeakError(
        f"{what}: {total:,} {plural('value', total)} could belong to real people or systems "
        f"({describe_counts(findings.counts)}; first at {to_shown(str(first))}); {way_out}",
        findings.counts,
    )


def choose_way_out(command: Sequence[str], treatment: Treatment) -> str:
    """What would make the command pass. command: as it was typed, with the program first."""
    if treatment.anonymise is not None:
        return "let the policy do more than keep there, or allow the kind with --allow-kind"
    name, *words = [_program(command[0]), *command[1:]] if command else [PLAYER]
    if name != PLAYER and words[:1] and words[0] not in TAKE_IT:
        return "put `anonymise: true` into the scenario"
    if any(hide_secrets(word) != word for word in words):
        return f"clean it on the way: the same command with {ANONYMISE}"
    end = words.index(NO_MORE_OPTIONS) if NO_MORE_OPTIONS in words else len(words)
    typed = " ".join(map(quote, [name, *words[:end], ANONYMISE, *words[end:]]))
    return f"clean it on the way with: {typed}"


def quote(word: str) -> str:
    """The word as a shell takes it, in characters that a terminal can show."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escape, word))}'"


def _escape(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    return char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))


def _program(path: str) -> str:
    """`python -m hms_esr` is `esr`."""
    name = Path(path).name
    return "esr" if name == "__main__.py" else name
