"""What every test can count on: the same examples, and none of this machine's settings."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import settings

from tests.leaks.summary import add_tally, say_what_was_proven, tally_to_json

# "fast" is the suite's: the same examples on every machine, and no deadline, for a slow machine is
# no fault of the code. Look further with HYPOTHESIS_PROFILE=deep.
settings.register_profile("fast", max_examples=100, deadline=None, derandomize=True, database=None)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


# Whoever started the tests with `nohup`, or in the background, had them ignore signals; a process
# hands that on to its children, of which some are sent these signals here.
for _number, _handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own ESR_LAKE or ESR_TOKEN must not change what a test sees."""
    for name in list(os.environ):
        if name.startswith("ESR_"):
            monkeypatch.delenv(name)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process beside others hands over what its leak tests counted."""
    handed_over = getattr(session.config, "workeroutput", None)
    if handed_over is not None:
        handed_over["leaks"] = tally_to_json()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of several processes has ended; a crashed one counted nothing that could be had."""
    add_tally(getattr(node, "workeroutput", {}).get("leaks", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line that says what the leak suite proved."""
    say_what_was_proven(terminalreporter, config)
