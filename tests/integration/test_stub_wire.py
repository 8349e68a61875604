"""HTTP/1.1 as callers really speak it, and as they should not: order, limits, patience."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hms_esr.admin_client import AdminClient
from stubs.config import GatewayConfig
from stubs.process import StubProcess
from tests.integration.esr import wait_until
from tests.integration.stub_wire import Caller

ECHO = """\
service: echo
title: What was asked
routes:
  - {method: GET, path: /fixed, answer: {json: {fixed: true}}}
  - {method: GET, path: "/said/{word}", answer: {text: "{{ request.params.word }}"}}
  - {method: POST, path: /body, answer: {text: "{{ request.body }}"}}
  - {method: GET, path: /late, latency: 60, answer: {text: late}}
  - {method: OPTIONS, path: /fixed, answer: {status: 204, headers: {allow: "GET, OPTIONS"}}}
  - {method: GET, path: /header, answer: {headers: {x-said: "{{ request.query.q }}"}, text: x}}
  - {method: GET, path: /empty, answer: {status: 304}}
  - {method: GET, path: /long, answer: {text: "{{ 'x' * 60000 }}"}}
"""
GET = b"GET /fixed HTTP/1.1\r\nhost: echo.test\r\n\r\n"
FIXED = b'{"fixed":true}'


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubProcess]:
    folder = tmp_path_factory.mktemp("definitions")
    (folder / "echo.yml").write_text(ECHO)
    config = GatewayConfig(definitions=(str(folder),), services=("echo",), admin="127.0.0.1:0")
    with StubProcess.start(config=config) as process:
        yield process


@pytest.fixture
def caller(stub: StubProcess) -> Iterator[Caller]:
    with Caller(stub.port) as made:
        yield made


def head(method: str, target: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "host: echo.test", *lines, "\r\n"]).encode()


def statuses(data: bytes) -> list[bytes]:
    return [part[:3] for part in data.split(b"HTTP/1.1 ")[1:]]


def pour(caller: Caller, data: bytes, most: int = 1 << 30) -> int:
    """Send the same again and again, until it is no longer taken; how many bytes were."""
    sent = 0
    try:
        while sent < most:
            caller.socket.sendall(data)
            sent += len(data)
    except OSError:
        return sent
    return sent


def is_well(stub: StubProcess) -> bool:
    with Caller(stub.port) as caller:
        caller.say(GET)
        return caller.answer().body == FIXED


def test_pipelined_requests_are_answered_in_order(caller: Caller) -> None:
    words = [str(number) for number in range(200)]
    caller.say(b"".join(head("GET", f"/said/{word}") for word in words[:-1]))
    caller.say(head("GET", f"/said/{words[-1]}", "connection: close"))
    heard = caller.listen()
    bodies = [part.partition(b"\r\n\r\n")[2] for part in heard.data.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [word.encode() for word in words]


def test_a_late_answer_holds_up_those_behind_it(caller: Caller) -> None:
    caller.say(head("GET", "/late") + GET + head("GET", "/late", "connection: close"))
    heard = caller.listen()
    assert statuses(heard.data) == [b"200"] * 3
    assert heard.data.index(b"late") < heard.data.index(FIXED) < heard.data.rindex(b"late")


@pytest.mark.parametrize("cut", [1, 3, 17, 40])
def test_a_request_may_come_in_pieces(caller: Caller, cut: int) -> None:
    data = head("POST", "/body", "content-length: 11") + b"hello there"
    for start in range(0, len(data), cut):
        caller.say(data[start : start + cut])
    assert caller.answer().body == b"hello there"


def test_a_body_may_be_chunked(caller: Caller) -> None:
    lines = ("transfer-encoding: chunked", "trailer: x-late")
    caller.say(
        head("POST", "/body", *lines) + b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-late: 1\r\n\r\n"
    )
    assert caller.answer().body == b"abcde"
    caller.say(GET)
    assert caller.answer().body == FIXED


def test_a_body_is_asked_for_once(caller: Caller) -> None:
    caller.say(head("POST", "/body", "content-length: 2", "expect: 100-continue"))
    assert caller.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.say(b"ok")
    assert caller.answer().body == b"ok"


def test_a_body_is_asked_for_when_its_turn_has_come(caller: Caller) -> None:
    asks = head("POST", "/body", "content-length: 2", "expect: 100-continue")
    caller.say(head("GET", "/late") + asks)
    assert caller.answer().data.endswith(b"late")
    assert caller.answer().data == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.say(b"ok")
    assert caller.answer().body == b"ok"


@pytest.mark.parametrize("expect", [(), ("expect: 100-continue",)])
def test_a_gigabyte_is_refused_before_it_comes(caller: Caller, expect: tuple[str, ...]) -> None:
    caller.say(head("POST", "/body", "content-length: 1073741824", *expect))
    heard = caller.listen()
    assert (heard.status, heard.header("connection")) == (413, b"close")


def test_a_gigabyte_in_chunks_is_refused_while_it_comes(stub: StubProcess, caller: Caller) -> None:
    caller.say(head("POST", "/body", "transfer-encoding: chunked"))
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = pour(caller, chunk)
    assert sent < 64 << 20
    assert is_well(stub)


@pytest.mark.parametrize(
    ("start", "more"),
    [
        pytest.param(b"GET /", b"a" * 65_536, id="an endless target"),
        pytest.param(b"GET / HTTP/1.1\r\nx: ", b"a" * 65_536, id="an endless header"),
        pytest.param(b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 10_000, id="endless headers"),
        pytest.param(
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
            b"a" * 65_536,
            id="an endless trailer",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;",
            b"a" * 65_536,
            id="an endless chunk extension",
        ),
    ],
)
def test_what_never_ends_is_refused(
    stub: StubProcess, caller: Caller, start: bytes, more: bytes
) -> None:
    caller.say(start)
    sent = pour(caller, more)
    assert sent < 64 << 20
    assert is_well(stub)


def test_too_many_headers_are_refused(caller: Caller) -> None:
    caller.say(head("GET", "/fixed", *(f"x-{number}: 1" for number in range(1_001))))
    assert caller.listen().status == 431


def test_who_reads_nothing_is_not_answered_without_end(stub: StubProcess, caller: Caller) -> None:
    """More answers than the kernel holds: the gateway stops reading instead of keeping them."""
    caller.socket.settimeout(1.0)
    most = 1 << 26
    assert pour(caller, head("GET", "/long") * 100, most) < most
    assert is_well(stub)


def test_head_says_what_get_would(caller: Caller) -> None:
    for path in ("/fixed", "/said/word"):
        caller.say(head("GET", path))
        get = caller.answer()
        caller.say(head("HEAD", path))
        assert caller.answer(is_head=True).head == get.head


def test_options_are_answered(caller: Caller) -> None:
    caller.say(head("OPTIONS", "/fixed"))
    heard = caller.answer()
    assert (heard.status, heard.header("allow")) == (204, b"GET, OPTIONS")
    assert heard.header("content-length") is None
    caller.say(head("OPTIONS", "*"))
    assert caller.answer().status == 404


def test_not_modified_has_no_body(caller: Caller) -> None:
    caller.say(head("GET", "/empty") + GET)
    assert caller.answer().status == 304
    assert caller.answer().body == FIXED


def test_http_1_0_is_answered_and_closed(caller: Caller) -> None:
    caller.say(b"GET /fixed HTTP/1.0\r\nhost: echo.test\r\nconnection: keep-alive\r\n\r\n")
    heard = caller.listen()
    assert (heard.status, heard.body, heard.header("connection")) == (200, FIXED, b"close")


def test_who_stops_sending_is_still_answered(caller: Caller) -> None:
    """A half-closed connection: the answer comes, however late, and then its end."""
    caller.say(head("GET", "/late"))
    caller.socket.shutdown(socket.SHUT_WR)
    heard = caller.listen()
    assert (heard.body, heard.how) == (b"late", "closed")


def test_what_cannot_be_read_comes_after_the_answers_before_it(caller: Caller) -> None:
    caller.say(head("GET", "/late") + GET + b"\0\0\0\r\n\r\n")
    heard = caller.listen()
    assert statuses(heard.data) == [b"200", b"200", b"400"]
    assert b"\r\nx-esr-env: sandbox\r\n" in heard.data[heard.data.rindex(b"HTTP/1.1") :]


def test_a_callers_words_cannot_split_an_answer(caller: Caller) -> None:
    caller.say(head("GET", "/header?q=a%0d%0aset-cookie:%20evil"))
    heard = caller.answer()
    assert heard.status in (200, 500)
    assert heard.header("set-cookie") is None
    caller.say(head("GET", "/header?q=fine"))
    assert caller.answer().header("x-said") == b"fine"


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"GET /fixed HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", id="two hosts"),
        pytest.param(b"POST /body HTTP/1.1\r\ncontent-length: -1\r\n\r\n", id="negative length"),
        pytest.param(
            b"POST /body HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0",
            id="two framings",
        ),
        pytest.param(b"GET\t/fixed\tHTTP/1.1\r\n\r\n", id="tabs"),
        pytest.param(b"GET /fixed HTTP/1.1\nhost: echo.test\n\n", id="bare line feeds"),
        pytest.param(b"\r\n\r\n\r\n" + GET, id="blank lines first"),
        pytest.param(b"GET /fixed HTTP/1.1\r\n folded: x\r\n\r\n", id="folded"),
        pytest.param(bytes(range(256)) * 10, id="every byte"),
    ],
)
def test_odd_requests_are_answered_or_refused(
    stub: StubProcess, caller: Caller, request_bytes: bytes
) -> None:
    caller.say(request_bytes)
    caller.socket.shutdown(socket.SHUT_WR)
    heard = caller.listen()
    assert heard.data == b"" or heard.status in (200, 400, 404)
    assert is_well(stub)


def test_who_leaves_before_the_answer_was_asked_all_the_same(stub: StubProcess) -> None:
    """As at a real service: what a caller no longer waits for is done, and noted as unheard."""
    gone = Caller(stub.port)
    gone.ask("GET", "/late", {"x-esr-service": "echo", "x-esr-request": "abc1"})
    gone.reset()
    admin = AdminClient(f"http://{stub.admin}")
    wait_until(lambda: bool(admin.call("GET", "/journal?request_id=abc1&ending=gone")["entries"]))


def test_many_connections_come_and_go(stub: StubProcess) -> None:
    callers = [Caller(stub.port) for _ in range(200)]
    for each in callers:
        each.say(head("GET", "/late"))
    for each in callers[::2]:
        each.reset()
    assert all(each.answer().body == b"late" for each in callers[1::2])
    for each in callers[1::2]:
        each.socket.close()
    assert is_well(stub)


def test_definitions_are_read_from_a_folder(stub: StubProcess, tmp_path: Path) -> None:
    assert is_well(stub)
    assert not list(tmp_path.iterdir()), "and nothing is written"
