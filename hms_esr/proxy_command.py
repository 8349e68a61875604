"""`esr proxy`: from its options to an interceptor that runs until it is told to stop.

Everything that can be judged is judged before anything listens: the rules, their secrets, the
folder of the certificate authority, the canaries. Then four small loops watch the mode, the rules,
the interlock and the canaries. The interceptor has no live mode: live refuses everything.
Floor 3. Read next: `proxy/interceptor/master.py`, `gateway_command.py`, docs/proxy.md.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hms_esr.canaries import EVERY_S, CanaryError, CanaryWatch
from hms_esr.canary_ways import Ways, dial_here, resolve_here
from hms_esr.door_chaos import DoorChaos, load_faults, read_door_chaos
from hms_esr.door_kinds import DoorKind
from hms_esr.exits import PASS
from hms_esr.gateways.journal import default_interlock_file
from hms_esr.gateways.listening import Address, parse_address
from hms_esr.gateways.options import check_writable
from hms_esr.gateways.rules_keeper import RulesKeeper
from hms_esr.proxy_journal import ProxyJournal
from hms_esr.signing import load_signer
from hms_esr.stub_answers import StubAnswers
from hms_esr.voice import Voice, say
from proxy.recorder import Recorder
from scenarios.rules_files import find_rules, mode_file_of
from stubs.clock import RecordedClock
from switchboard.errors import EsrError
from switchboard.exchange import Exchange, Observer, Refusal
from switchboard.ledger import Ledger
from switchboard.mode import FileMode
from switchboard.switch import Switch

if TYPE_CHECKING:
    from proxy.interceptor.master import Interceptor
    from proxy.interceptor.settings import Settings

DEFAULT_LISTEN: Final = "127.0.0.1:8081"
Seen = Callable[[int], None]
MODES: Final = ("forward", "reverse", "transparent", "socks5", "dns")
CA_FOLDER: Final = "proxy-ca"
MODE_POLL_S: Final = 0.05
WATCH_S: Final = 0.5
JOURNAL_S: Final = 2.0
CAPTURED_BYTES: Final = 262_144
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class ProxyError(EsrError):
    """An option of `esr proxy` cannot be used."""


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """Every option of the command, as values."""

    mode: str
    listen: Address
    rules_file: Path
    mode_file: Path
    ca_dir: Path
    interlock_file: Path
    answer: str | None = None
    record: Path | None = None
    seed: int = 0
    chaos: str | None = None
    """The faults that are played, as JSON text."""
    canaries_every_s: float = EVERY_S


def proxy_command(
    mode: str = "forward",
    listen: str = DEFAULT_LISTEN,
    rules: str | None = None,
    record: str | None = None,
    ca_dir: str | None = None,
    answer: str | None = None,
    mode_file: str | None = None,
    interlock: str | None = None,
    seed: int = 0,
    chaos: str | None = None,
) -> int:
    """Run an interceptor until SIGTERM or Ctrl-C; the exit code. Raises EsrError.

    mode: one of MODES.   listen: HOST:PORT, port 0 is any free one.   rules: `$ESR_RULES` or
    switchboard.yml when None.   ca_dir: where its certificate authority is, or is made.
    answer: the address that DNS answers give.   seed: decides what stubs and faults draw.
    chaos: a file of faults that are played.
    """
    here, env = Path.cwd(), os.environ
    if mode not in MODES:
        raise ProxyError(f"--mode {mode!r:.40} must be one of {', '.join(MODES)}")
    if importlib.util.find_spec("mitmproxy") is None:
        raise ProxyError(
            "esr proxy needs mitmproxy: install it with pip install 'hms-esr[mitm]', "
            "or use esr gateway, which needs nothing more"
        )
    rules_file = find_rules(rules, env, here)
    address = parse_address(listen, "--listen", DEFAULT_LISTEN)
    options = ProxyOptions(
        mode=mode,
        listen=address,
        rules_file=rules_file,
        mode_file=here / mode_file if mode_file else mode_file_of(rules_file),
        ca_dir=here / ca_dir if ca_dir else here / ".esr" / CA_FOLDER,
        interlock_file=here / interlock if interlock else default_interlock_file(env, here),
        answer=_answer(mode, address, answer),
        record=here / record if record else None,
        seed=seed,
        chaos=read_door_chaos(here / chaos, DoorKind("proxy", mode)) if chaos else None,
    )
    check_writable("--record", options.record)
    return run_proxy(options, env, here)


def _answer(mode: str, listen: Address, answer: str | None) -> str | None:
    """The address that names get; it must be one that clients can reach."""
    if answer is not None:
        return parse_address(
            f"{answer}:53" if ":" not in answer else f"[{answer}]:53", "--answer", "127.0.0.1"
        ).host
    if mode == "dns" and listen.is_everywhere:
        raise ProxyError(
            f"--listen {listen} is every address of this machine: say with --answer ADDRESS which "
            "one the names of the sandbox have"
        )
    return None


def run_proxy(options: ProxyOptions, env: Mapping[str, str], here: Path) -> int:
    """Open what is needed, run, close it. Raises EsrError when it cannot begin."""
    own = [("the interceptor's own address", options.listen)]
    keeper = RulesKeeper(options.rules_file, env, own, say)
    with ExitStack() as stack:
        recorder = None
        if options.record is not None:
            recorder = Recorder(options.record)
            stack.callback(recorder.close)
        try:
            return asyncio.run(_Proxy(options, keeper, env, here, recorder).run())
        except BaseExceptionGroup as group:
            raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; the rest is its consequence."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class _Everyone:
    """Tells several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def passed(self, exchange: Exchange) -> None:
        for each in self._observers:
            each.passed(exchange)

    def refused(self, refusal: Refusal) -> None:
        for each in self._observers:
            each.refused(refusal)


class _Proxy:
    """One interceptor while it runs."""

    def __init__(
        self,
        options: ProxyOptions,
        keeper: RulesKeeper,
        env: Mapping[str, str],
        here: Path,
        recorder: Recorder | None,
    ) -> None:
        found = keeper.in_force
        self._options = options
        self._keeper = keeper
        self._mode = FileMode(options.mode_file, found.rules.mode)
        self._switch = Switch(found.rules, self._mode, found.secrets)
        self._ledger = Ledger()
        self._recorder = recorder
        self._troubles = _load_troubles(options)
        own = {options.listen.host, options.answer or options.listen.host}
        self._canaries = CanaryWatch(
            lambda: keeper.in_force.rules,
            own=tuple(each for each in own if each not in ("0.0.0.0", "::")),  # noqa: S104
            ways=Ways(resolve=_resolve, dial=_dial),
            every_s=options.canaries_every_s,
        )
        self._journal = ProxyJournal(
            options.interlock_file,
            keeper,
            self._switch,
            self._ledger,
            self._canaries,
            load_signer(env, here),
        )
        self._exit_code = PASS
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """From canaries to the last report; the exit code."""
        from proxy.interceptor.master import VERSION, Interceptor

        with self._obeying_signals():
            await self._ask_canaries()
            listener = self._mode.listen()
            stubs = StubAnswers(self._options.seed)
            stubs.prepare(self._keeper.in_force.rules)
            observers: list[Observer] = [self._ledger]
            if self._recorder is not None:
                observers.append(self._recorder)
            try:
                async with Interceptor(
                    self._switch,
                    _Everyone(observers),
                    self._settings(),
                    stubs=stubs,
                    say=say,
                    troubles=self._troubles,
                ) as door:
                    self._begin(door, VERSION)
                    await self._watch_until_stopped(door, listener.generation_seen_by)
                    self._stop_faults()
            finally:
                listener.close()
            self._journal.write()
        return self._exit_code

    def _stop_faults(self) -> None:
        """Let go of what is held, and say what was touched."""
        if self._troubles is not None:
            self._troubles.stop()
            for name, count in sorted(self._troubles.take_touched().items()):
                say(f"the fault {name} touched {count:,} times")

    def _settings(self) -> Settings:
        from proxy.interceptor.settings import PROXY_MODES, Settings

        options = self._options
        return Settings(
            mode=PROXY_MODES[MODES.index(options.mode)],
            host=options.listen.host,
            port=options.listen.port,
            ca_dir=options.ca_dir,
            folder=options.rules_file.parent,
            answer=options.answer,
            hop=f"proxy-{secrets.token_hex(4)}",
            max_captured_bytes=CAPTURED_BYTES if options.record is not None else 0,
        )

    async def _ask_canaries(self) -> None:
        """Raises CanaryError when one gets out; the interlock then says so."""
        try:
            await self._canaries.check()
        except CanaryError:
            self._journal.write()
            raise

    def _begin(self, door: Interceptor, version: str) -> None:
        from proxy.interceptor.wall import arm_process

        arm_process(lambda: door.gate.endpoints)
        rules = self._keeper.in_force.rules
        for note in rules.notes:
            say(f"{rules.source}: {note}")
        if self._options.mode != "dns":
            say(f"clients must trust {door.ca_certificate} (mitmproxy {version})")
        if self._mode.read() == "live":
            say("the mode is live: everything is refused, for the interceptor has no live mode")
        if self._troubles is not None:
            say("declared faults are played")
        self._journal.write()
        gc.collect()
        gc.freeze()  # what lives as long as the process need not be looked at again
        voice = Voice(sys.stdout)
        voice.write(f"ready {Address(*door.address)}\n")
        voice.flush()

    async def _watch_until_stopped(self, door: Interceptor, seen: Seen) -> None:
        async with asyncio.TaskGroup() as loops:
            running = (
                loops.create_task(self._watch_mode(door, seen)),
                loops.create_task(self._watch_rules(door)),
                loops.create_task(self._write_journal()),
                loops.create_task(self._ask_canaries_again(door)),
            )
            await self._stop.wait()
            for task in running:
                task.cancel()

    async def _watch_mode(self, door: Interceptor, seen: Seen) -> None:
        """Acknowledge a flip once nothing of the old way is open."""
        acknowledged = None
        while True:
            generation = self._mode.poll()
            if generation != acknowledged and door.sweep():
                seen(generation)
                acknowledged = generation
            await asyncio.sleep(MODE_POLL_S)

    async def _watch_rules(self, door: Interceptor) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            found = self._keeper.check()
            if found is not None:
                self._journal.declare(found.rules)
                self._switch.replace(found.rules, found.secrets)
                door.sweep()
                say(f"took the edited rules of {found.rules.source}")

    async def _write_journal(self) -> None:
        while True:
            await asyncio.sleep(JOURNAL_S)
            self._journal.write()

    async def _ask_canaries_again(self, door: Interceptor) -> None:
        """A canary that gets out means that containment is gone: refuse everything and stop."""
        error = await self._canaries.run(self._switch.trip)
        door.sweep()
        say(f"STOPPED, and everything is refused: {error}")
        self._exit_code = error.exit_code
        self._stop.set()

    @contextmanager
    def _obeying_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def _load_troubles(options: ProxyOptions) -> DoorChaos | None:
    if options.chaos is None:
        return None
    faults, clock = load_faults(options.chaos), RecordedClock()
    return DoorChaos(faults, DoorKind("proxy", options.mode), options.seed, clock)


async def _resolve(host: str) -> Sequence[str]:
    """A canary's question, which the tripwire of the process would answer."""
    from proxy.interceptor.wall import lowered

    with lowered():
        return await resolve_here(host)


async def _dial(address: str, port: int) -> None:
    from proxy.interceptor.wall import lowered

    with lowered():
        await dial_here(address, port)
