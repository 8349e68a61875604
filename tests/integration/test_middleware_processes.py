"""One mode file, many processes: a flip from outside reaches each, or says who is behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from switchboard.mode import FileMode, ModeError
from switchboard.rules import LIVE, SANDBOX
from tests.integration.middleware_servers import HOST, PATIENCE_S, ask, connect

ROOT = Path(__file__).parents[2]

# One worker: an application that tells which way it was asked, and streams until it is ended.
WORKER = """
import asyncio, socket, sys
import uvicorn
from switchboard.middleware import SwitchboardASGI

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            if kind.endswith("startup"):
                await send({"type": "lifespan.startup.complete"})
                print(listener.getsockname()[1], flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode(), "more_body": True})
    while scope["path"].endswith("/stream"):
        await asyncio.sleep(3600)
    await send({"type": "http.response.body"})

listener = socket.create_server(("127.0.0.1", 0))
door = SwitchboardASGI(app, drain_s=float(sys.argv[1]))
uvicorn.Server(uvicorn.Config(door, log_level="critical")).run([listener])
"""


@contextmanager
def worker(path: Path, drain_s: float = 0.1) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A real server in a process of its own, and its port."""
    child = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(drain_s)],
        cwd=ROOT,
        env={**os.environ, "ESR_MODE_FILE": str(path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        yield child, int(child.stdout.readline())
    finally:
        child.send_signal(signal.SIGCONT)
        child.kill()
        child.communicate()


@pytest.fixture
def cell(tmp_path: Path) -> FileMode:
    found = FileMode(tmp_path / "switchboard.mode")
    found.flip(LIVE, who="a test")
    return found


def path_at(port: int) -> str:
    return ask(port, "/users")[2].decode()


def open_stream(port: int) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = connect(port)
    connection.request("GET", "/stream", headers={"Host": HOST})
    said = connection.getresponse()
    assert said.read1(100) == b"/stream"
    return connection, said


def test_a_flip_from_outside_reaches_every_worker(cell: FileMode) -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(worker(cell.path))[1] for _ in range(3)]
        assert [path_at(port) for port in ports] == ["/users"] * 3
        streams = [open_stream(port) for port in ports]
        cell.flip(SANDBOX, who="a trainer", why="drill 7")
        # When it returns, the old streams are cut off and the next request goes the new way.
        assert [path_at(port) for port in ports] == ["/sandbox/users"] * 3
        for connection, said in streams:
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                said.read()
            connection.close()
    last = json.loads(cell.audit_path.read_text().splitlines()[-1])
    assert (last["who"], last["why"], last["to"]) == ("a trainer", "drill 7", SANDBOX)


def test_a_worker_that_stands_still_is_named_and_a_killed_one_is_not_waited_for(
    cell: FileMode,
) -> None:
    with worker(cell.path) as (child, port):
        assert path_at(port) == "/users"
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(ModeError, match=rf"requests are done: {child.pid}$"):
            cell.flip(SANDBOX, timeout_s=0.3)
        child.kill()
        cell.flip(SANDBOX, timeout_s=PATIENCE_S)


def test_a_word_written_by_hand_reaches_a_worker(cell: FileMode) -> None:
    with worker(cell.path) as (_, port):
        connection, said = open_stream(port)
        cell.path.write_text("sandbox\n")
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            said.read()  # it was cut off, so the word was seen
        connection.close()
        assert path_at(port) == "/sandbox/users"
    assert "unknown, edited by hand" in cell.audit_path.read_text()
