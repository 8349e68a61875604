"""The doors, started as processes in the namespace; each says `ready HOST:PORT` once it accepts.

They are started as a user starts them, with one addition: `faults/` stands on their Python path,
and its `sitecustomize` does nothing unless a variable of the suite tells it to.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tests.leaks.places import CLIENT, TOKEN

ROOT: Final = Path(__file__).resolve().parents[2]
FAULTS: Final = Path(__file__).resolve().parent / "faults"
READY_S: Final = 60.0
STOP_S: Final = 20.0
PR_SET_PDEATHSIG: Final = 1

_COMMAND: Final = """
import json, sys
from hms_esr.exits import run_guarded
from hms_esr.voice import prepare_streams
from {module} import {function} as command
prepare_streams()
sys.exit(run_guarded(lambda: command(**json.loads(sys.argv[1]))))
"""
GATEWAY: Final = _COMMAND.format(module="hms_esr.gateway_command", function="gateway_command")
PROXY: Final = _COMMAND.format(module="hms_esr.proxy_command", function="proxy_command")
MIDDLEWARE: Final = "from tests.leaks.apps import main; main()"

PROXY_MODES: Final = ("forward", "reverse", "socks5", "dns", "transparent")
DOORS: Final = ("gateway", "gateway-tls", *PROXY_MODES, "asgi", "wsgi")

_libc = ctypes.CDLL(None, use_errno=True)


class DoorError(Exception):
    """A door did not come up; the text is what it said."""


class Process(Protocol):
    """As much of a process as a door needs."""

    pid: int

    def poll(self) -> int | None: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float = ..., /) -> int: ...


@dataclass
class Door:
    """A door that has said that it is ready."""

    name: str
    process: Process
    folder: Path
    address: tuple[str, int]
    env: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def rules_file(self) -> Path:
        return self.folder / "switchboard.yml"

    @property
    def said(self) -> str:
        """Everything on standard error so far."""
        return (self.folder / "said.txt").read_text(errors="replace")

    def kill(self) -> None:
        """At once, without a word."""
        self.process.kill()
        self.process.wait(STOP_S)
        self._forget_redirect()

    def stop(self) -> int:
        """As an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait(STOP_S)
        self._forget_redirect()
        return code

    def _forget_redirect(self) -> None:
        if self.name == "transparent":
            redirect("-D", self.address[1])


def start_door(
    name: str, folder: Path, certificates: Path, rules: str, env: Mapping[str, str] | None = None
) -> Door:
    """Start a door with these rules in a folder of its own. Raises DoorError."""
    folder.mkdir(parents=True)
    (folder / "switchboard.yml").write_text(rules)
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", *_arguments(name, folder, certificates)],
            cwd=folder, env=environment(folder, env or {}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=said, preexec_fn=die_with_parent,
        )  # fmt: skip
    address = _read_ready(name, process, folder)
    if name == "transparent":
        redirect("-A", address[1])
    return Door(name, process, folder, address, env or {})


def _arguments(name: str, folder: Path, certificates: Path) -> list[str]:
    options: dict[str, object] = {"listen": "127.0.0.1:0", "rules": "switchboard.yml"}
    if name in ("asgi", "wsgi"):
        return [MIDDLEWARE, name]
    if name in PROXY_MODES:
        return [PROXY, json.dumps({"mode": name, **options})]
    if name == "gateway-tls":
        pem = str(certificates / "door.pem")
        options |= {"tls_cert": pem, "tls_key": pem}
    return [GATEWAY, json.dumps(options)]


def environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ESR_")}
    return {
        **kept,
        "HOME": str(folder),
        "ESR_HOME": str(folder / "home"),
        "ESR_SVC_TOKEN": TOKEN,
        "NO_COLOR": "1",
        "PYTHONPATH": os.pathsep.join([str(FAULTS), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }


def die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _read_ready(name: str, process: subprocess.Popen[bytes], folder: Path) -> tuple[str, int]:
    assert process.stdout is not None
    deadline = time.monotonic() + READY_S
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(deadline - time.monotonic()):
            got = os.read(process.stdout.fileno(), 4_096)
            if not got:
                break
            line += got
    if not line.startswith(b"ready "):
        process.kill()
        process.wait()
        said = (folder / "said.txt").read_text(errors="replace")[-1_500:]
        raise DoorError(f"{name} said {line!r} and {said}")
    host, _, port = line.decode().split()[1].rpartition(":")
    return host, int(port)


def redirect(action: str, port: int) -> None:
    """Turn what the clients dial to the door; what the door itself dials goes its way."""
    rule = f"OUTPUT -s {CLIENT} -p tcp -j REDIRECT --to-ports {port}"
    subprocess.run(["iptables", "-w", "-t", "nat", action, *rule.split()], check=True)
