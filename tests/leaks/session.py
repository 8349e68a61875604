"""The pytest side of the leak suite: the runner in its namespace, and what was counted so far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.leaks.namespace import unshare_command

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Tally:
    """What the line at the end says."""

    cases: set[str] = field(default_factory=set)
    runs: int = 0
    doors: set[str] = field(default_factory=set)
    leaked: list[str] = field(default_factory=list)
    contained: list[str] = field(default_factory=list)
    connections: int = 0
    packets: int = 0
    faults: int = 0
    unguarded: int = 0
    missing: dict[str, str] = field(default_factory=dict)
    impossible: str | None = None


TALLY = Tally()
FaultResults = dict[tuple[str, str], Future[dict[str, Any]]]
"""By door and kind of fault."""


_EXCUSES = ("needs mitmproxy", "without iptables and iproute2")


def skip_missing(door: str, why: str) -> None:
    """Skip loudly for what this machine lacks; a door that is broken is a failure."""
    TALLY.missing[door] = why
    if any(excuse in why for excuse in _EXCUSES):
        pytest.skip(f"the {door} door cannot be here: {why[-300:]}")
    pytest.fail(f"the {door} door did not start: {why[-1_000:]}")


class Runner:
    """The other end of `runner.py`."""

    def __init__(self, folder: Path) -> None:
        self._said = (folder / "runner.txt").open("w+")
        self._process = subprocess.Popen(
            [*unshare_command(), sys.executable, "-P", "-m", "tests.leaks.runner", str(folder)],
            cwd=ROOT, env={**_plain_environment(), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip
        self.notes: list[str] = self._read()["notes"]

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give an order; what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            pytest.fail(f"the runner of the leak suite is gone: {self._said.read()}")
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            pytest.fail(f"the runner of the leak suite failed: {told['error']}")
        return told

    def close(self) -> None:
        """It ends with its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._said.close()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _plain_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("ESR_")}
