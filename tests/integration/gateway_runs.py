"""Starting the gateway as a user would, and asking it as a client would."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.integration.esr import BIN, ROOT, environment, wait_until

START = """
import json, sys
from hms_esr.exits import run_guarded
from hms_esr.gateway_command import gateway_command
from hms_esr.voice import prepare_streams
prepare_streams()
sys.exit(run_guarded(lambda: gateway_command(**json.loads(sys.argv[1]))))
"""

SMALLEST = """
mode: sandbox
routes:
  - {{host: "*.hms.example", to: {{name: svc, address: 127.0.0.1, port: {port}}}}}
  - {{host: api.treasury.example, stub: ach}}
credentials:
  inject: [{{upstream: svc, header: Authorization, from_env: ESR_SVC_TOKEN, prefix: "Bearer "}}]
deny: {{hosts: ["*.hms.gov"], networks: ["203.0.113.0/24"]}}
"""
SECRET = {"ESR_SVC_TOKEN": "sandbox-token"}
SVC = "svc.hms.example"


@dataclass(frozen=True)
class Answer:
    """What came back. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class RunningGateway:
    """A gateway that has said that it is ready."""

    process: subprocess.Popen[bytes]
    cwd: Path
    port: int

    @property
    def said(self) -> str:
        """Everything on standard error so far."""
        return (self.cwd / "gateway.err").read_text()

    @property
    def control(self) -> int:
        """The port of the control API."""
        (line,) = (line for line in self.said.splitlines() if "control API on" in line)
        return int(line.rpartition(":")[2])

    def ask(self, host: str, path: str = "/", **more: Any) -> Answer:
        """One request through the gateway."""
        return ask(self.port, host, path, **more)

    def call(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        """One call of the control API."""
        data = b"" if body is None else orjson.dumps(body)
        more = {"content-type": "application/json"} if body is not None else {}
        host = f"127.0.0.1:{self.control}"
        return ask(self.control, host, path, method=method, body=data, headers={**more, **headers})

    @property
    def status(self) -> Any:
        return self.call("/api/esr/switchboard").json

    @property
    def worker_pids(self) -> list[int]:
        return [worker["pid"] for worker in self.status["workers"] if worker["ready"]]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def ask(
    port: int,
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, {"Host": host, **(headers or {})})
        answer = connection.getresponse()
        got = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, got, answer.read())
    finally:
        connection.close()


def write_rules(cwd: Path, port: int, more: str = "") -> Path:
    """The smallest rules, with `svc` on this port."""
    path = cwd / "switchboard.yml"
    path.write_text(SMALLEST.format(port=port) + more)
    return path


def launch(
    cwd: Path, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start it in `cwd`; what it says on standard error goes to `gateway.err` there."""
    command = _command({"listen": "127.0.0.1:0", **options})
    extra = {**SECRET, "PYTHONPATH": os.pathsep.join([str(ROOT), *_inherited()]), **(env or {})}
    with (cwd / "gateway.err").open("wb") as said:
        return subprocess.Popen(
            command, cwd=cwd, env=environment(cwd / "home", extra),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip


def _command(options: Mapping[str, Any]) -> list[str]:
    """`esr gateway`, or its function where something is asked that no option offers."""
    if options.keys() & {"canaries_every_s", "hung_after_s"}:
        return [sys.executable, "-P", "-c", START, orjson.dumps(options).decode()]
    given = {name: value for name, value in options.items() if value is not None}
    flags = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given.items()]
    return [str(BIN / "esr"), "gateway", *(word for flag in flags for word in flag)]


def _inherited() -> list[str]:
    return [path for path in [os.environ.get("PYTHONPATH")] if path]


@contextmanager
def gateway(
    cwd: Path, env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[RunningGateway]:
    """A gateway with a control API, gone at the end whatever happens."""
    process = launch(cwd, env, **{"control": "127.0.0.1:0", **options})
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            assert line.startswith("ready 127.0.0.1:"), (cwd / "gateway.err").read_text()
            yield RunningGateway(process, cwd, int(line.rpartition(":")[2]))
        finally:
            process.kill()


def refused_to_start(cwd: Path, env: Mapping[str, str] | None = None, **options: Any) -> Answer:
    """How a gateway that cannot begin ended: its exit code as status, its words as body."""
    with launch(cwd, env, **options) as process:
        out, _ = process.communicate(timeout=60)
    assert out == b"", "it said that it was ready"
    return Answer(process.returncode, {}, (cwd / "gateway.err").read_bytes())


def is_running(pid: int) -> bool:
    """Whether a process lives; one that ended and was not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_gone(pids: list[int]) -> None:
    """Wait until none of them lives."""
    wait_until(lambda: not any(map(is_running, pids)))
