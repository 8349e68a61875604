"""The gateway as a process: its sockets, its server, and when it ends.

It ends on SIGTERM and SIGINT and, with a parent, as soon as standard input does: the kernel closes
that pipe when the parent dies, however it dies. Ctrl-C reaches the whole terminal group, so a
gateway with a parent leaves the decision to it. Standard output says one line, `ready HOST:PORT`;
everything else is for standard error. Floor 1. Read next: `gateway.py`, `transport.py`, `ports.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from stubs.config import GatewayConfig
from stubs.gateway import Gateway
from stubs.listening import BACKLOG, address_of
from stubs.ports import Ports
from stubs.reload import LOOK_S, Watch, look_at
from stubs.stage import LoadServices, Stage
from stubs.transport import StubConnection
from switchboard.errors import EsrError

FILES: Final = 65_536
CHECK_S: Final = 5.0
"""How often idle connections are looked after."""


class _Server(uvicorn.Server):
    """uvicorn's life cycle round our own connections."""

    def __init__(self, stage: Stage, hint: str) -> None:
        gateway = stage.gateway
        super().__init__(_uvicorn_config(gateway, self._make))
        self._stage = stage
        self._hint = hint
        self._ports = Ports(stage.ports, self._make_for, say)
        self._apis: list[asyncio.Server] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        stage = self._stage
        if not self.started:
            return
        await self._ports.open_all()
        for name, address in self._ports.addresses.items():
            say(f"listening {name} {address}")
        for name, listener, app in stage.apis:
            await self._open_api(listener, app)
            say(f"{name} {address_of(listener)}")
        if self._hint:
            say(self._hint)
        gc.freeze()  # what is here now stays; the collector need not look at it again
        print(f"ready {address_of(stage.listener)}", flush=True)  # noqa: T201

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ports.close_all()
        for api in self._apis:
            api.close()
        self._stage.gateway.chaos.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn sets this handler itself, so ignoring the signal beforehand would not last; and
        # it would raise the signal again at the end, where being told to stop is no accident.
        if sig == signal.SIGINT and self._stage.config.with_parent:
            return
        self.force_exit = self.should_exit
        self.should_exit = True

    async def watch(self) -> None:
        """Look after idle connections, edited definitions and closed ports, until told to end."""
        stage, gateway = self._stage, self._stage.gateway
        folders = stage.config.definitions
        watch = Watch(stage.seen, stage.seen)
        loop = asyncio.get_running_loop()
        checked_s = loop.time()
        gateway.chaos.on_change(gateway.look_at_faults)
        while not self.should_exit:
            await asyncio.sleep(LOOK_S)
            await self._ports.refuse(gateway.chaos.is_refused)
            if loop.time() - checked_s >= CHECK_S:
                checked_s = loop.time()
                for connection in tuple(gateway.connections):
                    connection.check(checked_s)
            if folders:
                watch, is_due = watch.decide(look_at(folders))
                if is_due:
                    await self._reload()

    async def _open_api(self, listener: socket.socket, app: ASGIApp) -> None:
        gateway, state = self._stage.gateway, self.server_state
        loop = asyncio.get_running_loop()
        api = await loop.create_server(
            lambda: StubConnection(gateway, state, app=app), sock=listener, backlog=BACKLOG
        )
        self._apis.append(api)

    async def _reload(self) -> None:
        try:
            done = await self._stage.reload()
        except EsrError as error:
            say(f"the edited definitions are not taken, the ones before stay: {error}")
        else:
            say(f"took the edited definitions: {', '.join(done['changed']) or 'nothing changed'}")

    def _make(self) -> StubConnection:
        return StubConnection(self._stage.gateway, self.server_state)

    def _make_for(self, name: str) -> StubConnection:
        return StubConnection(self._stage.gateway, self.server_state, of_port=name)


def run_gateway(
    config: GatewayConfig,
    load_services: LoadServices,
    env: Mapping[str, str] = os.environ,
    hint: str = "",
) -> int:
    """Serve until told to stop; the exit code.   hint: for a person, once it accepts."""
    _raise_file_limit()
    if config.with_parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_with_parent, daemon=True).start()
    with ExitStack() as held:
        try:
            stage = Stage(config, load_services, env, held)
        except EsrError as error:
            say(str(error))
            return error.exit_code
        server = _Server(stage, hint)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_serve(server, stage))
    return 0


async def _serve(server: _Server, stage: Stage) -> None:
    async with asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(server.watch()), tasks.create_task(stage.callbacks.run())]
        await server.serve(sockets=[stage.listener])
        for task in beside:
            task.cancel()


def _uvicorn_config(gateway: Gateway, make: Callable[[], asyncio.Protocol]) -> uvicorn.Config:
    config = uvicorn.Config(
        gateway,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        access_log=False,
        log_level="critical",  # a line for each malformed request would fill whatever reads it
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    config.load()
    # uvicorn calls it like a class, with its own settings, state and loop: ours knows them.
    config.http_protocol_class = lambda **_: make()  # type: ignore[assignment]
    return config


def say(sentence: str) -> None:
    """For people, on standard error; nobody there to listen is no reason to stop."""
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def _raise_file_limit() -> None:
    """A connection is a file, and the usual limit of 1,024 is too few of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # not allowed here: fewer connections then
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end_with_parent() -> None:
    """End the process when standard input does. In a thread, so that no busy loop can delay it."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # no standard input is no parent
    os._exit(0)  # what matters is on disk already
