"""Canaries inside a jail: what they call a way out, and that one is enough to start nothing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.integration.contain_runs import LAUNCHER, RULES, WORLD, contain, needs_namespaces

pytestmark = needs_namespaces

PROBE = """
import json
from hms_esr.containment.probe import find_ways_out
print(json.dumps(find_ways_out([("203.0.113.1", 443), ("127.0.0.9", 443)], ["localhost"])))
"""
COUNT_INTERRUPTS = """
import signal, sys
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(1))
print("begun", flush=True)
sys.stdin.readline()
print(f"interrupts: {len(heard)}", flush=True)
"""


def probe_in_world(*setup: str) -> list[str]:
    script = "; ".join(["ip link set lo up", *setup, 'exec "$@"'])
    done = subprocess.run(
        [*WORLD, "sh", "-c", script, "sh", sys.executable, "-P", "-c", PROBE],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_without_a_route_nothing_is_a_way_out() -> None:
    """Only what really answers is named: here, this machine itself and its name."""
    assert probe_in_world() == [
        "TCP to 127.0.0.9 port 443 ends in an answer (Connection refused)",
        "UDP to 127.0.0.9 port 443 gets there",
        "localhost is 127.0.0.1, by an answer that is not the sandbox's",
    ]


def test_a_route_is_a_way_out_also_where_nobody_answers() -> None:
    found = probe_in_world("ip addr add 192.0.2.1/32 dev lo")
    assert found[:2] == [
        "TCP to 192.0.2.1 port 443 ends in an answer (Connection refused)",
        "UDP to 192.0.2.1 port 443 gets there",
    ]


def test_one_way_out_is_enough_to_start_nothing(tmp_path: Path) -> None:
    """The doors themselves can be reached, so a rules file that forbids that cannot be kept."""
    text = f'{RULES}interlock: {{canaries: ["198.18.0.1:80"]}}\n'
    (tmp_path / "switchboard.yml").write_text(text, encoding="utf-8")
    done = contain(tmp_path, "touch", "ran")
    assert done.code == 97
    assert "there is a way out of the jail, so nothing was started: TCP to 198.18.0.1" in done.err
    assert not (tmp_path / "ran").exists()


def test_a_key_of_the_terminal_interrupts_once(tmp_path: Path) -> None:
    """The kernel sends it to the whole group: forwarding it too would interrupt twice."""
    (tmp_path / "switchboard.yml").write_text(RULES, encoding="utf-8")
    command = (*LAUNCHER, sys.executable, "-I", "-c", COUNT_INTERRUPTS)
    terminal, inner = pty.openpty()
    # setsid makes it the controlling terminal, and becomes the supervisor.
    process = subprocess.Popen(
        ["setsid", "--ctty", "unshare", "-n", *command],
        cwd=tmp_path,
        env={**os.environ, "ESR_SVC_TOKEN": "t0"},
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    said = b""
    keys = {b"begun": b"\x03", b"^C": b"\n"}
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError:  # the terminal is gone with its last process
            break
        for awaited in [each for each in keys if each in said]:
            os.write(terminal, keys.pop(awaited))
    os.close(terminal)
    assert process.wait(60) == 0, said
    assert b"interrupts: 1" in said
