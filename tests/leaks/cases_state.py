"""Cases about a door whose files change under it, whose mode is flipped, and which is killed.

Each starts a door of its own. Where production is the live upstream that a configuration names, it
is asked in live mode, on purpose; what counts is that nothing comes after the flip.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from switchboard.mode import FileMode
from tests.leaks.case import CONTAINED, ROUTED, Case, Run, Visit
from tests.leaks.doors import Door, DoorError
from tests.leaks.lanes import LANES, DoorRefusedError
from tests.leaks.places import LIVE_RULES, PROD_V4
from tests.leaks.wire import Answer, Stream, dial

OWN: Final = ("own",)
WAIT_S: Final = 20.0
_BOTH: Final = ("gateway", "forward")


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether it came about in time."""
    deadline = time.monotonic() + WAIT_S
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


class _Trial:
    """A door of its own, and asking it."""

    def __init__(self, visit: Visit, door: str, rules: str | None = None) -> None:
        self.visit = visit
        self.lane = LANES[door]
        self.door: Door = visit.world.start(door, {}, rules)
        visit.lane = self.lane

    def ask(self, host: str, path: str = "/") -> Answer | None:
        """On a connection of its own; None where it was ended."""
        try:
            stream = self.visit.hold(self.lane.open(self.door.address, host))
        except DoorRefusedError:
            return None
        return self.visit.ask(stream, host, path)

    def ask_on(self, stream: Stream, host: str) -> Answer | None:
        return self.visit.ask(stream, host)

    def must_contain(self, when: str) -> None:
        """Production is refused, and the sandbox is where it was."""
        for host in ("www.hms.gov", PROD_V4, "prod.other.example"):
            answer = self.ask(host)
            self.visit.must(answer is None or answer.is_refusal, f"{when}: {host} passed")
        answer = self.ask(ROUTED)
        self.visit.must(
            answer is None or answer.is_refusal or answer.is_from_sandbox,
            f"{when}: somebody else than the sandbox answered: {answer}",
        )

    def must_work(self, when: str) -> None:
        answer = self.ask(ROUTED)
        self.visit.must(answer and answer.is_from_sandbox, f"{when}: the sandbox did not answer")


def _edited(door: str, change: Callable[[str], str | None]) -> Run:
    """The rules file becomes unsound while the door is open: the old rules stay."""

    def run(visit: Visit) -> None:
        trial = _Trial(visit, door)
        try:
            trial.must_work("before the edit")
            file = trial.door.rules_file
            text = change(file.read_text())
            if text is None:
                file.unlink()
            else:
                file.write_text(text)
            told = wait_until(lambda: "stay in force" in trial.door.said)
            visit.must(told, f"the edit was not complained about: {trial.door.said[-500:]}")
            trial.must_contain("after the edit")
            trial.must_work("after the edit")
        finally:
            trial.door.kill()

    return run


_EDITS: Final[dict[str, Callable[[str], str | None]]] = {
    "garbage": lambda text: "routes: [[[",
    "emptied": lambda text: "",
    "removed": lambda text: None,
    "to-denied-address": lambda text: text.replace("port: 9001", f"port: 80, address: {PROD_V4}")
    .replace("address: 127.0.0.3, port: 80, ", "port: 80, "),
    "to-a-name": lambda text: text.replace("127.0.0.3, port: 9001", "www.hms.gov, port: 9001"),
    "deny-overruled": lambda text: text + f'allow: {{networks: ["{PROD_V4}/32"]}}\n',
}  # fmt: skip


def _mode_garbage(door: str) -> Run:
    """Whatever stands in the mode's files, it is not live unless it says exactly that."""

    def run(visit: Visit) -> None:
        trial = _Trial(visit, door, LIVE_RULES)
        try:
            mode = trial.door.folder / "switchboard.mode"
            for text in (b"LIVE", b"live!", b"\0live\n", b"live" * 100, b"", b"\xff\xfe"):
                mode.write_bytes(text)
                trial.must_contain(f"mode {text!r}")
            shared = mode.with_name("switchboard.mode.shared")
            for raw in (b"", b"ESRMODE1live\0\0\0\0", b"\xff" * 70_000):
                shared.unlink(missing_ok=True)
                shared.write_bytes(raw)
                trial.must_contain("a damaged shared file")
            mode.unlink()
            trial.must_contain("no mode file")
        finally:
            trial.door.kill()

    return run


def _flip(visit: Visit) -> None:
    """Live, and back into the sandbox in the middle of a connection."""
    trial = _Trial(visit, "gateway", LIVE_RULES)
    try:
        mode = FileMode(trial.door.folder / "switchboard.mode")
        before = visit.hold(trial.lane.open(trial.door.address, ROUTED))
        first = trial.ask_on(before, ROUTED)
        visit.must(first and first.is_from_sandbox, "it did not begin in the sandbox")
        mode.flip("live", who="leak suite", why="what is live must be closed again")
        live = visit.hold(trial.lane.open(trial.door.address, ROUTED))
        answer = trial.ask_on(live, ROUTED)
        visit.must(answer and answer.is_from_production, "live mode did not reach its upstream")
        half = visit.hold(trial.lane.open(trial.door.address, ROUTED))
        half.send(visit.request(ROUTED)[:-4])
        visit.world.contacts()
        mode.flip("sandbox", who="leak suite", why="nothing may come after this")
        visit.world.contacts()  # what was under way before the flip returned was live
        visit.answers.clear()
        half.send(b"\r\n\r\n")
        visit.listen(half)
        for stream in (before, live):
            trial.ask_on(stream, ROUTED)
        trial.must_work("after the flip")
    finally:
        trial.door.kill()


def _live_without_upstream(door: str) -> Run:
    def run(visit: Visit) -> None:
        trial = _Trial(visit, door)
        try:
            FileMode(trial.door.folder / "switchboard.mode").flip("live", who="leak suite")
            for host in (ROUTED, "www.hms.gov"):
                answer = trial.ask(host)
                visit.must(answer is None or answer.is_refusal, f"live mode let {host} pass")
        finally:
            trial.door.kill()

    return run


def _killed(door: str) -> Run:
    """SIGKILL in the middle of everything: nothing routes afterwards."""

    def run(visit: Visit) -> None:
        trial = _Trial(visit, door)
        trial.must_work("before the end")
        idle = visit.hold(trial.lane.open(trial.door.address, ROUTED))
        trial.ask_on(idle, ROUTED)
        half = visit.hold(dial(trial.door.address))
        half.send(visit.request("www.hms.gov")[:-2])
        trial.door.process.send_signal(signal.SIGKILL)
        trial.door.kill()
        half.send(b"\r\n")
        visit.must(half.ends(), "a half request was left hanging")
        visit.must(idle.ends(), "a connection outlived its door")
        is_deaf = wait_until(lambda: not _accepts(trial.door.address))
        visit.must(is_deaf, "somebody still accepts connections")
        visit.sandbox.take()

    return run


def _accepts(address: tuple[str, int]) -> bool:
    try:
        dial(address).close()
    except OSError:
        return False
    return True


def _refuses_to_start(rules: str) -> Run:
    def run(visit: Visit) -> None:
        for door in _BOTH:
            try:
                visit.world.start(door, {}, rules).kill()
                visit.must(False, f"{door} started")
            except DoorError as error:
                visit.refusals.append(str(error)[-200:])

    return run


_UNSOUND: Final = {
    "to-denied": 'routes: [{host: a.example, to: {name: a, address: 203.0.113.10, port: 80}}]\n'
                 'deny: {networks: ["203.0.113.0/24"]}\n',
    "to-metadata": "routes: [{host: a.example, to: "
                   "{name: a, address: 169.254.169.254, port: 80}}]\n",
    "to-name": "routes: [{host: a.example, to: {name: a, address: www.hms.gov, port: 80}}]\n",
    "no-yaml": "routes: {{{",
}  # fmt: skip

CASES: Final = [
    *(Case(f"rules-{name}-{door}", "a rules file that becomes unsound", OWN, _edited(door, change),
           CONTAINED) for name, change in _EDITS.items() for door in _BOTH
      if door == "gateway" or name in ("garbage", "to-denied-address")),
    *(Case(f"mode-garbage-{door}", "a mode that cannot be determined", OWN, _mode_garbage(door),
           CONTAINED) for door in ("gateway", "asgi", "wsgi") if door == "gateway"),
    Case("mode-flip", "a flip in the middle of a connection", OWN, _flip, CONTAINED),
    *(Case(f"live-without-upstream-{door}", "live mode where no route names a live upstream", OWN,
           _live_without_upstream(door), CONTAINED) for door in _BOTH),
    *(Case(f"killed-{door}", "a door that is killed", OWN, _killed(door), CONTAINED)
      for door in _BOTH),
    *(Case(f"start-{name}", "rules that no door may start with", OWN, _refuses_to_start(rules),
           CONTAINED) for name, rules in _UNSOUND.items()),
]  # fmt: skip
