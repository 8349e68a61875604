"""`esr contain -- COMMAND`: run a command in a network whose only way out is the switchboard.

This process is the supervisor. It stays outside, starts the warden, which makes the jail, and the
doors, and carries bytes between the sockets of the one and the ports of the others. If it dies,
the command and the doors die with it. Read next: `containment/warden.py`, docs/containment.md.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from hms_esr.canaries import Canary, plan_canaries
from hms_esr.commands import here as working_folder
from hms_esr.containment import kernel
from hms_esr.containment.account import sum_up
from hms_esr.containment.doors import FORWARD, GATEWAY, REVERSE, Door, Home, start_command
from hms_esr.containment.frozen_rules import freeze_rules
from hms_esr.containment.plan import (
    DOOR,
    ContainError,
    Plan,
    Way,
    choose_listenings,
)
from hms_esr.containment.proof import JAIL, build_proof
from hms_esr.containment.relay import Relay, Resolver, Traffic, serve_names, serve_tcp
from hms_esr.containment.signals import block_signals, watch_signals
from hms_esr.containment.surroundings import build_surroundings
from hms_esr.containment.warden_line import WardenLine
from hms_esr.containment.ways_round import check_streams, folders_to_cover, sockets_to_cover
from hms_esr.exits import USAGE
from hms_esr.gateways.options import check_writable
from hms_esr.run_folder import home_folder
from hms_esr.scratch import make_scratch
from hms_esr.signing import KEY_FILE, PEM_VARIABLE, load_signer
from hms_esr.voice import say
from scenarios.rules_files import find_rules
from scorecard.files import Losses, rfc3339, write_json
from switchboard.errors import EsrError
from switchboard.hosts import literal_address
from switchboard.interlock import Signer
from switchboard.rules import SANDBOX, Rules

NOT_FOUND: Final = 127
REFUSED: Final = ContainError.exit_code


class ContainUsageError(EsrError):
    """There is no command."""

    exit_code = USAGE


def contain_command(
    command: Sequence[str], *, rules: str | None = None, record: str | None = None
) -> int:
    """Run `command` contained; its exit code, 128 + N when signal N ended it, 127 without it.

    rules: a file, else `$ESR_RULES`, else `switchboard.yml`.   record: each door writes what passes
    into a file of this name with its own name added.
    Raises EsrError when it was not started.
    """
    _check_system()
    if not command:
        raise ContainUsageError("there is no command: write esr contain -- COMMAND [ARGUMENTS]")
    if shutil.which(command[0]) is None:
        say(f"{command[0]}: there is no such command here")
        return NOT_FOUND
    here, variables = working_folder(), dict(os.environ)
    rules_file = find_rules(rules, variables, here)
    check_writable("--record", here / record if record else None)
    with ExitStack() as stack:
        folder = make_scratch("esr-contain-", stack)
        copy, frozen = freeze_rules(rules_file, variables, here, folder / "rules")
        signer = load_signer(variables, here)  # before there is a jail, so that its key is hidden
        own = {name: text for name, text in variables.items() if name not in _NOT_FOR_DOORS}
        home = Home(folder, copy, here / record if record else None, own)
        contained = _Contained(tuple(command), frozen, home, variables, here, signer)
        mask = stack.enter_context(block_signals())
        try:
            return asyncio.run(contained.run(mask))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        except BaseExceptionGroup as group:
            raise _first(group) from group


_NOT_FOR_DOORS: Final = ("ESR_ENVIRONMENTS", "ESR_MODE_FILE", "ESR_RULES")


def _check_system() -> None:
    """Raise ContainError where no command can be contained."""
    if sys.platform != "linux":
        raise ContainError(
            f"esr contain needs the namespaces of Linux, and this is {sys.platform}: "
            "use deploy/compose.yaml instead"
        )
    from hms_esr.containment.jail import is_known_machine

    if not is_known_machine():
        raise ContainError(
            "esr contain knows the system calls of x86_64 and aarch64 only: "
            "use deploy/compose.yaml instead"
        )
    check_streams()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; the rest is its consequence."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def ways() -> tuple[Way, ...]:
    """How a jail can be made by this user, the better way first."""
    return ("user namespace", "root") if os.geteuid() == 0 else ("user namespace",)


class _Contained:
    """One command, from its plan to its account."""

    def __init__(
        self,
        command: tuple[str, ...],
        rules: Rules,
        home: Home,
        variables: Mapping[str, str],
        here: Path,
        signer: Signer,
    ) -> None:
        self._command = command
        self._rules = rules
        self._home = home
        self._variables = variables
        self._here = here
        self._signer = signer
        self._canaries = choose_canaries(rules)
        self._has_proxy = importlib.util.find_spec("mitmproxy") is not None
        self._listenings = choose_listenings(_ports(rules), has_proxy=self._has_proxy)
        self._resolver = Resolver(DOOR)
        self._traffic = Traffic()
        self._doors: dict[str, Door] = {}
        self._line: WardenLine | None = None
        self._is_running = False
        self._task: asyncio.Task[Any] | None = None
        self._ended: Mapping[str, Any] = {}
        """The warden's last words."""
        self._way = ""

    async def run(self, mask: set[signal.Signals | int]) -> int:
        """Everything, in order; the exit code."""
        self._task = asyncio.current_task()
        parent = os.getpid()

        def before_exec() -> None:
            kernel.die_with_parent()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if os.getppid() != parent:
                os._exit(1)

        async with AsyncExitStack() as stack:
            stack.enter_context(watch_signals(self._take_signal))
            line = self._line = await self._make_jail(before_exec)
            stack.push_async_callback(line.close)
            await self._open_doors(before_exec, stack)
            await self._lead_in(line, stack)
            await self._ask_canaries(line)
            code = await self._oversee(line)
        self._settle()
        return code

    def _take_signal(self, number: int, is_key: bool) -> None:
        if self._is_running and self._line is not None:
            if not is_key:  # a key has reached the command already
                self._line.send(do="signal", number=number)
        elif self._task is not None:
            self._task.cancel()

    async def _make_jail(self, before_exec: Callable[[], None]) -> WardenLine:
        reasons = []
        for way in ways():
            line = await WardenLine.open(self._plan(way), before_exec)
            try:
                said = await line.receive()
            except BaseException:
                await line.close()
                raise
            if said["event"] == "prepared":
                self._way = way
                for note in said["notes"]:
                    say(note)
                return line
            await line.close()
            reasons.append(f"by {way}: {said['why']}")
        raise ContainError(_no_way(reasons))

    def _plan(self, way: Way) -> Plan:
        own = str(self._home.folder)
        covered = folders_to_cover(self._variables)
        canaries = self._canaries
        return Plan(
            way=way,
            command=self._command,
            environment=build_surroundings(
                self._variables, self._rules.secret_names, own, has_proxy=self._has_proxy
            ),
            folder=str(self._here),
            listenings=self._listenings,
            canaries=tuple((each.host, each.port) for each in canaries if _is_address(each)),
            denied_hosts=tuple(each.host for each in canaries if not _is_address(each)),
            own=own,
            covered=covered,
            sockets=sockets_to_cover(covered),
            hidden=key_files(self._variables, self._here),
        )

    async def _open_doors(self, before_exec: Callable[[], None], stack: AsyncExitStack) -> None:
        async def open_(name: str) -> None:
            door = await Door.open(name, start_command(name, self._home), self._home, before_exec)
            stack.push_async_callback(door.close)
            self._doors[name] = door

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(open_(GATEWAY))
            if self._has_proxy:
                tasks.create_task(open_(FORWARD))
        if self._has_proxy:
            # After the other one, which has made the authority that both sign with.
            await open_(REVERSE)
        else:
            say("HTTPS is refused: for it, install hms-esr[mitm]")

    async def _lead_in(self, line: WardenLine, stack: AsyncExitStack) -> None:
        """Connect the sockets of the jail with the doors."""
        relay = Relay(self._traffic)
        web = relay.to_web(self._address(GATEWAY), self._address_if(REVERSE))
        for wanted, made in zip(self._listenings, line.sockets, strict=True):
            if wanted.kind == "dns-udp":
                transport = await serve_names(made, self._resolver)
                stack.callback(transport.close)
                continue
            serve = {
                "web": lambda: web,
                "proxy": lambda: relay.to_door(self._address(FORWARD)),
                "dns-tcp": lambda: relay.limited(self._resolver.serve),
            }[wanted.kind]()
            server = await serve_tcp(made, serve)
            stack.callback(server.close)

    def _address(self, door: str) -> tuple[str, int]:
        return self._doors[door].address

    def _address_if(self, door: str) -> tuple[str, int] | None:
        return self._doors[door].address if door in self._doors else None

    async def _ask_canaries(self, line: WardenLine) -> None:
        line.send(do="canaries")
        said = await line.receive()
        if said["event"] != "canaries" or said["ways_out"]:
            raise ContainError(
                f"there is a way out of the jail, so nothing was started: {_listed(said)}"
            )

    async def _oversee(self, line: WardenLine) -> int:
        """Let the command run to its end, or end it because a door was alarmed."""
        line.send(do="run", authority=self._authority())
        self._is_running = True
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(self._watch(door)) for door in self._doors.values()]
            said = await line.receive()
            self._is_running = False
            for task in watching:
                task.cancel()
        if said["event"] != "ended":
            say(f"STOPPED: there is a way out of the jail: {_listed(said)}")
            return REFUSED
        if said["why"] is not None:
            say(said["why"])
        self._ended = said
        return int(said["code"])

    async def _watch(self, door: Door) -> None:
        """A door that ends by itself takes its way with it; one that was alarmed, everything."""
        code = await door.process.wait()
        words = f"the {door.name} door ended ({door.last_words})"
        if code == REFUSED:
            raise ContainError(f"STOPPED: {words}")
        say(f"{words}: what goes there is refused from now on")

    def _authority(self) -> str | None:
        if not self._has_proxy:
            return None
        found = sorted(self._home.authority.glob("*ca-cert.pem"))
        if not found:
            raise ContainError(f"the interceptor left no authority in {self._home.authority}")
        return found[0].read_text(encoding="ascii")

    def _settle(self) -> None:
        """Say what was refused, and keep what is signed."""
        no_route = self._ended.get("no_route", 0)
        documents = {name: self._read(name) for name in self._doors}
        say(str(sum_up(documents, self._rules.endpoints(SANDBOX), no_route)))
        if not self._ended:
            return  # the jail did not hold, or its warden cannot say whether it did
        start = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        proof = build_proof(
            run_id=f"CONTAIN-{start}",
            rules=self._rules,
            canaries=self._canaries,
            rounds=self._ended["rounds"],
            no_route=no_route,
            way=self._way,
            written=rfc3339(time.time_ns()),
            signer=self._signer,
        )
        kept = home_folder(self._variables, self._here) / "switchboard"
        kept.mkdir(parents=True, exist_ok=True)
        losses = Losses(say)
        for name, document in {JAIL: proof, **documents}.items():
            if document is not None:
                write_json(kept / f"interlock-{start}-{name}.json", dict(document), losses)

    def _read(self, door: str) -> Mapping[str, Any] | None:
        try:
            document: Mapping[str, Any] = orjson.loads(self._home.interlock(door).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        return document


def key_files(variables: Mapping[str, str], here: Path) -> tuple[str, ...]:
    """The files of keys that sign the interlock: no command may sign one."""
    pem = variables.get(PEM_VARIABLE)
    files = (home_folder(variables, here) / KEY_FILE, *((here / pem,) if pem else ()))
    return tuple(map(str, files))


def choose_canaries(rules: Rules) -> tuple[Canary, ...]:
    """Those that the rules ask for; here also where they do not."""
    return plan_canaries(rules if rules.canaries is not None else replace(rules, canaries=()))


def _is_address(canary: Canary) -> bool:
    return literal_address(canary.host) is not None


def _ports(rules: Rules) -> frozenset[int]:
    """Every port that a route names."""
    return frozenset(port for route in rules.routes for port in route.ports)


def _listed(said: Mapping[str, Any]) -> str:
    return "; ".join(said.get("ways_out", ())) or str(said.get("why") or said["event"])


def _no_way(reasons: Sequence[str]) -> str:
    told = "; ".join(reasons)
    if os.geteuid() == 0:
        return f"this machine lets not even root make a network for a command ({told})"
    return (
        f"this machine lets no ordinary user make a network for a command ({told}): allow it "
        "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
        "kernel.apparmor_restrict_unprivileged_userns) or run it as root"
    )
