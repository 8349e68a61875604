"""`esr gateway`: from its options to a gateway that runs until it is told to stop.

Everything that can be judged is judged before anything listens: the rules, their secrets, the
certificate, the ports, the canaries. Then the supervisor holds the workers, and beside it
small loops watch the rules and the workers, write the interlock, ask the canaries again and serve
the control API.
Floor 3. Read next: `gateways/supervisor.py`, `gateway_worker.py`, docs/gateway.md.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from hms_esr.canaries import EVERY_S, CanaryError, CanaryWatch
from hms_esr.commands import here as working_folder
from hms_esr.exits import PASS
from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.journal import Journal, default_interlock_file
from hms_esr.gateways.listening import (
    Address,
    address_of,
    check_no_overlap,
    parse_address,
    reserve,
)
from hms_esr.gateways.options import (
    DEFAULT_LISTEN,
    HUNG_AFTER_S,
    MOST_WORKERS,
    GatewayOptions,
    check_apart,
    check_number,
    check_tls,
    check_writable,
    parse_control,
)
from hms_esr.gateways.panel import GatewayPanel
from hms_esr.gateways.rules_keeper import RulesKeeper
from hms_esr.gateways.supervisor import Supervisor
from hms_esr.signing import load_signer
from hms_esr.voice import Voice, say
from proxy.gateway.limits import Limits
from scenarios.rules_files import find_rules, mode_file_of
from scenarios.units import parse_duration
from switchboard.mode import FileMode

WATCH_S: Final = 0.5
JOURNAL_S: Final = 2.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def gateway_command(
    listen: str = DEFAULT_LISTEN,
    rules: str | None = None,
    workers: int = 1,
    record: str | None = None,
    access_log: str | None = None,
    control: str | None = None,
    mode_file: str | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    interlock: str | None = None,
    seed: int = 0,
    max_connections: int | None = None,
    max_body_bytes: int | None = None,
    drain: str | None = None,
    chaos: str | None = None,
    canaries_every_s: float = EVERY_S,
    hung_after_s: float = HUNG_AFTER_S,
) -> int:
    """Run a gateway until SIGTERM or Ctrl-C; the exit code. Raises EsrError when it cannot begin.

    listen, control: HOST:PORT, port 0 is any free one.   rules: `$ESR_RULES` or switchboard.yml
    when None.   seed: decides what stubs and faults draw.   drain: `10s`, and the two before it:
    see `Limits`.   chaos: a file of faults that are played.
    """
    here, env = working_folder(), os.environ
    rules_file = find_rules(rules, env, here)
    if not 1 <= workers <= MOST_WORKERS:
        raise GatewayError(f"--workers {workers} must be 1 to {MOST_WORKERS}")
    address, token = parse_control(control, env) if control else (None, None)
    options = GatewayOptions(
        listen=parse_address(listen, "--listen", DEFAULT_LISTEN),
        rules_file=rules_file,
        mode_file=here / mode_file if mode_file else mode_file_of(rules_file),
        workers=workers,
        control=address,
        token=token,
        record=_path(here, record),
        access_log=_path(here, access_log),
        interlock_file=_path(here, interlock) or default_interlock_file(env, here),
        tls_cert=_path(here, tls_cert),
        tls_key=_path(here, tls_key),
        seed=seed,
        limits=_limits(max_connections, max_body_bytes, drain),
        chaos=_chaos(here, chaos),
        canaries_every_s=canaries_every_s,
        hung_after_s=hung_after_s,
    )
    check_number("--seed", seed)
    check_tls(options.tls_cert, options.tls_key)
    _check_files(options)
    return run_gateway(options, env, here)


def _check_files(options: GatewayOptions) -> None:
    check_writable("--record", options.record)
    check_writable("--access-log", options.access_log)
    if options.interlock_file.is_dir():
        raise GatewayError(f"--interlock {options.interlock_file} is a folder: name a file")
    check_apart(
        {
            "the rules file": options.rules_file,
            "--tls-key": options.tls_key,
            "--mode-file": options.mode_file,
            "--interlock": options.interlock_file,
            "--record": options.record,
            "--access-log": options.access_log,
        }
    )


def _path(here: Path, name: str | None) -> Path | None:
    return here / name if name else None


def _chaos(here: Path, name: str | None) -> str | None:
    if name is None:
        return None
    from hms_esr.door_chaos import read_door_chaos
    from hms_esr.door_kinds import DoorKind

    return read_door_chaos(here / name, DoorKind("gateway"))


def _limits(max_connections: int | None, max_body_bytes: int | None, drain: str | None) -> Limits:
    limits = Limits()
    check_number("--max-connections", max_connections or 0)
    check_number("--max-body-bytes", max_body_bytes or 0)
    if max_connections is not None:
        limits = replace(limits, max_connections=max_connections)
    if max_body_bytes is not None:
        limits = replace(limits, max_body_bytes=max_body_bytes)
    if drain is not None:
        try:
            limits = replace(limits, drain_s=parse_duration(drain))
        except ValueError as error:
            raise GatewayError(f"--drain: {error}") from None
    return limits


def run_gateway(options: GatewayOptions, env: Mapping[str, str], here: Path) -> int:
    """Open what is needed, run, close it. Raises EsrError when it cannot begin."""
    with ExitStack() as stack:
        holder = stack.enter_context(reserve(options.listen, "--listen"))
        listen = address_of(holder)
        own = [("the gateway's own address", listen)]
        control = None
        if options.control is not None:
            control = stack.enter_context(reserve(options.control, "--control"))
            check_no_overlap(listen, address_of(control))
            own.append(("the gateway's control API", address_of(control)))
        keeper = RulesKeeper(options.rules_file, env, own, say)
        try:
            return asyncio.run(_Gateway(options, listen, keeper, env, here).run(control))
        except BaseExceptionGroup as group:
            raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; the rest is its consequence."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Gateway:
    """One gateway while it runs."""

    def __init__(
        self,
        options: GatewayOptions,
        listen: Address,
        keeper: RulesKeeper,
        env: Mapping[str, str],
        here: Path,
    ) -> None:
        self._options = options
        self._listen = listen
        self._keeper = keeper
        self._mode = FileMode(options.mode_file, keeper.in_force.rules.mode)
        self._supervisor = Supervisor(options, listen, keeper.in_force, say)
        self._canaries = CanaryWatch(
            lambda: keeper.in_force.rules,
            own=() if listen.is_everywhere else (listen.host,),
            every_s=options.canaries_every_s,
        )
        signer = load_signer(env, here)
        self._journal = Journal(
            options.interlock_file, keeper, self._supervisor, self._mode, self._canaries, signer
        )
        self._exit_code = PASS
        self._stop = asyncio.Event()

    async def run(self, control: socket.socket | None) -> int:
        """From canaries to the last report; the exit code."""
        with self._obeying_signals():
            await self._ask_canaries()
            async with asyncio.TaskGroup() as tasks:
                try:
                    await self._supervisor.start(tasks)
                    async with self._control(control):
                        self._begin()
                        await self._watch_until_stopped()
                finally:
                    await self._supervisor.stop()
            self._journal.write()
            self._say_touched()
        return self._exit_code

    def _say_touched(self) -> None:
        for name, count in sorted(self._supervisor.totals.faults.items()):
            say(f"the fault {name} touched {count:,} times")

    async def _ask_canaries(self) -> None:
        """Raises CanaryError when one gets out; the interlock then says so."""
        try:
            await self._canaries.check()
        except CanaryError:
            self._journal.write()
            raise

    def _begin(self) -> None:
        self._mode.poll()  # the workers have made its file by now
        rules = self._keeper.in_force.rules
        for note in rules.notes:
            say(f"{rules.source}: {note}")
        if self._options.chaos is not None:
            say("declared faults are played; in live mode there are none")
        self._journal.write()
        voice = Voice(sys.stdout)
        voice.write(f"ready {self._listen}\n")
        voice.flush()

    async def _watch_until_stopped(self) -> None:
        async with asyncio.TaskGroup() as loops:
            running = (
                loops.create_task(self._watch_rules()),
                loops.create_task(self._write_journal()),
                loops.create_task(self._ask_canaries_again()),
                loops.create_task(self._supervisor.end_hung()),
            )
            await self._stop.wait()
            for task in running:
                task.cancel()

    async def _watch_rules(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self._mode.poll()
            found = self._keeper.check()
            if found is not None:
                self._journal.declare(found.rules)
                await self._supervisor.replace(found)
                say(f"took the edited rules of {found.rules.source}")

    async def _write_journal(self) -> None:
        while True:
            await asyncio.sleep(JOURNAL_S)
            self._journal.write()

    async def _ask_canaries_again(self) -> None:
        """A canary that gets out means that containment is gone: refuse everything and stop."""
        error = await self._canaries.run(self._supervisor.note_trip)
        await self._supervisor.trip(str(error))
        say(f"STOPPED, and everything is refused: {error}")
        self._exit_code = error.exit_code
        self._stop.set()

    @asynccontextmanager
    async def _control(self, holder: socket.socket | None) -> AsyncIterator[None]:
        """The control API, as long as the context lasts; nothing without a socket."""
        if holder is None:
            yield
            return
        from hms_esr.api.server import make_server
        from hms_esr.api.switchboard import switchboard_app

        options = self._options
        panel = GatewayPanel(
            self._listen,
            self._supervisor,
            self._keeper,
            self._mode,
            options.limits.drain_s,
            self._journal.document,
        )
        holder.listen(128)
        holder.setblocking(False)
        say(f"control API on http://{address_of(holder)}")
        server = make_server(switchboard_app(panel, options.token))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[holder]))
            try:
                yield
            finally:
                server.should_exit = True

    def _be_told_to_stop(self) -> None:
        """Told twice, it does not wait for what is in flight."""
        if self._stop.is_set():
            self._supervisor.kill()
        self._stop.set()

    @contextmanager
    def _obeying_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._be_told_to_stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
