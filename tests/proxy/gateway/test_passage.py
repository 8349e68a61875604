"""One request on its way through, told as what each side writes and sees."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.gateway.limits import Limits
from switchboard.exchange import StubAnswer, StubAsk
from tests.proxy.gateway.scripted import (
    GET,
    OK,
    RULES,
    Scene,
    body_of,
    header_of,
    settle,
    status_of,
)

HOST = b"Host: svc.hms.example\r\n"
POST = b"POST /a HTTP/1.1\r\n" + HOST
EXPECT = POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"


async def test_request_is_built_anew() -> None:
    scene = Scene()
    secret = b"Authorization: Bearer eyJhbGciOiJub25lIn0.e30.prod\r\n"
    _, transport = await scene.ask(POST + secret + b"X-One:  1 \r\nContent-Length: 3\r\n\r\nabc")
    assert scene.dials == [("127.0.0.1", 9001)]
    wire, upstream = scene.upstream
    assert upstream.take() == (
        b"POST /a HTTP/1.1\r\nHost: 127.0.0.1:9001\r\nAuthorization: Bearer sandbox\r\n"
        b"x-esr-env: sandbox\r\nX-One: 1\r\nx-esr-service: svc\r\nx-esr-hop: gw-1\r\n"
        b"content-length: 3\r\n\r\nabc"
    )
    wire.data_received(b"HTTP/1.1 201 Made\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\nok")
    assert transport.take() == (
        b"HTTP/1.1 201 Made\r\nX-Two: 2\r\nx-esr-env: sandbox\r\ncontent-length: 2\r\n\r\nok"
    )
    (exchange,) = scene.notes.exchanges
    assert (exchange.status, exchange.upstream, exchange.address) == (201, "svc", "127.0.0.1")
    assert (exchange.authority, exchange.bytes_in, exchange.bytes_out) == ("svc.hms.example", 3, 2)
    assert (exchange.client, exchange.body) == ("127.0.0.1:50412", None)
    assert ("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.prod") in exchange.headers


async def test_connections_are_kept_on_both_sides() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    for _ in range(3):
        scene.upstream[0].data_received(OK)
        assert transport.take().endswith(b"ok")
        client.data_received(GET)
    await settle()
    assert len(scene.dials) == 1
    assert scene.gateway.statistics().requests == 4


async def test_pipelined_requests_are_answered_in_order() -> None:
    scene = Scene()
    refused = GET.replace(b"svc.hms", b"prod.other")
    _, transport = await scene.ask(GET + refused + GET.replace(b"/a", b"/b"))
    assert scene.upstream[1].take().startswith(b"GET /a ")
    assert transport.take() == b""
    scene.upstream[0].data_received(OK)
    answers = transport.take()
    assert answers.startswith(b"HTTP/1.1 200")
    assert b"x-esr-refused: unmapped-host" in answers
    assert scene.upstream[1].take().startswith(b"GET /b ")
    assert len(scene.dials) == 1


async def test_what_is_pipelined_waits_in_the_socket() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    client.data_received(GET)
    assert transport.is_paused()
    scene.upstream[0].data_received(OK)
    await settle()
    assert not transport.is_paused()
    assert scene.upstream[1].take().count(b"GET /a ") == 2


async def test_bodies_are_chunked_anew_in_both_directions() -> None:
    scene = Scene()
    client, transport = await scene.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    wire, upstream = scene.upstream
    assert body_of(upstream.take()) == b"3\r\nabc\r\n"
    client.data_received(b"1\r\nd\r\n1;x=y\r\ne\r\n0\r\n\r\n")
    assert upstream.take() == b"2\r\nde\r\n0\r\n\r\n"
    wire.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n")
    assert body_of(transport.take()) == b"2\r\nxy\r\n"
    wire.data_received(b"1\r\nz\r\n0\r\n\r\n")
    assert transport.take() == b"1\r\nz\r\n0\r\n\r\n"
    assert scene.notes.exchanges[0].bytes_out == 3
    assert scene.gateway.statistics().upstream_connections_idle == 1


async def test_body_that_ends_with_the_connection_is_chunked() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    wire, upstream = scene.upstream
    wire.data_received(b"HTTP/1.1 200 OK\r\n\r\nab")
    assert body_of(transport.take()) == b"2\r\nab\r\n"
    wire.eof_received()
    upstream.close()
    await settle()
    assert transport.take() == b"0\r\n\r\n"
    assert not transport.is_ended


async def test_old_client_gets_plain_bodies_and_the_end_of_its_connection() -> None:
    scene = Scene()
    _, transport = await scene.ask(b"GET /a HTTP/1.0\r\n" + HOST + b"\r\n")
    wire = scene.upstream[0]
    wire.data_received(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n")
    answer = transport.take()
    assert body_of(answer) == b"xy"
    assert header_of(answer, "connection") == "close"
    assert header_of(answer, "transfer-encoding") is None
    assert transport.is_ended


async def test_old_client_may_keep_its_connection() -> None:
    scene = Scene()
    _, transport = await scene.ask(
        b"GET /a HTTP/1.0\r\n" + HOST + b"Connection: Keep-Alive\r\n\r\n"
    )
    scene.upstream[0].data_received(OK)
    assert header_of(transport.take(), "connection") == "keep-alive"
    assert not transport.is_ended


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_body(status: int) -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(b"HTTP/1.1 %d X\r\nETag: a\r\n\r\n" % status)
    assert body_of(transport.take()) == b""
    client.data_received(GET)
    assert scene.upstream[1].take().count(b"GET ") == 2


async def test_head_has_a_length_and_no_body() -> None:
    scene = Scene()
    _, transport = await scene.ask(b"HEAD /a HTTP/1.1\r\n" + HOST + b"\r\n")
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
    answer = transport.take()
    assert header_of(answer, "content-length") == "99"
    assert body_of(answer) == b""
    assert scene.gateway.statistics().upstream_connections_idle == 1


async def test_answer_to_head_that_is_remembered_is_none_to_get() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    client.data_received(GET.replace(b"GET", b"HEAD"))
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
    client.data_received(GET)
    scene.upstream[0].data_received(OK)
    assert transport.take().count(b"content-length: 2\r\n\r\n") == 3
    assert len(scene.notes.exchanges) == 3


async def test_body_is_asked_for_when_the_upstream_is_there() -> None:
    scene = Scene()
    client, transport = scene.client()
    client.data_received(EXPECT)
    assert transport.take() == b"", "not before there is a connection"
    await settle()
    assert transport.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"xpect" not in scene.upstream[1].written
    client.data_received(b"abc")
    assert body_of(scene.upstream[1].take()) == b"abc"


async def test_body_is_not_asked_for_when_nobody_is_there() -> None:
    scene = Scene()
    scene.dial_error = ConnectionRefusedError()
    _, transport = await scene.ask(EXPECT)
    assert status_of(transport.written) == 502


async def test_interim_answers_end_here() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    early = b"HTTP/1.1 103 Early Hints\r\nLink: <https://prod.hms.gov/>\r\n\r\n"
    scene.upstream[0].data_received(b"HTTP/1.1 100 Continue\r\n\r\n" + early + OK)
    assert transport.take().startswith(b"HTTP/1.1 200 OK\r\n")


async def test_endless_interim_answers_are_no_answer() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(b"HTTP/1.1 100 Continue\r\n\r\n" * 20)
    assert header_of(transport.take(), "x-esr-refused") == "bad-answer"


BAD_ANSWERS = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", id="CL.CL"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", id="CL.TE"
    ),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", id="TE gzip"),
    pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="TE in HTTP/1.0"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="negative length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: a\nb\r\n\r\n", id="bare LF"),
    pytest.param(b"HTTP/1.1 200 OK\r\n a: b\r\n\r\n", id="folded"),
    pytest.param(b"ICY 200 OK\r\n\r\n", id="no HTTP"),
    pytest.param(b"HTTP/1.1 20 OK\r\n\r\n", id="short status"),
    pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\n\r\n", id="unasked 101"),
    pytest.param(b"x" * 70_000, id="endless head"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n", id="chunks"
    ),
]


@pytest.mark.parametrize("answer", BAD_ANSWERS)
async def test_malformed_answer_is_passed_on_to_nobody(answer: bytes) -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(answer)
    await settle()
    assert status_of(transport.written) == 502
    assert scene.notes.rules == ["bad-answer"]
    assert scene.upstream[1].is_aborted


async def test_redirect_to_nowhere_is_refused() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(
        b"HTTP/1.1 302 Found\r\nLocation: https://prod.hms.gov/\r\nContent-Length: 0\r\n\r\n"
    )
    assert status_of(transport.written) == 599
    assert scene.notes.rules == ["redirect"]


async def test_upstream_that_dies_before_its_answer_is_named() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[1].abort()
    await settle()
    assert status_of(transport.written) == 502
    assert header_of(transport.written, "x-esr-refused") == "upstream-died"
    assert scene.gateway.statistics().upstream_deaths == 1


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
async def test_upstream_that_dies_mid_answer_leaves_no_whole_answer(begun: bytes) -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(begun)
    scene.upstream[1].abort()
    await settle()
    assert transport.is_aborted
    assert not transport.written.endswith(b"0\r\n\r\n")
    assert scene.notes.rules == ["upstream-died"]


async def test_stale_connection_is_replaced_once_for_a_get() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    transport.take()
    client.data_received(GET)
    scene.upstream[1].abort()
    await settle()
    assert len(scene.dials) == 2
    scene.upstream[0].data_received(OK)
    assert status_of(transport.take()) == 200
    assert scene.gateway.statistics().retries == 1


async def test_stale_connection_is_not_replaced_for_a_post() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    transport.take()
    client.data_received(POST + b"Content-Length: 3\r\n\r\nabc")
    scene.upstream[1].abort()
    await settle()
    assert header_of(transport.take(), "x-esr-refused") == "upstream-unreachable"
    assert len(scene.dials) == 1


async def test_a_second_death_is_no_reason_to_try_again() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    transport.take()
    client.data_received(GET)
    for _ in range(2):
        scene.upstream[1].abort()
        await settle()
    assert header_of(transport.take(), "x-esr-refused") == "upstream-died"
    assert len(scene.dials) == 2


async def test_early_answer_is_passed_on_and_both_connections_end() -> None:
    scene = Scene()
    client, transport = await scene.ask(POST + b"Content-Length: 100\r\n\r\nabc")
    scene.upstream[0].data_received(b"HTTP/1.1 413 Big\r\nContent-Length: 2\r\n\r\nno")
    answer = transport.take()
    assert (status_of(answer), body_of(answer)) == (413, b"no")
    assert header_of(answer, "connection") == "close"
    assert transport.is_ended
    assert scene.upstream[1].is_aborted
    client.data_received(GET)
    await settle()
    assert len(scene.dials) == 1


async def test_bytes_nobody_asked_for_end_a_kept_connection() -> None:
    scene = Scene()
    await scene.ask(GET)
    scene.upstream[0].data_received(OK + OK)
    assert scene.upstream[1].is_aborted, "more than the answer"
    await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    scene.upstream[0].data_received(OK)
    assert scene.upstream[1].is_aborted, "an answer without a request"


async def test_slow_upstream_holds_the_client_back() -> None:
    scene = Scene()
    client, transport = await scene.ask(POST + b"Content-Length: 100\r\n\r\nabc")
    wire = scene.upstream[0]
    wire.pause_writing()
    assert transport.is_paused()
    wire.resume_writing()
    assert not transport.is_paused()
    client.data_received(b"x" * 97)
    assert scene.upstream[1].written.endswith(b"abc" + b"x" * 97)


async def test_slow_client_holds_the_upstream_back_and_it_is_released_before_it_is_kept() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    wire, upstream = scene.upstream
    wire.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    client.pause_writing()
    assert upstream.is_paused()
    client.resume_writing()
    assert not upstream.is_paused()
    client.pause_writing()
    wire.data_received(b"cd")
    assert not upstream.is_paused()
    client.data_received(GET)
    assert transport.is_paused(), "no next request before the client took the answer"
    assert scene.gateway.statistics().requests == 1
    client.resume_writing()
    assert scene.gateway.statistics().requests == 2


async def test_body_waits_while_the_upstream_is_dialled() -> None:
    scene = Scene()
    client, transport = scene.client()
    client.data_received(POST + b"Content-Length: 6\r\n\r\nabc")
    assert transport.is_paused()
    client.data_received(b"def")
    await settle()
    assert not transport.is_paused()
    assert body_of(scene.upstream[1].written) == b"abcdef"


async def test_client_that_goes_away_takes_its_upstream_with_it() -> None:
    scene = Scene()
    _, transport = await scene.ask(GET)
    transport.abort()
    await settle()
    assert scene.upstream[1].is_aborted
    assert [each.status for each in scene.notes.exchanges] == [499]


async def test_client_that_half_closes_still_gets_its_answer() -> None:
    scene = Scene()
    client, transport = await scene.ask(GET)
    assert client.eof_received() is True
    scene.upstream[0].data_received(OK)
    assert transport.take().endswith(b"ok")
    assert transport.is_ended


async def test_connection_for_a_client_that_left_is_kept() -> None:
    scene = Scene()
    client, _ = scene.client()
    client.data_received(GET)
    client.connection_lost(None)
    await settle()
    assert scene.gateway.statistics().upstream_connections_idle == 1


async def test_loop_is_refused() -> None:
    scene = Scene()
    _, transport = await scene.ask(
        b"GET /a HTTP/1.1\r\n" + HOST + b"x-esr-hop: other, gw-1\r\n\r\n"
    )
    assert status_of(transport.written) == 508
    assert scene.dials == []


async def test_failing_rules_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("boom")

    for name in ("proxy.gateway.book.ask_of", "proxy.gateway.plan.edit_target"):
        with monkeypatch.context() as patch:
            patch.setattr(name, explode)
            scene = Scene()
            _, transport = await scene.ask(GET)
            assert status_of(transport.written) == 599
            assert header_of(transport.written, "x-esr-refused") == "no-rules"
            assert scene.dials == []


async def test_failing_answer_edit_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("proxy.gateway.plan.edit_answer", explode)
    scene = Scene()
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nok")
    assert status_of(transport.written) == 599


async def test_failing_observer_stops_nothing() -> None:
    scene = Scene()

    def explode(_: object) -> None:
        raise RuntimeError("boom")

    scene.notes.passed = explode  # type: ignore[assignment,method-assign]
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(OK)
    assert transport.take().endswith(b"ok")
    assert scene.gateway.statistics().observer_errors == 1


async def test_missing_secret_refuses() -> None:
    scene = Scene()
    scene.switch.replace(scene.switch.rules, {})
    _, transport = await scene.ask(GET)
    assert header_of(transport.written, "x-esr-refused") == "no-rules"
    assert b"TOKEN" in transport.written
    assert scene.dials == []


async def test_seal_is_asked_before_every_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "switchboard.switch.Switch.endpoints", property(lambda _: frozenset({("127.0.0.9", 1)}))
    )
    scene = Scene()
    _, transport = await scene.ask(GET)
    assert header_of(transport.written, "x-esr-refused") == "not-sealed"
    assert scene.dials == []


async def test_unreachable_upstream_is_named_and_the_client_may_go_on() -> None:
    scene = Scene()
    scene.dial_error = ConnectionRefusedError()
    client, transport = await scene.ask(GET)
    assert header_of(transport.take(), "x-esr-refused") == "upstream-unreachable"
    scene.dial_error = None
    client.data_received(GET)
    await settle()
    scene.upstream[0].data_received(OK)
    assert transport.take().endswith(b"ok")


async def test_bodies_are_captured_up_to_a_bound() -> None:
    scene = Scene(capture=True, max_captured_bytes=4)
    sent = POST + b"Content-Length: 3\r\n\r\nabc"
    client, _ = await scene.ask(sent)
    scene.upstream[0].data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde")
    client.data_received(sent)
    scene.upstream[0].data_received(OK)
    bodies = [(each.body, each.answer_body) for each in scene.notes.exchanges]
    assert bodies == [(b"abc", None), (b"abc", b"ok")]


LINKED: dict[str, Any] = {
    **RULES,
    "routes": [{**RULES["routes"][0], "edit": {"links": True, "headers": {"set": {"X-A": "b"}}}}],
}


async def test_links_in_text_are_mapped_over_pieces() -> None:
    scene = Scene(LINKED)
    _, transport = await scene.ask(
        b"GET /a HTTP/1.1\r\n" + HOST + b"Accept-Encoding: br\r\nRange: bytes=0-1\r\n\r\n"
    )
    wire, upstream = scene.upstream
    assert header_of(upstream.written, "accept-encoding") == "identity"
    assert header_of(upstream.written, "range") is None
    assert header_of(upstream.written, "x-a") == "b"
    body = b'<a href="http://127.0.0.1:9001/x">'
    wire.data_received(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: a\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body[:15])
    )
    wire.data_received(body[15:])
    assert header_of(transport.written, "transfer-encoding") == "chunked"
    assert header_of(transport.written, "etag") is None
    assert b"svc.hms.example/x" in transport.written
    assert transport.written.endswith(b"0\r\n\r\n")


async def test_encoded_text_whose_links_cannot_be_mapped_is_no_answer() -> None:
    scene = Scene(LINKED)
    _, transport = await scene.ask(GET)
    scene.upstream[0].data_received(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 1\r\n\r\nx"
    )
    assert header_of(transport.written, "x-esr-refused") == "bad-answer"


STUB = b"POST /pay?token=x HTTP/1.1\r\nHost: api.treasury.example\r\n"


async def test_stub_answers_in_place() -> None:
    asked: list[StubAsk] = []

    async def stubs(ask: StubAsk) -> StubAnswer:
        asked.append(ask)
        return StubAnswer(201, [("X-A", "b"), ("Connection", "x"), ("X-B", "a\r\nb")], b"paid")

    scene = Scene(stubs=stubs)
    client, transport = await scene.ask(
        STUB + b"Authorization: Bearer prod\r\nX-Esr-Request: 7\r\nContent-Length: 3\r\n\r\na"
    )
    client.data_received(b"bc")
    await settle()
    answer = transport.take()
    assert answer == (
        b"HTTP/1.1 201 Created\r\nX-A: b\r\nx-esr-env: sandbox\r\ncontent-length: 4\r\n\r\npaid"
    )
    assert (asked[0].service, asked[0].body) == ("ach", b"abc")
    assert asked[0].target == "/pay?token=sandbox"
    assert ("x-esr-request", "7") in asked[0].headers
    assert not any("prod" in value for _, value in asked[0].headers)
    assert scene.notes.exchanges[0].address is None
    assert scene.dials == []


async def test_broken_stub_is_named() -> None:
    async def stubs(ask: StubAsk) -> StubAnswer:
        raise KeyError(ask.service)

    scene = Scene(stubs=stubs)
    _, transport = await scene.ask(STUB + b"Content-Length: 0\r\n\r\n")
    assert status_of(transport.written) == 500
    assert scene.notes.rules == ["stub-broken"]


async def test_stub_takes_only_so_much() -> None:
    scene = Scene(limits=Limits(max_stub_body_bytes=3))
    _, transport = await scene.ask(STUB + b"Content-Length: 5\r\n\r\nabcd")
    assert status_of(transport.written) == 413
    assert transport.is_ended


async def test_gateway_without_stubs_says_so() -> None:
    scene = Scene()
    _, transport = await scene.ask(STUB + b"Content-Length: 0\r\n\r\n")
    assert scene.notes.rules == ["stub-broken"]
    assert status_of(transport.written) == 500


async def test_asterisk_is_for_options_even_where_everything_is_remembered() -> None:
    scene = Scene()
    options = b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n"
    client, transport = await scene.ask(options)
    scene.upstream[0].data_received(OK)
    assert scene.upstream[1].take().startswith(b"OPTIONS * HTTP/1.1\r\n")
    transport.take()
    client.data_received(options.replace(b"OPTIONS", b"GET"))
    assert header_of(transport.take(), "x-esr-refused") == "bad-target"
    assert scene.upstream[1].take() == b""
