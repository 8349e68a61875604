"""The gateway's memory: bodies of 100 MB both ways, and thousands of idle connections."""

from __future__ import annotations

import contextlib
import http.client
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from bench.children import SERVER, BenchError, start, stop
from bench.proc import tree_memory_mb
from bench.report import Report, Target

BODY_MB = 100
IDLE = 10_000
LIMIT_IDLE_MB = 150.0
LIMIT_GROWTH_MB = 16.0
HOST = {"Host": "svc.hms.example"}
_PIECE = b"x" * 65_536


class Door(Protocol):
    """A running door."""

    @property
    def pid(self) -> int: ...
    @property
    def port(self) -> int: ...


OpenDoor = Callable[[int], AbstractContextManager[Door]]


def bench_bodies(report: Report, open_door: OpenDoor, is_quick: bool) -> None:
    """How far the gateway's memory grows while large bodies pass, up and down."""
    length = (10 if is_quick else BODY_MB) * 1_000_000
    with _upstream() as upstream, open_door(upstream) as door:
        _exchange(door.port, 1_000_000)
        before = sum(tree_memory_mb(door.pid, "VmHWM").values())
        _exchange(door.port, length)
        grown = sum(tree_memory_mb(door.pid, "VmHWM").values()) - before
    report.notes.append(f"{length // 1_000_000} MB up and down: {grown:.1f} MB more at the highest")
    report.targets.append(Target("gateway: growth with large bodies, MB", grown, LIMIT_GROWTH_MB))


def bench_idle(report: Report, open_door: OpenDoor, is_quick: bool) -> None:
    """The memory of the gateway with many keep-alive connections, each used once."""
    wanted = 500 if is_quick else IDLE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted + 200:
        report.notes.append(f"only {hard} open files are allowed: idle connections not measured")
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
    held: list[socket.socket] = []
    try:
        with _upstream() as upstream, open_door(upstream) as door:
            bare = sum(tree_memory_mb(door.pid).values())
            held += (_idle(door.port) for _ in range(wanted))
            by_process = tree_memory_mb(door.pid)
            worker, whole = max(by_process.values()), sum(by_process.values())
    finally:
        for each in held:
            each.close()
    report.notes.append(
        f"{wanted:,} idle keep-alive connections: the worker {worker:.0f} MB, all processes "
        f"{whole:.0f} MB ({bare:.0f} MB with none)"
    )
    if wanted == IDLE:
        report.targets.append(
            Target("gateway: worker with idle connections, MB", worker, LIMIT_IDLE_MB)
        )


def _idle(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 10)
    connection.sendall(b"GET /2 HTTP/1.1\r\nHost: svc.hms.example\r\n\r\n")
    answer = b""
    while not answer.endswith(b"\r\n\r\nxx"):
        piece = connection.recv(4_096)
        if not piece:
            raise BenchError(f"the gateway closed an idle connection: {answer[:80]!r}")
        answer += piece
    return connection


def _exchange(port: int, length: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(client):
        pieces = (_PIECE[: min(len(_PIECE), length - at)] for at in range(0, length, len(_PIECE)))
        client.request("POST", "/", pieces, {**HOST, "Content-Length": str(length)})
        answer = client.getresponse()
        if answer.read() != str(length).encode():
            raise BenchError(f"{length:,} bytes did not all arrive (status {answer.status})")
        client.request("GET", f"/{length}", headers=HOST)
        answer = client.getresponse()
        seen = 0
        while piece := answer.read(65_536):
            seen += len(piece)
        if seen != length:
            raise BenchError(f"{seen:,} of {length:,} bytes came back")


@contextlib.contextmanager
def _upstream() -> Iterator[int]:
    process = start([sys.executable, "-m", "bench.bodies"], SERVER)
    with process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line.strip().isdigit():
                raise BenchError("the upstream for large bodies did not start")
            yield int(line)
        finally:
            stop(process)
