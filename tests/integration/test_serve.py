"""`--serve`: the live scorecard as a browser or a script reads it while a real run goes."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.integration.esr import BIN, environment, esr, run_folders

SERVING = re.compile(rb"live scorecard: http://([\d.]+):(\d+)/api/esr/score")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving_run(
    cwd: Path, host: str = "127.0.0.1", **extra: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A run of a few seconds that serves its scorecard, and the port it does so on."""
    port = free_port()
    process = subprocess.Popen(
        [BIN / "esr-replay", "stimulus_2020", "--speed", "4x", "--duration", "12s",
         "--serve", f"{host}:{port}"],
        cwd=cwd, env=environment(cwd / "home", extra),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert SERVING.match(said), said + process.stdout.read()
            yield process, port
            process.stdout.read()
        finally:
            process.kill()


def score_url(port: int) -> str:
    return f"http://127.0.0.1:{port}/api/esr/score"


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """What `new EventSource(url).onmessage` would be called with."""
    async for line in response.content:
        # An event of another name would pass by `onmessage`, which is all that the widget sets.
        assert not line.startswith(b"event:")
        if line.startswith(b"data: "):
            yield orjson.loads(line[6:])


async def test_two_readers_follow_a_run_until_it_is_done(tmp_path: Path) -> None:
    with serving_run(tmp_path) as (process, port):
        async with (
            aiohttp.ClientSession() as client,
            client.get(score_url(port)) as first,
            client.get(score_url(port)) as second,
        ):
            assert first.status == 200
            assert first.content_type == "text/event-stream"
            seen = [event async for event in events(first)]
            also = [event async for event in events(second)]
        assert process.wait(30) in (0, 98)
    for event in seen:
        assert {"users", "avg_wait", "error_pct"} <= event.keys()
    assert len(seen) >= 3
    assert [event["state"] for event in seen] == ["running"] * (len(seen) - 1) + ["done"]
    assert seen[-1] == also[-1]
    (folder,) = run_folders(tmp_path)
    assert seen[-1] == orjson.loads((folder / "scorecard.json").read_bytes())
    assert seen[-1]["requests"]["sent"] == seen[-1]["requests"]["planned"]


async def test_beyond_loopback_every_call_needs_the_token(tmp_path: Path) -> None:
    with serving_run(tmp_path, "0.0.0.0", ESR_TOKEN="s3cret") as (process, port):
        async with aiohttp.ClientSession() as client:
            async with client.get(score_url(port)) as refused:
                assert refused.status == 401
                assert b"s3cret" not in await refused.read()
            right = {"Authorization": "Bearer s3cret"}
            async with client.get(score_url(port), headers=right) as stream:
                assert (await anext(events(stream)))["state"] == "running"
                # This reader leaves in the middle, and the run does not care.
        assert process.wait(30) in (0, 98)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert b"s3cret" not in kept


def test_a_reader_that_never_reads_does_not_hold_the_run(tmp_path: Path) -> None:
    with (
        serving_run(tmp_path) as (process, port),
        socket.create_connection(("127.0.0.1", port)) as reader,
    ):
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.sendall(b"GET /api/esr/score HTTP/1.1\r\nHost: x\r\n\r\n")
        assert process.wait(30) in (0, 98)


@pytest.mark.parametrize("where", ["127.0.0.1:{port}", "192.0.2.1:{port}"])
def test_a_port_that_cannot_be_had_is_said_before_anything_is_sent(
    tmp_path: Path, where: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = where.format(port=taken.getsockname()[1])
        ran = esr(tmp_path, "replay", "stimulus_2020", "--serve", address, env={"ESR_TOKEN": "x"})
    assert ran.code == 2
    assert address in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not run_folders(tmp_path)
