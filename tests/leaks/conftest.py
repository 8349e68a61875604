"""The runner in its namespace, for all tests of the leak suite, and the line at the end."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.leaks.namespace import why_impossible
from tests.leaks.session import TALLY, Runner


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-guard",
        action="store_true",
        help="leak suite: take the guard out of every door, and count what leaks",
    )


@pytest.fixture(scope="session")
def is_guarded(request: pytest.FixtureRequest) -> bool:
    """False with --without-guard."""
    return not request.config.getoption("--without-guard", default=False)


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """A namespace without a way out, with production, a sandbox and doors in it."""
    why = why_impossible()
    if why is not None:
        TALLY.impossible = why
        pytest.skip(f"THE LEAK SUITE CANNOT RUN HERE: {why}")
    with tempfile.TemporaryDirectory(prefix="esr-leaks-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        running = Runner(folder)
        try:
            yield running
        finally:
            running.close()


def versions() -> str:
    """Which mitmproxy the interceptor was tried on."""
    try:
        return importlib.metadata.version("mitmproxy")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line that says what was proven, or loudly that nothing was."""
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
