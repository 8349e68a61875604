"""Starting the interceptor as a user would, with a sandbox and a pretend production beside it."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.integration.esr import ROOT, environment

START = """
import json, sys
from hms_esr.exits import run_guarded
from hms_esr.proxy_command import proxy_command
from hms_esr.voice import prepare_streams
prepare_streams()
sys.exit(run_guarded(lambda: proxy_command(**json.loads(sys.argv[1]))))
"""
RULES = """
mode: sandbox
routes:
  - {{host: "*.hms.example", to: {{name: svc, address: {address}, port: {port}}}}}
  - {{host: api.treasury.example, stub: ach}}
deny: {{hosts: ["*.hms.gov"], networks: ["203.0.113.0/24"]}}
"""
SANDBOX = "127.0.0.3"
PRODUCTION = "127.0.0.2"
PAGE = b"<!doctype html><title>t</title><p id=where>the sandbox page</p>"


@dataclass
class Site:
    """A web server that counts connections."""

    address: str
    page: bytes
    port: int = 0
    accepted: int = 0
    heads: list[str] = field(default_factory=list)


@contextmanager
def serving(address: str, page: bytes = PAGE, port: int = 0) -> Iterator[Site]:
    site = Site(address, page)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            site.accepted += 1
            super().setup()

        def do_GET(self) -> None:
            site.heads.append(f"{self.requestline}\n{self.headers}")
            length = int(self.headers.get("content-length", "0"))
            self.rfile.read(length)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(site.page)))
            self.end_headers()
            self.wfile.write(site.page)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nobody wants to know."""

    with http.server.ThreadingHTTPServer((address, port), Handler) as server:
        site.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@dataclass
class RunningProxy:
    """An interceptor that has said that it is ready."""

    process: subprocess.Popen[bytes]
    cwd: Path
    port: int

    @property
    def said(self) -> str:
        return (self.cwd / "proxy.err").read_text()

    @property
    def ca(self) -> Path:
        return self.cwd / ".esr/proxy-ca/mitmproxy-ca-cert.pem"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def write_rules(cwd: Path, port: int, address: str = SANDBOX) -> Path:
    path = cwd / "switchboard.yml"
    path.write_text(RULES.format(port=port, address=address))
    return path


def launch(cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    given = {"listen": "127.0.0.1:0", **options}
    with (cwd / "proxy.err").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", START, orjson.dumps(given).decode()],
            cwd=cwd,
            env={**environment(cwd / "home"), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip


@contextmanager
def proxy(cwd: Path, **options: Any) -> Iterator[RunningProxy]:
    """An interceptor, gone at the end whatever happens."""
    with launch(cwd, **options) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            assert line.startswith("ready "), (cwd / "proxy.err").read_text()
            yield RunningProxy(process, cwd, int(line.rpartition(":")[2]))
        finally:
            process.kill()


def curl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """curl, as somebody would type it; proxies of this machine's user do not count."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        ["curl", "-sS", "--max-time", "20", *arguments],
        cwd=cwd, env=kept, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def network_of_its_own(cwd: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of ours in a network namespace that has loopback and nothing else."""
    script = 'ip link set lo up && exec "$0" -P -m "$@"'
    return subprocess.run(
        ["unshare", "--net", "sh", "-c", script, sys.executable, module, *arguments],
        cwd=cwd,
        env={**environment(cwd / "home"), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
