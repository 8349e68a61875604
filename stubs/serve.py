"""The gateway as a process: its socket, its uvicorn, and when it ends.

It ends on SIGTERM and, with `--with-parent`, as soon as standard input does: the kernel closes that
pipe when the parent dies, however it dies. Ctrl-C reaches the whole terminal group, so a gateway
with a parent leaves the decision to it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from pathlib import Path

import orjson
import uvicorn

from stubs.gateway import Gateway
from stubs.learned import LearnedAnswers
from stubs.services import all_services

BACKLOG = 4096
KEEP_ALIVE_S = 3600
"""Longer than any run: a connection must not be closed just as a request is due."""


class _Server(uvicorn.Server):
    """uvicorn that says when it accepts."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            host, port = sockets[0].getsockname()[:2]
            print(f"ready {host}:{port}", flush=True)  # noqa: T201


def run_gateway() -> None:
    """Read the arguments, listen, and serve until told to stop."""
    arguments = _parser().parse_args()
    learned = _load(arguments.answers)
    gateway = Gateway(all_services(), learned, arguments.seed)
    listener = _listen(arguments.listen)
    config = uvicorn.Config(
        gateway,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    if arguments.with_parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = _Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(server, listener, with_parent=arguments.with_parent))


async def _serve(server: _Server, listener: socket.socket, *, with_parent: bool) -> None:
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_watch_parent(server)) if with_parent else None
        await server.serve(sockets=[listener])
        if watching is not None:
            watching.cancel()


async def _watch_parent(server: _Server) -> None:
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    while await stream.read(4096):
        pass
    server.should_exit = True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stubs.gateway", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--answers", type=Path, metavar="FILE")
    parser.add_argument("--with-parent", action="store_true")
    return parser


def _load(path: Path | None) -> LearnedAnswers:
    if path is None:
        return LearnedAnswers()
    try:
        return LearnedAnswers.parse(orjson.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        sys.exit(f"cannot read the answers in {path}: {error}")


def _listen(text: str) -> socket.socket:
    host, _, port = text.rpartition(":")
    try:
        return socket.create_server((host or "127.0.0.1", int(port)), backlog=BACKLOG)
    except (OSError, ValueError, OverflowError) as error:
        sys.exit(f"cannot listen on {text}: {error}")
