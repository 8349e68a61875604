"""A process that has imported the interceptor already and hatches doors by forking.

Importing mitmproxy takes most of a door's start, and faults break a door a hundred times. What is
hatched is a process of its own like any other door; only cases without faults start theirs anew.
Run as a process: orders are JSON lines on standard input, pids come back on standard output.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from tests.leaks.doors import (
    PR_SET_PDEATHSIG,
    READY_S,
    STOP_S,
    Door,
    DoorError,
    die_with_parent,
    environment,
    redirect,
)

LOOK_AGAIN_S: Final = 0.005


class Hatched:
    """A forked door, with as much of Popen as a Door uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it lives."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return 0
        return 0 if stat.rpartition(")")[2].split()[0] in "ZX" else None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = STOP_S) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_AGAIN_S)
        return 0


class Nest:
    """The runner's side of it."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        folder.mkdir()
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.leaks.nest"], cwd=folder,
            env=environment(folder, env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip

    def start(self, name: str, folder: Path, rules: str) -> Door:
        """A door of the interceptor. Raises DoorError."""
        folder.mkdir()
        (folder / "switchboard.yml").write_text(rules)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "mode": name}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise DoorError("the nest is gone: the interceptor cannot be imported")
        hatched = Hatched(int(line))
        address = _wait_ready(hatched, folder)
        if name == "transparent":
            redirect("-A", address[1])
        return Door(name, hatched, folder, address)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def _wait_ready(hatched: Hatched, folder: Path) -> tuple[str, int]:
    said = folder / "out.txt"
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        text = said.read_text() if said.exists() else ""
        if text.startswith("ready ") and text.endswith("\n"):
            host, _, port = text.split()[1].rpartition(":")
            return host, int(port)
        if hatched.poll() is not None:
            break
        time.sleep(LOOK_AGAIN_S)
    hatched.kill()
    raise DoorError(f"it did not come up: {(folder / 'said.txt').read_text()[-1_500:]}")


def _hatch(order: dict[str, Any]) -> None:
    """In the child: be the door, and nothing else, ever."""
    from hms_esr.exits import run_guarded
    from hms_esr.proxy_command import proxy_command

    code = 70
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        folder = Path(order["folder"])
        os.chdir(folder)
        os.environ["ESR_HOME"] = str(folder / "home")
        flags = os.O_WRONLY | os.O_CREAT
        for number, name in ((1, "out.txt"), (2, "said.txt")):
            os.dup2(os.open(folder / name, flags), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        mode = order["mode"]
        code = run_guarded(
            lambda: proxy_command(mode=mode, listen="127.0.0.1:0", rules="switchboard.yml")
        )
    finally:
        os._exit(code)


def main() -> None:
    """Until standard input ends."""
    import hms_esr.proxy_command
    import proxy.interceptor.master

    assert hms_esr.proxy_command
    assert proxy.interceptor.master
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _hatch(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
