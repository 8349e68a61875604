"""A replay whose rules ask for canaries starts only where nothing gets out, and stops when it does.

What asks for addresses beyond loopback runs in a network namespace without a way out.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.esr import BIN, ROOT, TIMEOUT_S, Ran, environment, run_folders, wait_until
from tests.integration.recording_server import RecordingServer

IS_ROOT = os.geteuid() == 0
UNSHARE = ["unshare", "-nm"] if IS_ROOT else ["unshare", "-rnm"]
START_NS = 1_584_264_600_000_000_000

VERIFY = """
import sys
from hms_esr.exits import run_guarded
from hms_esr.verify import verify_command
sys.exit(run_guarded(lambda: verify_command(sys.argv[1], None)))
"""
OFTEN = """
import sys
from functools import partial
import hms_esr.runner
from hms_esr.canaries import CanaryWatch
from hms_esr.cli import replay_main
hms_esr.runner.CanaryWatch = partial(CanaryWatch, every_s=0.1)
replay_main()
"""
LISTENER = """
import os, socket, sys
listener = socket.create_server(("192.0.2.1", 443))
if os.fork() == 0:
    listener.accept()
    os._exit(0)
listener.close()
os.execv(sys.argv[1], sys.argv[1:])
"""


def can_isolate() -> bool:
    if not all(map(shutil.which, ("unshare", "ip", "mount"))):
        return False
    tried = subprocess.run([*UNSHARE, "ip", "link", "set", "lo", "up"], check=False)
    return tried.returncode == 0


isolated = pytest.mark.skipif(not can_isolate(), reason="no network namespace can be made here")


def run(command: list[str], cwd: Path, **env: str) -> Ran:
    done = subprocess.run(
        command, cwd=cwd, env=surroundings(cwd, env), capture_output=True, text=True,
        timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def surroundings(cwd: Path, env: Mapping[str, str]) -> dict[str, str]:
    return environment(cwd / "home", {"PYTHONPATH": str(ROOT), **env})


def replay_isolated(cwd: Path, before: str, **env: str) -> Ran:
    """`esr-replay day.ndjson` in a namespace, after a few shell commands in it."""
    script = f'ip link set lo up && {before} && exec "$@"'
    command = [str(BIN / "esr-replay"), "day.ndjson", "--speed", "max"]
    return run([*UNSHARE, "sh", "-c", script, "sh", *command], cwd, **env)


def write_log(cwd: Path, count: int = 3, gap_ms: int = 10) -> None:
    events = [
        {"ts": START_NS + n * gap_ms * 1_000_000, "method": "GET", "url": "https://svc.x/me"}
        for n in range(count)
    ]
    (cwd / "day.ndjson").write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in events))


def write_rules(cwd: Path, canaries: str) -> dict[str, str]:
    (cwd / "rules.yml").write_text(
        'routes:\n  - {host: "*", stub: ach}\n'
        'deny: {hosts: ["*.hms.gov", login.hms.test], networks: ["203.0.113.0/24"]}\n'
        f"interlock: {{canaries: {canaries}}}\n"
    )
    return {"ESR_RULES": "rules.yml"}


def interlock_of(cwd: Path) -> dict[str, Any]:
    (folder,) = run_folders(cwd)
    document = orjson.loads((folder / "interlock.json").read_bytes())
    assert isinstance(document, dict)
    return document


def verify(cwd: Path) -> Ran:
    return run([sys.executable, "-c", VERIFY, "latest"], cwd)


@isolated
def test_where_nothing_gets_out_a_run_begins_and_says_whom_it_asked(tmp_path: Path) -> None:
    write_log(tmp_path)
    ran = replay_isolated(tmp_path, "true", **write_rules(tmp_path, "true"))
    assert ran.code == 0, ran.err
    assert "0 connections to production, 0 attempts refused" in ran.out
    canaries = interlock_of(tmp_path)["canaries"]
    assert canaries["rounds"] == 1
    assert {row["target"]: row["outcome"] for row in canaries["results"]} == {
        "192.0.2.1:443": "unreachable",
        "esr-canary.hms.gov:443": "no-address",
        "login.hms.test:443": "no-address",
        "203.0.113.1:443": "unreachable",
    }
    said = verify(tmp_path)
    assert said.code == 0, said.out
    assert "holds: 0 connections to production, 0 attempts refused" in said.out


@isolated
def test_a_test_net_address_that_answers_refuses_to_start(tmp_path: Path) -> None:
    write_log(tmp_path)
    env = write_rules(tmp_path, "true")
    (tmp_path / "listener.py").write_text(LISTENER)
    before = f'ip address add 192.0.2.1/32 dev lo && set -- {sys.executable} listener.py "$@"'
    ran = replay_isolated(tmp_path, before, **env)
    assert ran.code == 97, ran.err
    assert "refused 192.0.2.1:443: a canary dialled it (TEST-NET-1) and was connected" in ran.err
    assert "Traceback" not in ran.err
    document = interlock_of(tmp_path)
    assert document["contacted"] == []
    assert "192.0.2.1:443" in document["tripped"]
    said = verify(tmp_path)
    assert said.code == 97
    assert "the canary 192.0.2.1:443 got out" in said.out
    assert "it was tripped" in said.out


@isolated
def test_an_answer_of_dns_that_is_not_the_sandboxs_refuses_to_start(tmp_path: Path) -> None:
    write_log(tmp_path)
    env = write_rules(tmp_path, "true")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n198.51.100.9 login.hms.test\n")
    ran = replay_isolated(tmp_path, "mount --bind hosts /etc/hosts", **env)
    assert ran.code == 97, ran.err
    assert "login.hms.test:443: DNS gave a canary (deny.hosts[1]) 198.51.100.9" in ran.err


def test_without_rules_there_are_no_canaries_and_the_interlock_is_signed(tmp_path: Path) -> None:
    write_log(tmp_path)
    write_rules(tmp_path, "[127.0.0.2]")
    ran = run([str(BIN / "esr-replay"), "day.ndjson", "--speed", "max"], tmp_path)
    assert ran.code == 0, ran.err
    document = interlock_of(tmp_path)
    assert document["canaries"] is None
    assert document["signature"]["algorithm"] == "hmac-sha256"
    assert (tmp_path / "home" / "interlock.key").stat().st_mode & 0o777 == 0o600
    assert verify(tmp_path).code == 0


@contextmanager
def often_asked(cwd: Path, target: str, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A replay at 1x whose canaries are asked ten times a second."""
    command = [sys.executable, "-c", OFTEN, "day.ndjson", "--speed", "1x", "--target", target]
    with subprocess.Popen(
        command, cwd=cwd, env=surroundings(cwd, env), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def test_a_way_out_that_opens_during_a_run_stops_it(tmp_path: Path) -> None:
    write_log(tmp_path, count=600, gap_ms=100)
    with socket.socket() as held:
        held.bind(("127.0.0.2", 0))  # nobody listens there yet
        env = write_rules(tmp_path, f'["127.0.0.2:{held.getsockname()[1]}"]')
        with RecordingServer() as sandbox, often_asked(tmp_path, sandbox.url, env) as process:
            wait_until(lambda: len(sandbox.requests) >= 3)
            held.listen()
            out, err = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 97, err
        assert "a canary dialled it (listed) and was connected" in err
        assert "Traceback" not in out + err
        assert 3 <= len(sandbox.requests) < 600
    document = interlock_of(tmp_path)
    assert document["canaries"]["results"][0]["outcome"] == "escaped"
    assert document["canaries"]["rounds"] > 1
    (folder,) = run_folders(tmp_path)
    facts = orjson.loads((folder / "run.json").read_bytes())
    assert facts["state"] == "failed"
    assert "a canary dialled it" in facts["reason"]
    said = verify(tmp_path)
    assert said.code == 97
    assert "got out" in said.out
