"""The runner in its namespace, for all tests of the leak suite."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
def _faults_ahead(request: pytest.FixtureRequest) -> None:
    """Where one process runs all tests, faults are tried beside the rest from the start."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        request.getfixturevalue("fault_results")


@pytest.fixture(scope="session")
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
