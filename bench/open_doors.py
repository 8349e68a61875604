"""The doors that are measured beside each other: how each is started, and told what to rewrite."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.children import INJECTOR, ROOT, BenchError, last_words, start, stop
from bench.report import Report
from bench.servers import free_port, wait_listening

RULES = """\
routes:
  - {{host: "*.hms.example", to: {{name: svc, address: 127.0.0.1, port: {port}}}}}
credentials:
  inject: [{{upstream: svc, header: Authorization, from_env: ESR_BENCH_TOKEN, prefix: "Bearer "}}]
"""

NGINX_CONF = """\
daemon off;
master_process off;
worker_processes 1;
pid {home}/door.pid;
error_log {home}/door-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {home}/door-body;
  proxy_temp_path {home}/door-proxy;
  fastcgi_temp_path {home}/door-fastcgi;
  uwsgi_temp_path {home}/door-uwsgi;
  scgi_temp_path {home}/door-scgi;
  upstream sandbox {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://sandbox;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host 127.0.0.1:{upstream};
      proxy_set_header Authorization "Bearer sandbox";
      proxy_set_header x-esr-env sandbox;
    }}
  }}
}}
"""

# What a person would write to make mitmdump rewrite host and credential.
MITMDUMP_SCRIPT = """\
def requestheaders(flow):
    flow.request.headers["Authorization"] = "Bearer sandbox"
    flow.request.headers["x-esr-env"] = "sandbox"
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A door that accepts connections."""

    pid: int
    port: int


Opener = Callable[[int, Path], contextlib.AbstractContextManager[Running]]
"""(upstream port, scratch folder) to a door, for as long as the context lasts."""


def door_openers(nginx: str, report: Report) -> dict[str, Opener]:
    openers: dict[str, Opener] = {
        "esr gateway": lambda port, home: open_gateway(port, home),
        "nginx": lambda port, home: _nginx(nginx, port, home),
    }
    mitmdump = Path(sys.executable).with_name("mitmdump")
    if mitmdump.exists():
        openers["esr proxy"] = lambda port, home: _esr_proxy(port, home)
        openers["mitmdump"] = lambda port, home: _mitmdump(str(mitmdump), port, home)
    else:
        report.notes.append("mitmproxy is not installed, its doors are skipped")
    return openers


def open_gateway(upstream: int, home: Path) -> contextlib.AbstractContextManager[Running]:
    return _esr_door(["gateway"], upstream, home)


def _esr_proxy(upstream: int, home: Path) -> contextlib.AbstractContextManager[Running]:
    return _esr_door(["proxy", "--mode", "reverse"], upstream, home)


@contextlib.contextmanager
def _esr_door(words: list[str], upstream: int, home: Path) -> Iterator[Running]:
    folder = home / f"{words[0]}-{upstream}"
    folder.mkdir(exist_ok=True)
    rules = folder / "switchboard.yml"
    rules.write_text(RULES.format(port=upstream))
    listen = ["--listen", "127.0.0.1:0", "--rules", str(rules)]
    command = [sys.executable, "-m", "hms_esr", *words, *listen]
    env = {"ESR_BENCH_TOKEN": "sandbox", "PYTHONPATH": str(ROOT)}
    process = start(command, INJECTOR, cwd=folder, env=env)
    with process:
        try:
            line = process.stdout.readline().decode() if process.stdout else ""
            if not line.startswith("ready "):
                stop(process)
                errors = process.stderr.read().decode() if process.stderr else ""
                raise BenchError(f"esr {words[0]} did not start: {last_words(errors)}")
            yield Running(process.pid, int(line.rpartition(":")[2]))
        finally:
            stop(process)


@contextlib.contextmanager
def _nginx(binary: str, upstream: int, home: Path) -> Iterator[Running]:
    port = free_port()
    config = home / "door.conf"
    config.write_text(NGINX_CONF.format(home=home, port=port, upstream=upstream))
    errors = home / "door-error.log"
    with _listening([binary, "-e", str(errors), "-p", str(home), "-c", str(config)], port) as door:
        yield door


@contextlib.contextmanager
def _mitmdump(binary: str, upstream: int, home: Path) -> Iterator[Running]:
    port = free_port()
    script = home / "swap.py"
    script.write_text(MITMDUMP_SCRIPT)
    mode = f"reverse:http://127.0.0.1:{upstream}@127.0.0.1:{port}"
    own = ["--set", f"confdir={home}/mitm", "--set", "keep_host_header=false"]
    with _listening([binary, "-q", "--mode", mode, "-s", str(script), *own], port) as door:
        yield door


@contextlib.contextmanager
def _listening(command: list[str], port: int) -> Iterator[Running]:
    process = start(command, INJECTOR)
    with process:
        try:
            wait_listening(port, process, command[0])
            yield Running(process.pid, port)
        finally:
            stop(process)
