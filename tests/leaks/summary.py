"""The lines at the end of a test run: what the leak suite proved, or loudly that nothing was.

Tests may run in several processes: each hands what it counted to the one that prints.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from tests.leaks.session import TALLY


def tally_to_json() -> dict[str, Any]:
    """What this process counted, as it may travel between processes."""
    return {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in asdict(TALLY).items()
    }


def add_tally(counted: Mapping[str, Any]) -> None:
    """Add what another process counted."""
    for name, value in counted.items():
        own = getattr(TALLY, name)
        if isinstance(own, set | dict):
            own.update(value)
        elif isinstance(own, list | int):
            setattr(TALLY, name, own + value)
        elif value is not None:
            setattr(TALLY, name, value)


def versions() -> str:
    """Which mitmproxy the interceptor was tried on."""
    try:
        return importlib.metadata.version("mitmproxy")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def say_what_was_proven(terminalreporter: Any, config: pytest.Config) -> None:
    say = terminalreporter.write_line
    if TALLY.impossible is not None:
        say(f"LEAK SUITE NOT RUN, nothing is proven: {TALLY.impossible}", red=True, bold=True)
        return
    for door, why in sorted(TALLY.missing.items()):
        say(f"leak suite: the {door} door was NOT tried: {why.strip()[:200]}", red=True)
    if not TALLY.runs:
        return
    head = f"leak suite: {len(TALLY.cases)} cases through {len(TALLY.doors)} doors"
    if config.getoption("--without-guard", default=False):
        say(
            f"{head} WITHOUT THE GUARD, mitmproxy {versions()}: {len(TALLY.leaked)} of "
            f"{TALLY.runs} runs reached production ({TALLY.connections} connections, "
            f"{TALLY.packets} packets)"
        )
        return
    say(
        f"{head} ({TALLY.runs} runs, {TALLY.faults} injected faults), mitmproxy {versions()}, "
        f"connections at production: {TALLY.connections}, packets: {TALLY.packets}"
    )
    if TALLY.unguarded:
        say(f"leak suite: {TALLY.unguarded} runs without the guard, and each reached production")
