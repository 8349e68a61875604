"""The inside of the namespace: production, the sandbox, the doors, and the cases run among them.

Started by `conftest.py` through `namespace.unshare_command`. Orders come as JSON lines on standard
input, results go as JSON lines to standard output; it ends with its standard input, and everything
it started ends with it. Read next: `case.py` (how a case is judged).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.leaks import namespace
from tests.leaks.case import Case, Visit, run_case
from tests.leaks.catalogue import BY_NAME
from tests.leaks.certificates import make_certificates
from tests.leaks.doors import Door, DoorError, die_with_parent, start_door
from tests.leaks.fault_runs import run_faults
from tests.leaks.lanes import LANES
from tests.leaks.nest import Nest
from tests.leaks.places import FENCE_PORT, PROD_LOOPBACK, PROD_V4, RULES
from tests.leaks.sandbox import Sandbox

UNGUARDED: Final = {"ESR_LEAKS_UNGUARDED": "1"}


@dataclass
class Counts:
    """What production counted."""

    connections: int = 0
    packets: int = 0
    notes: list[str] = field(default_factory=list)

    def since(self, before: Counts) -> Counts:
        return Counts(
            self.connections - before.connections, self.packets - before.packets, self.notes
        )

    def __bool__(self) -> bool:
        return bool(self.connections or self.packets)


class ProductionHost:
    """One host of production, as a process."""

    def __init__(self, address: str, command: list[str]) -> None:
        self._address = address
        self._fences = 0
        self.process = subprocess.Popen(
            [*command[:-1], *command[-1].split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def read(self) -> Any:
        """Its next line, as JSON; None for the word by which it says that it is there."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"production at {self._address} is gone")
        return None if line == "here\n" else json.loads(line)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def counts(self) -> Counts:
        """Its counts, of all that was sent before this call."""
        self._fences += 1
        fence = f"fence-{self._fences}"
        self.tell(fence)
        self._socket.sendto(fence.encode(), (self._address, FENCE_PORT))
        told = self.read()
        if told["event"] != "counts":
            raise RuntimeError(f"production at {self._address} did not see {fence}: {told}")
        return Counts(told["connections"], told["packets"], told["notes"])


class World:
    """Everything in the namespace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        namespace.bring_up_loopback()
        namespace.cover_names(folder)
        make_certificates(folder)
        self.rules = RULES.format(ca=folder / "ca.pem")
        self.hosts = [_loopback_production(), *self._world_production()]
        self.sandbox = Sandbox(folder)
        self._doors: dict[tuple[str, bool], Door] = {}
        self._missing: dict[str, str] = {}
        self._started = 0
        self._nest: Nest | None = None
        self._last = self._count()

    def _world_production(self) -> list[ProductionHost]:
        if not namespace.has_ip():
            self.notes.append("there is no iproute2: production is on loopback only")
            return []
        return [_world_production()]

    def _count(self) -> Counts:
        counted = [host.counts() for host in self.hosts]
        return Counts(
            sum(each.connections for each in counted),
            sum(each.packets for each in counted),
            [note for each in counted for note in each.notes],
        )

    def contacts(self) -> Counts:
        """What reached production since the last call, however it got there."""
        now = self._count()
        contacts, self._last = now.since(self._last), now
        return contacts

    @property
    def total(self) -> Counts:
        return self._last

    def door(self, name: str, *, is_guarded: bool) -> Door:
        """The door, started at its first use, or when it has died since."""
        missing = self._missing.get(name)
        if missing is not None:
            raise DoorError(missing)
        known = self._doors.get((name, is_guarded))
        if known is None or not known.is_alive:
            if name == "transparent":
                self._stop_transparent()
            try:
                known = self.start(name, {} if is_guarded else UNGUARDED)
            except DoorError as error:
                self._missing[name] = str(error)
                raise
            self._doors[(name, is_guarded)] = known
        return known

    def _stop_transparent(self) -> None:
        """There can be one: the firewall turns every client to it."""
        for is_guarded in (True, False):
            door = self._doors.pop(("transparent", is_guarded), None)
            if door is not None:
                door.kill()

    def forget_unguarded(self) -> None:
        """End every door without a guard."""
        for name, is_guarded in tuple(self._doors):
            if not is_guarded:
                self._doors.pop((name, is_guarded)).kill()

    def start(self, name: str, env: dict[str, str], rules: str | None = None) -> Door:
        """A door of its own, with a folder of its own. Raises DoorError."""
        if name == "transparent" and not (shutil.which("iptables") and namespace.has_ip()):
            raise DoorError("without iptables and iproute2 nothing can be turned to it")
        self._started += 1
        folder = self.folder / f"door-{self._started}-{name}"
        return start_door(name, folder, self.folder, rules or self.rules, env)

    def hatch(self, name: str, env: dict[str, str]) -> Door:
        """A door of the interceptor, forked from one that has imported everything."""
        if name == "transparent":
            self._stop_transparent()
        if self._nest is None:
            self._nest = Nest(self.folder / "nest", env)
        self._started += 1
        return self._nest.start(name, self.folder / f"door-{self._started}-{name}", self.rules)

    def run(self, case: Case, lane: str, *, is_guarded: bool) -> dict[str, Any]:
        """Run a case; what came of it."""
        name = LANES[lane].door if lane in LANES else lane
        address = ("", 0)
        if name not in OWN:
            try:
                address = self.door(name, is_guarded=is_guarded).address
            except DoorError as error:
                return {"missing": str(error)}
        late = self.contacts()
        visit = Visit(LANES.get(lane), address, self.sandbox, self.folder, self)
        seen = run_case(case, lane, visit)
        contacts = self.contacts()
        faults = list(visit.faults)
        if contacts:
            faults.append(f"PRODUCTION WAS REACHED: {contacts}")
        return {
            "faults": faults,
            "contacts": asdict(contacts),
            "late": asdict(late),
            "answers": [(each.status, each.refused_by) if each else None for each in visit.answers],
            "refusals": visit.refusals,
            "seen": seen.requests,
            "skip": visit.skip,
        }

    def close(self) -> None:
        for door in self._doors.values():
            door.stop()
        self._doors.clear()
        if self._nest is not None:
            self._nest.close()


OWN: Final = frozenset({"replay", "own"})
"""Lanes whose cases start what they need themselves."""


def _loopback_production() -> ProductionHost:
    # Without iproute2 its other address is on loopback too.
    addresses = [PROD_LOOPBACK] if namespace.has_ip() else [PROD_LOOPBACK, PROD_V4]
    command = f"-P -m tests.leaks.production loopback {' '.join(addresses)}"
    host = ProductionHost(PROD_LOOPBACK, [sys.executable, command])
    host.read()
    return host


def _world_production() -> ProductionHost:
    command = "-P -m tests.leaks.production world"
    host = ProductionHost(PROD_V4, ["unshare", "--net", sys.executable, command])
    host.read()
    namespace.link_to(host.process.pid)
    host.tell("linked")
    host.read()
    return host


def obey(world: World, order: dict[str, Any]) -> dict[str, Any]:
    """What an order comes to."""
    try:
        match order["do"]:
            case "run":
                case = BY_NAME[order["case"]]
                return world.run(case, order["lane"], is_guarded=order["guard"])
            case "faults":
                return asdict(
                    run_faults(world, order["door"], order["kind"], is_deep=order["deep"])
                )
            case "forget-unguarded":
                world.forget_unguarded()
                return {"late": asdict(world.contacts())}
            case "total":
                late = world.contacts()
                return {"total": asdict(world.total), "late": asdict(late)}
            case "close":
                world.close()
                return {"late": asdict(world.contacts())}
        raise ValueError(f"no such order: {order}")
    except DoorError as error:
        return {"missing": str(error)}
    except Exception:
        return {"error": traceback.format_exc()}


def main() -> None:
    """Until standard input ends; standard output is kept for results."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        world = World(Path(sys.argv[1]))
    except Exception:
        out.write(json.dumps({"error": traceback.format_exc()}) + "\n")
        return
    out.write(json.dumps({"event": "ready", "notes": world.notes}) + "\n")
    for line in sys.stdin:
        out.write(json.dumps(obey(world, json.loads(line))) + "\n")
    world.close()


if __name__ == "__main__":
    main()
