"""The live scorecard's stream and its token, driven in process."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from hms_esr.api.score import score_app
from hms_esr.score_board import ScoreBoard
from hms_esr.serving import ServeError, bind, parse_serve, url_of

Message = dict[str, Any]


async def call(
    app: Any, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> list[Message]:
    """Drive an ASGI app to the end of its answer."""
    sent: list[Message] = []
    never = asyncio.Event()
    inbox = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if inbox:
            return inbox.pop()
        await never.wait()
        raise AssertionError("the client never leaves")

    async def send(message: Message) -> None:
        sent.append(dict(message))

    pairs = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": pairs, "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def body_of(messages: list[Message]) -> bytes:
    return b"".join(m.get("body", b"") for m in messages)


async def test_stream_gives_each_scorecard_and_ends_with_the_run() -> None:
    board = ScoreBoard()
    board.publish({"users": 1, "avg_wait": 0.1, "error_pct": 0.0})
    async with asyncio.TaskGroup() as tasks:
        streaming = tasks.create_task(call(score_app(board, None), "/api/esr/score"))
        while not (board.newest or {}).get("seen"):
            await asyncio.sleep(0)
            board.publish({"users": 2, "avg_wait": 0.2, "error_pct": 50.0, "seen": True})
        await asyncio.sleep(0)
        board.close()
    messages = streaming.result()
    start = messages[0]
    assert start["status"] == 200
    assert dict(start["headers"])[b"content-type"].startswith(b"text/event-stream")
    data = [line[6:] for line in body_of(messages).splitlines() if line.startswith(b"data: ")]
    assert orjson.loads(data[-1])["users"] == 2


async def test_a_slow_reader_gets_the_newest_not_a_queue() -> None:
    board = ScoreBoard()
    for users in range(1000):
        board.publish({"users": users})
    board.close()
    assert [score async for score in board.follow()] == [{"users": 999}]


async def test_no_scorecard_yet_is_a_problem_document() -> None:
    messages = await call(score_app(ScoreBoard(), None), "/api/esr/scorecard")
    assert messages[0]["status"] == 404
    assert orjson.loads(body_of(messages))["title"] == "No scorecard yet"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/api/esr/scores", 404), ("POST", "/api/esr/score", 405)],
)
async def test_every_refusal_is_a_problem_document(method: str, path: str, status: int) -> None:
    messages = await call(score_app(ScoreBoard(), None), path, method=method)
    assert messages[0]["status"] == status
    headers = dict(messages[0]["headers"])
    assert headers[b"content-type"] == b"application/problem+json"
    assert (b"allow" in headers) == (status == 405)
    told = orjson.loads(body_of(messages))
    assert told["status"] == status
    assert path in told["detail"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "s"}])
async def test_without_the_token_nothing_is_told(header: dict[str, str]) -> None:
    board = ScoreBoard()
    board.publish({"users": 1})
    messages = await call(score_app(board, "s3cret"), "/api/esr/scorecard", header)
    assert messages[0]["status"] == 401
    assert b"s3cret" not in body_of(messages)


async def test_with_the_token_the_scorecard_is_told() -> None:
    board = ScoreBoard()
    board.publish({"users": 1})
    right = {"Authorization": "Bearer s3cret"}
    messages = await call(score_app(board, "s3cret"), "/api/esr/scorecard", right)
    assert messages[0]["status"] == 200
    assert orjson.loads(body_of(messages)) == {"users": 1}


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8420", "127.0.0.1", 8420),
        (":0", "127.0.0.1", 0),
        ("127.0.0.1:9", "127.0.0.1", 9),
        ("[::1]:9", "::1", 9),
        ("localhost:9", "localhost", 9),
    ],
)
def test_loopback_needs_no_token(text: str, host: str, port: int) -> None:
    address = parse_serve(text, {})
    assert (address.host, address.port, address.token) == (host, port, None)


@pytest.mark.parametrize("text", ["0.0.0.0:80", "192.0.2.1:80", "[::]:80"])
def test_beyond_this_machine_needs_a_token(text: str) -> None:
    with pytest.raises(ServeError, match="ESR_TOKEN"):
        parse_serve(text, {})
    assert parse_serve(text, {"ESR_TOKEN": "s3cret"}).token == "s3cret"


@pytest.mark.parametrize(
    "text",
    ["", "host", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:x", "127.0.0.1:" + "9" * 5000,
     "127.0.0.1:\N{SUPERSCRIPT TWO}", "::1", "example.com:80", f"{'a' * 300}:80", "2130706433:80"],
)  # fmt: skip
def test_a_bad_address_is_named_and_no_name_is_ever_resolved(text: str) -> None:
    with pytest.raises(ServeError, match="--serve"):
        parse_serve(text, {"ESR_TOKEN": "s3cret"})


@pytest.mark.parametrize("text", ["0", "localhost:0"])
def test_the_url_names_the_port_that_was_free(text: str) -> None:
    with bind(parse_serve(text, {})) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        assert port > 0
        with pytest.raises(ServeError, match=f"cannot listen on http://127.0.0.1:{port}"):
            bind(parse_serve(str(port), {}))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:8000", True),
        ("https://localhost", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
async def test_only_pages_of_this_machine_may_read_across_ports(origin: str, allowed: bool) -> None:
    board = ScoreBoard()
    board.publish({"users": 1})
    messages = await call(score_app(board, None), "/api/esr/scorecard", {"Origin": origin})
    told = dict(messages[0]["headers"]).get(b"access-control-allow-origin")
    assert told == (origin.encode() if allowed else None)
