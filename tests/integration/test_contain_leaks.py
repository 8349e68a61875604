"""A hostile command in a jail reaches nothing, and the same command without one reaches all of it.

The counts are production's own: every listener says how often it was reached.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.contain_runs import (
    AS_ROOT,
    AS_USER,
    HOSTILE,
    ROOT_WITHOUT_USER_NAMESPACES,
    contain,
    needs_namespaces,
    run_in_world,
)

pytestmark = needs_namespaces

USERS = [
    pytest.param(AS_ROOT, id="root"),
    pytest.param(AS_USER, id="an ordinary user"),
    pytest.param(ROOT_WITHOUT_USER_NAMESPACES, id="root without user namespaces"),
]


@pytest.mark.parametrize("user", USERS)
def test_a_hostile_command_reaches_nothing(tmp_path: Path, user: Sequence[str]) -> None:
    done = contain(tmp_path, *HOSTILE, user=user)
    assert done.code == 0, done.err
    ways = json.loads(done.out)
    assert [name for name, said in ways.items() if said == "out"] == []
    assert done.reached == {}
    assert "contained: 0 connections to production" in done.err
    assert "0 without a route" not in done.err


def test_the_same_command_without_a_jail_reaches_production(tmp_path: Path) -> None:
    """The suite can fail: what keeps the others at zero is the jail."""
    done = run_in_world(tmp_path, [*HOSTILE])
    assert {"tcp 203.0.113.7 443", "tcp 127.0.0.2 443", "tcp6", "udp6", "abstract", "path"} <= set(
        done.reached
    )
    ways = json.loads(done.out)
    assert ways["an inherited descriptor"] == ways["vsock"] == "out"


def test_a_socket_handed_down_is_refused(tmp_path: Path) -> None:
    done = contain(tmp_path, *HOSTILE, is_stdin_a_socket=True)
    assert done.code == 97
    assert "standard input is a network socket" in done.err
    assert done.reached == {}
