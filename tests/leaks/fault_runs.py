"""Faults in our own code, one function at a time: each is made to raise, to hang, to kill.

Which functions a request passes is found out by asking the door itself: it writes them down while
probes go through. Then each of them fails while the same probes go through again. Whatever fails,
production hears nothing and the sandbox never hears a credential of production's.
Read next: `faults/hooks.py` (how a function is made to fail).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.leaks import dns
from tests.leaks.doors import PROXY_MODES, Door
from tests.leaks.faults.hooks import CONTROL_BYTES, Control
from tests.leaks.lanes import LANES, DoorRefusedError, Lane, send_datagram, straight
from tests.leaks.places import MARK
from tests.leaks.wire import Answer

if TYPE_CHECKING:
    from tests.leaks.runner import World

SILENCE_S: Final = 1.0
"""How long a door that fails may say nothing before the client goes away."""
HEALTHY_S: Final = 4.0
LOOK_AGAIN_S: Final = 0.005
HANG_S: Final = 0.1
LANES_OF: Final = {
    "dns": ("dns",),
    "gateway": ("gateway",),
    "forward": ("forward", "forward-connect-tls"),
    "reverse": ("reverse",),
    "socks5": ("socks5",),
    "transparent": ("transparent",),
    "asgi": ("asgi",),
    "wsgi": ("wsgi",),
}
# What must be among the functions that were hit: else the probes went past the guard.
_CORE: Final = ("switchboard.decide:decide", "switchboard.switch:Switch.decide")
_INTERCEPTOR: Final = (
    *_CORE,
    "switchboard.seal:check_dial",
    "switchboard.edit_request:edit_request",
    "switchboard.edit_answer:edit_answer",
    "proxy.interceptor.router:Router.requestheaders",
    "proxy.interceptor.router:Router.server_connect",
    "proxy.interceptor.router:Router.responseheaders",
    "proxy.interceptor.guard:Guard.server_connect",
    "proxy.interceptor.guard:Guard.check",
    "proxy.interceptor.doorway:Doorway.next_layer",
    "proxy.interceptor.doorway:Doorway.client_connected",
)
MUST_HIT: Final = {
    "gateway": (
        *_CORE,
        "switchboard.seal:check_dial",
        "switchboard.edit_request:own_headers",
        "switchboard.edit_request:kept_headers",
        "switchboard.edit_answer:edit_answer",
        "proxy.gateway.dialler:Dialler.dial",
    ),
    "forward": (*_INTERCEPTOR, "proxy.interceptor.doorway:Doorway.http_connect"),
    "reverse": _INTERCEPTOR,
    "socks5": _INTERCEPTOR,
    "transparent": _INTERCEPTOR,
    "dns": (
        *_CORE,
        "proxy.interceptor.router:NamesRouter.dns_request",
        "proxy.interceptor.names_service:NamesService.answer",
        "proxy.interceptor.gate:Gate.refuse_name",
    ),
    "asgi": ("switchboard.edit_request:edit_request", "switchboard.edit_answer:edit_answer"),
    "wsgi": ("switchboard.edit_request:edit_request", "switchboard.edit_answer:edit_answer"),
}
# What more is made to fail in every run; `--every-function` takes whatever the probes pass.
_OBSERVERS: Final = ("switchboard.ledger:Ledger.passed", "switchboard.ledger:Ledger.refused")
_SHORT: Final = (
    "switchboard.decide:decide",
    "proxy.interceptor.router:Router.requestheaders",
    "proxy.interceptor.router:Router.server_connect",
)
MORE: Final = {
    "gateway": (
        "proxy.gateway.client_wire:ClientWire.data_received",
        "proxy.gateway.upstream_wire:UpstreamWire.data_received",
        "proxy.gateway.server:Gateway.client_wire",
        "proxy.gateway.dialler:Dialler._open",
        "proxy.gateway.desk:Desk.passed",
        "proxy.gateway.desk:Desk.refused",
        "switchboard.decide:ask_of",
        *_OBSERVERS,
    ),
    "forward": (
        "proxy.interceptor.router:Router.request",
        "proxy.interceptor.router:Router.response",
        "proxy.interceptor.router:Router.error",
        "proxy.interceptor.doorway:Doorway.tls_start_client",
        "proxy.interceptor.doorway:Doorway.client_disconnected",
        "proxy.interceptor.reporting:Reporter.passed",
        "proxy.interceptor.reporting:Reporter.refused",
        "proxy.interceptor.wall:_check",
        "proxy.interceptor.gate:Gate.decide",
        "proxy.interceptor.gate:Gate.endpoints",
        *_OBSERVERS,
    ),
    "asgi": ("switchboard.asgi_door:SwitchboardASGI.__call__",
             "switchboard.edge.asgi_door:SwitchboardASGI.__call__", "switchboard.decide:decide"),
    "wsgi": ("switchboard.wsgi_door:SwitchboardWSGI.__call__",
             "switchboard.edge.wsgi_door:SwitchboardWSGI.__call__", "switchboard.decide:decide"),
}  # fmt: skip
KILLED: Final = {
    "gateway": ("switchboard.decide:decide", "switchboard.seal:check_dial",
                "switchboard.edit_answer:edit_answer"),
}  # fmt: skip
"""Where killing is slow: a few, for a dead process is dead wherever it died."""
DECIDING: Final = frozenset(
    {
        *_CORE,
        "switchboard.seal:check_dial",
        "switchboard.edit_request:edit_request",
        "switchboard.edit_request:own_headers",
        "switchboard.edit_request:kept_headers",
        "proxy.interceptor.router:Router.requestheaders",
        "proxy.interceptor.router:Router.server_connect",
        "proxy.interceptor.guard:Guard.server_connect",
        "proxy.interceptor.guard:Guard.check",
        "proxy.interceptor.doorway:Doorway.next_layer",
        "proxy.gateway.dialler:Dialler.dial",
    }
)
"""Where one of these raises, not even the sandbox is asked for anything."""


NAMES: Final = Lane("dns", "dns", straight)
"""No lane, but a way to ask for a name."""


@dataclass
class FaultReport:
    """What came of all faults of one kind in one door."""

    faults: list[str] = field(default_factory=list)
    injected: int = 0
    """How many functions failed while a request passed them."""
    silent: list[str] = field(default_factory=list)
    """After which the client got neither an answer nor an end of the connection."""
    restarts: int = 0
    restarted: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass
class _Probe:
    """One request on its way."""

    is_for_production: bool
    lane: str
    host: str
    answer: Answer | None = None
    is_refused: bool = False


class FaultRuns:
    """One door with a control file, started again whenever a fault has broken it."""

    def __init__(self, world: World, door: str, kind: str) -> None:
        self.report = FaultReport()
        self._world = world
        self._name = door
        self._kind = kind
        self._hang_s = HANG_S
        self._lanes = [LANES.get(name, NAMES) for name in LANES_OF[door]]
        self._number = 0
        path = Path(world.folder, "control")
        if not path.exists():
            path.write_bytes(bytes(CONTROL_BYTES))
        self._control = Control(path)
        self._control.clear()
        self._env = {"ESR_LEAKS_CONTROL": str(path)}
        self._door = self._start()

    def _start(self) -> Door:
        if self._name in PROXY_MODES:
            return self._world.hatch(self._name, self._env)
        return self._world.start(self._name, self._env)

    def _chosen(self, found: list[str], *, is_deep: bool) -> list[str]:
        """Which functions are broken: the hooks, or with `is_deep` all that were passed."""
        door = self._name
        if self._kind == "kill":
            return [each for each in KILLED.get(door, _short(door)) if each in found]
        if is_deep:
            return found
        return [each for each in (*_hooks(door), *MORE.get(door, ())) if each in found]

    def run(self, *, is_deep: bool) -> None:
        """Find the functions, then break each."""
        if is_deep:
            self._hang_s = SILENCE_S + HANG_S
        self._settle("the start")
        self._control.set("trace", "")
        for _ in self._probes():
            pass
        found = self._control.traced()
        self._control.clear()
        missing = set(MUST_HIT[self._name]) - set(found)
        self._must(not missing, f"the probes did not pass {sorted(missing)}, but {found}")
        self._settle("the trace")
        for name in self._chosen(found, is_deep=is_deep):
            self._break(name)
        self._control.clear()
        self._door.kill()

    def _must(self, is_so: object, otherwise: str) -> None:
        if not is_so:
            self.report.faults.append(otherwise)

    def _break(self, name: str) -> None:
        """Send the probes while this function fails."""
        self._world.contacts()
        self._world.sandbox.take()
        self._control.set(self._kind, name)
        has_hit = False
        for probe in self._probes():
            has_hit = has_hit or self._control.hits > 0
            self._judge(name, probe)
            if self._kind == "hang":
                self._control.set(self._kind, name)
            if self._kind == "kill" and has_hit:
                break
        self._control.clear()
        if has_hit:
            self.report.injected += 1
            self.report.names.append(name)
        self._settle(name)

    def _judge(self, name: str, probe: _Probe) -> None:
        what = f"{self._kind} in {name}, {probe.lane}"
        seen = self._world.sandbox.take()
        # What hung before may come late; each request says for itself which one it is.
        heard = [each for each in seen.requests if probe.host in each]
        answer = probe.answer
        contacts = self._world.contacts()
        self._must(not contacts, f"{what}: PRODUCTION WAS REACHED: {contacts}")
        self._must(not seen.secrets, f"{what}: the sandbox saw credentials of production")
        self._must(not answer or not answer.is_from_production, f"{what}: production answered")
        if probe.is_for_production:
            self._must(not heard, f"{what}: a request for production was forwarded")
            is_refused = answer is None or answer.is_refusal
            self._must(is_refused, f"{what}: a request for production was answered: {answer}")
        elif name in DECIDING and self._kind != "hang" and self._control.hits:
            self._must(not heard, f"{what}: forwarded although deciding failed")

    def _probes(self) -> Iterator[_Probe]:
        """Each with hosts of its own, so that nothing is remembered from the one before."""
        for lane in self._lanes:
            for is_for_production in (False, True):
                self._number += 1
                host = f"p{self._number}.hms.{'gov' if is_for_production else 'example'}"
                probe = _Probe(is_for_production, lane.name, host)
                with self._hanging_for_a_while():
                    self._send(lane, host, probe)
                yield probe

    @contextmanager
    def _hanging_for_a_while(self) -> Iterator[None]:
        """What hangs goes on after a while: a client that left must not have been heard."""
        is_over = threading.Event()

        def release() -> None:
            while not is_over.wait(LOOK_AGAIN_S):
                if self._control.hits:
                    is_over.wait(self._hang_s)
                    break
            self._control.clear()

        if self._control.kind != "hang":
            yield
            return
        watcher = threading.Thread(target=release, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()

    def _send(self, lane: Lane, host: str, probe: _Probe) -> None:
        if lane is NAMES:
            probe.answer = self._look_up(host)
            return
        try:
            stream = lane.open(self._door.address, host, timeout_s=SILENCE_S)
        except DoorRefusedError as error:
            probe.answer, probe.is_refused = error.answer, True
            return
        lines = [
            f"POST {lane.target(host, f'/early/{host}')} HTTP/1.1", f"Host: {host}",
            f"Authorization: Bearer {MARK}", f"Cookie: sid={MARK}", f"X-Note: {host}",
            "Content-Length: 3", "", "abc",
        ]  # fmt: skip
        stream.send("\r\n".join(lines).encode())
        probe.answer = stream.answer(SILENCE_S)
        if probe.answer is None and not stream.is_over:
            self.report.silent.append(f"{self._control.name} on {lane.name}")
        stream.close()

    def _look_up(self, host: str) -> Answer | None:
        """What the door says of a name, as an answer: an address is one of the sandbox's."""
        query = dns.build_query(host, dns.A)
        raw = send_datagram(self._door.address, query, SILENCE_S / 4)
        if raw is None:
            return None
        found = dns.parse_reply(raw).addresses
        if not found:
            return Answer(403)
        is_own = all(each == self._door.address[0] for each in found)
        return Answer(200, {"x-sandbox": "yes"} if is_own else {"x-production": str(found)})

    def _settle(self, name: str) -> None:
        """Have a door that works again, started anew where it must be."""
        if self._door.is_alive and self._is_healthy():
            return
        self.report.restarts += 1
        self.report.restarted.append(name)
        self._door.kill()
        contacts = self._world.contacts()
        self._must(not contacts, f"{name}: PRODUCTION WAS REACHED afterwards: {contacts}")
        self._door = self._start()

    def _is_healthy(self) -> bool:
        """Whether requests for the sandbox are answered again; a door may take a moment."""
        deadline = time.monotonic() + HEALTHY_S
        lane = self._lanes[0]
        while time.monotonic() < deadline and self._door.is_alive:
            self._number += 1
            probe = _Probe(False, lane.name, f"h{self._number}.hms.example")
            self._send(lane, probe.host, probe)
            answer = probe.answer
            if answer is not None and answer.is_from_sandbox:
                return True
            if answer is not None and (answer.refused_by == "interlock" or lane is NAMES):
                return False  # for good
        return False


def _hooks(door: str) -> tuple[str, ...]:
    """All in one mode of the interceptor, whose chain is the same in every mode."""
    return _short(door) if door in ("reverse", "socks5", "transparent") else MUST_HIT[door]


def _short(door: str) -> tuple[str, ...]:
    return _SHORT if door in ("reverse", "socks5", "transparent") else MUST_HIT[door]


def run_faults(world: World, door: str, kind: str, *, is_deep: bool) -> FaultReport:
    """Every fault of one kind in one door."""
    runs = FaultRuns(world, door, kind)
    runs.run(is_deep=is_deep)
    return runs.report
