"""The warden: makes the jail, starts the command in it, and sees to it that all of it ends.

`python -m hms_esr.containment.warden CONTROL PLAN PARENT`: two inherited descriptors and the
supervisor's process id. Two processes: the first makes the namespaces and waits; the second is the
first process of the jail, so when it ends, the kernel ends everything inside. It ends with the
supervisor, however that dies: by a signal from the kernel, and because its control socket ends.

One message is one JSON object. To us: `canaries`, `run`, `signal`. From us: `prepared` (with the
sockets), `failed`, `canaries`, `ended`, `escaped`. Read next: `jail.py`, `probe.py`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from hms_esr.containment import jail, kernel
from hms_esr.containment.plan import Plan, parse_plan
from hms_esr.containment.probe import find_ways_out

LONGEST_MESSAGE: Final = 65_536
AGAIN_S: Final = 30.0
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
# Ctrl-C reaches the whole terminal group: what it means is the command's decision.
LEFT_TO_THE_COMMAND: Final = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Make the jail and wait for its end."""
    control = socket.socket(fileno=int(sys.argv[1]))
    with os.fdopen(int(sys.argv[2]), "rb") as file:
        plan = parse_plan(file.read())
    kernel.die_with_parent()
    if os.getppid() != int(sys.argv[3]):
        os._exit(1)  # the supervisor died before the kernel knew of us
    heard = {number: signal.signal(number, signal.SIG_IGN) for number in LEFT_TO_THE_COMMAND}
    try:
        jail.enter(plan.way)
        first = os.fork()
    except OSError as error:
        _tell(control, event="failed", why=_sentence(error))
        os._exit(1)
    if first == 0:
        _be_first(plan, control, heard)
    control.close()
    _, status = os.waitpid(first, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _be_first(plan: Plan, control: socket.socket, heard: Mapping[signal.Signals, Any]) -> NoReturn:
    """What the first process of the jail does until it is over."""
    code = 1
    try:
        kernel.die_with_parent()
        kernel.hide_from_debuggers()
        notes = jail.furnish(plan)
        sockets = [jail.listen(wanted) for wanted in plan.listenings]
        said = json.dumps({"event": "prepared", "notes": notes}).encode()
        socket.send_fds(control, [said], [each.fileno() for each in sockets])
        for each in sockets:
            each.close()
        code = _First(plan, control, heard).run()
    except OSError as error:
        _tell(control, event="failed", why=_sentence(error))
    finally:
        os._exit(code)


class _First:
    """The first process once the jail stands."""

    def __init__(
        self, plan: Plan, control: socket.socket, heard: Mapping[signal.Signals, Any]
    ) -> None:
        self._plan = plan
        self._control = control
        self._heard = heard
        self._command: int | None = None
        self._no_route_before = 0
        self._rounds = 0

    def run(self) -> int:
        """Do what the supervisor says until the command, or the supervisor, is gone."""
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ, self._obey)
            selector.register(reading, selectors.EVENT_READ, lambda: self._reap(reading))
            while True:
                ready = selector.select(AGAIN_S)
                if not ready and not self._is_still_shut():
                    return 1
                for key, _ in ready:
                    if not key.data():
                        return 0

    def _obey(self) -> bool:
        """Do one thing; False when there is nobody left to obey."""
        data = self._control.recv(LONGEST_MESSAGE)
        if not data:
            return False
        order = json.loads(data)
        match order["do"]:
            case "canaries":
                _tell(self._control, event="canaries", ways_out=self._ways_out())
            case "run":
                return self._start(order["authority"])
            case "signal" if self._command is not None:
                with suppress(ProcessLookupError):
                    os.kill(self._command, order["number"])
        return True

    def _start(self, authority: str | None) -> bool:
        if authority is not None:
            jail.trust(self._plan, authority)
        self._no_route_before = count_no_route()
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self._command = os.fork()
        if self._command == 0:
            _become(self._plan, self._heard, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            complaint = pipe.read()
        if complaint:
            number, code = json.loads(complaint)
            self._end(code, f"{self._plan.command[0]}: {os.strerror(number)}")
        return not complaint

    def _reap(self, pipe: int) -> bool:
        """Bury whoever ended; False when the command did."""
        with suppress(BlockingIOError):
            os.read(pipe, 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return True
            if pid == self._command:
                code = os.waitstatus_to_exitcode(status)
                self._end(code if code >= 0 else 128 - code)
                return False

    def _end(self, code: int, why: str | None = None) -> None:
        no_route = count_no_route() - self._no_route_before
        _tell(
            self._control,
            event="ended",
            code=code,
            why=why,
            no_route=no_route,
            rounds=self._rounds,
        )

    def _is_still_shut(self) -> bool:
        before = count_no_route()
        ways_out = self._ways_out()
        self._no_route_before += count_no_route() - before
        if ways_out:
            _tell(self._control, event="escaped", ways_out=ways_out)
        return not ways_out

    def _ways_out(self) -> list[str]:
        self._rounds += 1
        return find_ways_out(self._plan.canaries, self._plan.denied_hosts)


def _become(plan: Plan, heard: Mapping[signal.Signals, Any], complain: int) -> NoReturn:
    """Turn this process into the command. Says why not through `complain`."""
    code = NOT_EXECUTABLE
    try:
        for number, handler in heard.items():
            # What the caller had ignored (nohup) stays ignored, everything else does as usual.
            is_ignored = handler == signal.SIG_IGN
            signal.signal(number, signal.SIG_IGN if is_ignored else signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        jail.give_up_power()
        os.dup2(complain, 3, inheritable=False)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        complain = 3
        os.execvpe(plan.command[0], plan.command, plan.environment)  # noqa: S606
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            code = NOT_FOUND
        os.write(complain, json.dumps([error.errno, code]).encode())
    finally:
        os._exit(code)


def count_no_route() -> int:
    """How often a program of this network asked for a way to somewhere and there was none."""
    return _count("/proc/self/net/snmp", "Ip:", "OutNoRoutes") + _count6()


def _count(file: str, row: str, column: str) -> int:
    with suppress(OSError, ValueError):
        lines = [
            line.split()
            for line in Path(file).read_text(encoding="ascii").splitlines()
            if line.startswith(row)
        ]
        return int(lines[1][lines[0].index(column)])
    return 0


def _count6() -> int:
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/net/snmp6").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            if name == "Ip6OutNoRoutes":
                return int(value)
    return 0


def _tell(control: socket.socket, **fields: Any) -> None:
    with suppress(OSError):  # whoever does not listen any more is gone, and we end with it
        control.send(json.dumps(fields).encode())


def _sentence(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


if __name__ == "__main__":
    main()
