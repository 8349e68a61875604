"""The servers that benchmarks are run against, each alone on the server's core."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.children import SERVER, STOP_S, BenchError, start, stop

READY_S = 10.0

_NGINX_CONF = """\
daemon off;
master_process off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location / {{ return 200 '{{"ok":true,"message":"hello from the sandbox"}}'; }}
  }}
}}
"""


def find_nginx() -> str | None:
    """nginx lives in /usr/sbin, which is not on every PATH."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def run_nginx(binary: str, home: Path) -> Iterator[int]:
    """nginx that answers every request with 200; gives its port."""
    port = free_port()
    config = home / "nginx.conf"
    config.write_text(_NGINX_CONF.format(home=home, port=port))
    errors = home / "error.log"
    process = start([binary, "-e", str(errors), "-p", str(home), "-c", str(config)], SERVER)
    with process:
        try:
            wait_listening(port, process, "nginx")
            yield port
        finally:
            stop(process)


@dataclass(slots=True)
class Recording:
    """A running recorder, and after its end what it saw."""

    port: int
    numbers: array[int]
    arrivals_ns: array[int]


@contextlib.contextmanager
def run_recorder(home: Path) -> Iterator[Recording]:
    """`recorder.py` on the server's core; the columns are filled when the block ends."""
    path = home / "arrivals"
    path.unlink(missing_ok=True)
    process = start([sys.executable, "-m", "bench.recorder", str(path)], SERVER)
    with process:
        try:
            recording = Recording(_port_of(process), array("q"), array("q"))
            yield recording
            process.communicate(timeout=STOP_S)
        finally:
            stop(process)
    columns = array("q", path.read_bytes())
    half = len(columns) // 2
    recording.numbers.extend(columns[:half])
    recording.arrivals_ns.extend(columns[half:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port_of(process: subprocess.Popen[bytes]) -> int:
    line = process.stdout.readline() if process.stdout else b""
    if not line.strip().isdigit():
        raise BenchError("the recorder did not start")
    return int(line)


def wait_listening(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    """Until the port accepts. Raises BenchError when the process ends, or never listens."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise BenchError(f"{name} did not start; is its configuration refused?")
