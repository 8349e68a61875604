"""The installed `esr switchboard`, as a person at a terminal has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.esr import Ran, environment, esr, wait_until

SMALLEST = """\
mode: sandbox
routes:
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
  - {host: api.treasury.example, stub: ach}
credentials:
  inject: [{upstream: svc, header: Authorization, from_env: ESR_SVC_TOKEN, prefix: "Bearer "}]
deny: {hosts: ["*.hms.gov"], networks: ["203.0.113.0/24"]}
"""
WITH_LIVE = """\
routes:
  - host: "*.hms.example"
    to: {name: svc, address: 127.0.0.1, port: 9001}
    live: {name: app, address: 127.0.0.1, port: 8000}
"""
LISTENER = """\
import sys, threading
from switchboard.mode import FileMode
mode = FileMode(sys.argv[1])
listener = mode.listen()
print(mode.read(), flush=True)
pause = threading.Event()
while not pause.wait(0.01):
    generation = mode.poll()
    if generation != listener.seen:
        print(mode.read(), flush=True)
        listener.generation_seen_by(generation)
"""
STUCK = """\
import signal, sys
from switchboard.mode import FileMode
mode = FileMode(sys.argv[1])
listener = mode.listen()
print(mode.read(), flush=True)
signal.pause()
"""


@pytest.fixture(name="here")
def here_fixture(tmp_path: Path) -> Path:
    (tmp_path / "switchboard.yml").write_text(SMALLEST)
    return tmp_path


def switchboard(here: Path, *arguments: str) -> Ran:
    return esr(here, "switchboard", *arguments)


def test_the_smallest_file_is_sound_and_explained(here: Path) -> None:
    checked = switchboard(here, "check")
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith("switchboard.yml is sound: 2 routes")
    command = "curl 'https://api.hms.example/x?sig=hunter2' -H 'Authorization: Bearer hunter2'"
    explained = switchboard(here, "explain", command)
    assert explained.code == 0
    assert "svc at http://127.0.0.1:9001, by routes[0] (switchboard.yml:3)" in explained.out
    assert "hunter2" not in explained.out + explained.err


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://portal.hms.gov/", "deny.hosts[0]"),
        ("http://203.0.113.9/", "deny.networks[0]"),
        ("http://prod@sandbox/", "bad-host"),
        ("http://2130706433/", "bad-host"),
        ("https://nobody.example/", "unmapped-host"),
        ("https://api.hms.example/%2e%2e/x", "bad-target"),
    ],
)
def test_what_would_be_refused_ends_with_97(here: Path, url: str, rule: str) -> None:
    explained = switchboard(here, "explain", "--json", "-", url)
    assert explained.code == 97
    assert explained.json["rule"] == rule


def test_faults_end_with_2_and_name_their_lines(here: Path) -> None:
    (here / "switchboard.yml").write_text(SMALLEST.replace("stub", "stbu"))
    checked = switchboard(here, "check", "--json", "-")
    assert checked.code == 2
    assert [fault["line"] for fault in checked.json["files"][0]["faults"]] == [4, 4]
    for command in (["explain", "https://h"], ["live", "--why", "x"]):
        refused = switchboard(here, *command)
        assert refused.code == 2
        assert "Traceback" not in refused.err
        assert "stbu" in refused.err


def test_live_needs_a_live_upstream_and_a_reason(here: Path) -> None:
    refused = switchboard(here, "live", "--why", "release 7")
    assert refused.code == 2
    assert "no route of switchboard.yml names a live upstream" in refused.err
    (here / "switchboard.yml").write_text(WITH_LIVE)
    assert "live needs a reason" in switchboard(here, "live").err
    assert not (here / "switchboard.mode").exists()


def listen(here: Path, script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(here / "switchboard.mode")],
        env=environment(here / "home", {"PYTHONPATH": str(Path(__file__).parents[2])}),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "sandbox\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


def test_a_flip_waits_for_every_process_that_listens(here: Path) -> None:
    (here / "switchboard.yml").write_text(WITH_LIVE)
    process = listen(here, LISTENER)
    try:
        flipped = switchboard(here, "live", "--why", "release 7", "--who", "ann")
        assert (flipped.code, flipped.err) == (0, "")
        assert process.stdout is not None
        assert process.stdout.readline() == "live\n"
        assert "by ann: release 7" in switchboard(here, "show").out
        assert switchboard(here, "sandbox").code == 0
        assert process.stdout.readline() == "sandbox\n"
    finally:
        end(process)
    audit = (here / "switchboard.audit.ndjson").read_text().splitlines()
    assert [(line["from"], line["to"]) for line in map(json.loads, audit)] == [
        ("sandbox", "live"),
        ("live", "sandbox"),
    ]


def test_a_flip_names_who_did_not_acknowledge(here: Path) -> None:
    process = listen(here, STUCK)
    try:
        flipped = switchboard(here, "sandbox", "--timeout", "1s")
        assert flipped.code == 2
        assert str(process.pid) in flipped.err
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        wait_until(lambda: switchboard(here, "sandbox", "--timeout", "1s").code == 0)
    finally:
        end(process)
