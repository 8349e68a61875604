"""The gateway as a process: its socket, its uvicorn, and when it ends.

It ends on SIGTERM and, with `--with-parent`, as soon as standard input does: the kernel closes that
pipe when the parent dies, however it dies. Ctrl-C reaches the whole terminal group, so a gateway
with a parent leaves the decision to it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

import orjson
import uvicorn

from stubs.gateway import Gateway
from stubs.learned import LearnedAnswers
from stubs.services import all_services
from stubs.transport import StubConnection
from switchboard.errors import EsrError

BACKLOG: Final = 4096
KEEP_ALIVE_S: Final = 3600
"""Longer than any run: a connection must not be closed just as a request is due."""
INTERRUPTED: Final = 130


class _Server(uvicorn.Server):
    """uvicorn that says when it accepts, and that leaves Ctrl-C to a parent."""

    def __init__(self, config: uvicorn.Config, *, has_parent: bool) -> None:
        super().__init__(config)
        self._has_parent = has_parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            print(f"ready {address_of(sockets[0])}", flush=True)  # noqa: T201

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn sets this handler itself, so ignoring the signal beforehand would not last.
        if not (sig == signal.SIGINT and self._has_parent):
            super().handle_exit(sig, frame)


def run_gateway() -> None:
    """Read the arguments, listen, and serve until told to stop."""
    arguments = _parser().parse_args()
    if arguments.with_parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        learned = load_answers(arguments.answers)
        listener = listen(arguments.listen)
    except EsrError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    gateway = Gateway(all_services(), learned, arguments.seed)
    config = uvicorn.Config(
        gateway,
        loop="uvloop",
        http=StubConnection,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="critical",  # a line for each malformed request would fill whatever reads it
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, has_parent=arguments.with_parent)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `[::1]:8080` or `:8080` as host and port. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets, as in [::1]:8080")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5
    if not (colon and is_port and text.isprintable()):
        raise ValueError("it must be HOST:PORT, such as 127.0.0.1:8080")
    if int(port) > 65_535:
        raise ValueError("a port is a number from 0 (any free one) to 65535")
    return host or "127.0.0.1", int(port)


def listen(text: str) -> socket.socket:
    """A listening socket for `--listen`. Raises EsrError."""
    try:
        host, port = parse_listen(text)
        host.encode("idna")  # what cannot be a name must not get as far as a socket
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, ValueError) as error:
        raise EsrError(f"cannot listen on {text!r:.100}: {error}") from error


def address_of(listener: socket.socket) -> str:
    """`HOST:PORT`, an IPv6 host in brackets."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def load_answers(path: Path | None) -> LearnedAnswers:
    """What `--answers` holds, nothing without it. Raises EsrError that names the file and entry."""
    if path is None:
        return LearnedAnswers()
    try:
        return LearnedAnswers.parse(orjson.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise EsrError(f"cannot read the answers in {path}: {error}") from error


def _end_with_parent() -> None:
    """End the process when standard input does. In a thread, so that no busy loop can delay it."""
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # no standard input is no parent
    os._exit(0)  # nothing is kept that could be lost


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stubs",
        description="Answer as the services of the neighbourhood would. See docs/stubs.md.",
    )
    parser.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where to accept; port 0 is any free one (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="decides every draw (default: 0)")
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="answers learned from a trace, as JSON"
    )
    parser.add_argument(
        "--with-parent", action="store_true", help="end as soon as standard input does"
    )
    return parser
