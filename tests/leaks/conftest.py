"""The runner in its namespace, for all tests of the leak suite, and the line at the end."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.leaks.namespace import why_impossible
from tests.leaks.session import TALLY, FaultResults, Runner


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-guard",
        action="store_true",
        help="leak suite: take the guard out of every door, and count what leaks",
    )
    parser.addoption(
        "--every-function",
        action="store_true",
        help="leak suite: make every function of ours fail that a request passes, not the hooks",
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


@pytest.fixture(scope="session", autouse=True)
def fault_results(
    request: pytest.FixtureRequest, runner: Runner, is_guarded: bool
) -> Iterator[FaultResults]:
    """What comes of faults in our own code, found out in a second namespace beside the first."""
    asked = [
        (str(item.callspec.params["door"]), str(item.callspec.params["kind"]))
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path.name == "test_own_faults.py"
    ]
    results: FaultResults = {}
    if not asked or not is_guarded:
        yield results
        return
    is_deep = bool(request.config.getoption("--every-function", default=False))
    with tempfile.TemporaryDirectory(prefix="esr-faults-") as name, ThreadPoolExecutor(1) as pool:
        Path(name).chmod(0o755)
        beside = Runner(Path(name))
        for door, kind in asked:
            results[(door, kind)] = pool.submit(
                beside.ask, do="faults", door=door, kind=kind, deep=is_deep
            )
        try:
            yield results
        finally:
            for waiting in results.values():
                waiting.cancel()
            pool.shutdown(wait=True)
            beside.close()


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
    if TALLY.unguarded:
        say(f"leak suite: {TALLY.unguarded} runs without the guard, and each reached production")
