"""Servers that answer late: the stub gateway, a plain asyncio delay under uvicorn, mountebank."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from bench.children import INJECTOR, ROOT, SERVER, STOP_S, BenchError, last_words, run, start, stop
from bench.servers import free_port, wait_listening
from stubs.config import GatewayConfig

FIXED_MS = 100
LONG_MS = 60_000
NPM_S = 120.0
BODY = '{"ok":true}'

DEFINITION = f"""\
service: lab
title: A route of each delay
routes:
  - {{method: GET, path: /none, answer: {{json: {{ok: true}}}}}}
  - {{method: GET, path: /fixed, latency: {FIXED_MS}, answer: {{json: {{ok: true}}}}}}
  - {{method: GET, path: /long, latency: {LONG_MS}, answer: {{json: {{ok: true}}}}}}
  - method: GET
    path: /uniform
    latency: {{model: uniform, min_ms: 20, max_ms: 120}}
    answer: {{json: {{ok: true}}}}
  - method: GET
    path: /lognormal
    latency: {{model: lognormal, median_ms: 20, p99_ms: 90}}
    answer: {{json: {{ok: true}}}}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that accepts."""

    port: int
    pid: int


@contextlib.contextmanager
def run_stub_gateway(home: Path) -> Iterator[Served]:
    """Our own, as a process, with the routes above."""
    folder = home / "definitions"
    folder.mkdir(exist_ok=True)
    (folder / "lab.yml").write_text(DEFINITION)
    config = GatewayConfig(definitions=(str(folder),), admin=None)
    (home / "gateway.json").write_bytes(config.to_json())
    command = ["-P", "-m", "hms_esr.stub_gateway", "--config", str(home / "gateway.json")]
    with _running([sys.executable, *command]) as process:
        line = process.stdout.readline().decode() if process.stdout else ""
        if not line.startswith("ready "):
            process.wait(STOP_S)
            errors = process.stderr.read().decode() if process.stderr else ""
            raise BenchError(f"the stub gateway did not start: {last_words(errors)}")
        yield Served(int(line.rpartition(":")[2]), process.pid)


@contextlib.contextmanager
def run_plain_delay() -> Iterator[Served]:
    """`await asyncio.sleep` in a bare application under uvicorn, with uvloop and httptools."""
    port = free_port()
    with _running([sys.executable, "-m", "bench.delay_servers", str(port)]) as process:
        wait_listening(port, process, "the plain delay")
        yield Served(port, process.pid)


@contextlib.contextmanager
def run_mountebank(binary: str, home: Path) -> Iterator[Served]:
    """mountebank with one imposter that waits."""
    port, admin = free_port(), free_port()
    answer = {"statusCode": 200, "headers": {"Connection": "keep-alive"}, "body": BODY}
    stubs = [
        {
            "predicates": [{"equals": {"path": "/none"}}],
            "responses": [{"is": answer}],
        },
        {"responses": [{"is": answer, "behaviors": [{"wait": FIXED_MS}]}]},
    ]
    imposters = {"imposters": [{"port": port, "protocol": "http", "stubs": stubs}]}
    file = home / "imposters.json"
    file.write_text(json.dumps(imposters))
    limits = ["--localOnly", "--nologfile", "--loglevel", "error", "--pidfile", str(home / "mb")]
    command = [binary, "start", "--port", str(admin), "--configfile", str(file), *limits]
    with _running(command) as process:
        wait_listening(port, process, "mountebank")
        yield Served(port, process.pid)


def find_mountebank(scratch: Path) -> str:
    """$ESR_MOUNTEBANK, the PATH, or installed from npm for this once. Raises BenchError."""
    found = shutil.which(os.environ.get("ESR_MOUNTEBANK") or "mb")
    if found:
        return found
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError("there is no npm to install it with")
    words = ["--prefix", str(scratch), "--no-audit", "--no-fund", "--ignore-scripts"]
    done = run([npm, "install", *words, "mountebank"], INJECTOR, timeout_s=NPM_S, cwd=scratch)
    binary = scratch / "node_modules" / ".bin" / "mb"
    if done.exit_code != 0 or not binary.exists():
        raise BenchError(f"npm could not install it: {last_words(done.errors)}")
    return str(binary)


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with start(command, SERVER, cwd=ROOT) as process:
        try:
            yield process
        finally:
            stop(process)


async def plain_delay(scope: Any, receive: Any, send: Any) -> None:
    """What everybody would write first."""
    await receive()
    if scope["path"] != "/none":
        await asyncio.sleep(FIXED_MS / 1000)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY.encode()})


if __name__ == "__main__":
    uvicorn.run(
        plain_delay,
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="critical",
        backlog=4096,
    )
