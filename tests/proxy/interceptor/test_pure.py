"""What the interceptor decides without a socket: names, framing, heads, tunnels."""

from __future__ import annotations

import pytest

from proxy.interceptor.answers import refusal_of
from proxy.interceptor.bodies import Instead, Tap, decoder_of
from proxy.interceptor.framing import answer_framing, has_body, request_framing
from proxy.interceptor.gate import Gate
from proxy.interceptor.limits import why_bad_head
from proxy.interceptor.naming import Names, agreed_authority
from switchboard.decide import Ask, Forward, Refuse
from switchboard.mode import MemoryMode
from switchboard.switch import NOTHING, Switch
from tests.proxy.interceptor.harness import SANDBOX, build_rules

HOST = "api.hms.example"


def rule_of(found: object) -> str:
    return found.rule if isinstance(found, Refuse) else "passes"


NAMES = {
    "host": (Names("http", (HOST,)), HOST),
    "upper case": (Names("http", ("API.hms.Example.",)), HOST),
    "twice the same": (Names("http", (HOST, HOST)), HOST),
    "two hosts": (Names("http", (HOST, "b.hms.example")), "host-mismatch"),
    "two ports": (Names("http", (HOST, f"{HOST}:81")), "host-mismatch"),
    "none": (Names("http", ()), "no-host"),
    "password": (Names("http", (f"u@{HOST}",)), "bad-host"),
    "number": (Names("http", ("2130706433",)), "bad-host"),
    "sni": (Names("https", (HOST,), is_tls=True, sni=HOST), HOST),
    "fronting": (Names("https", (HOST,), is_tls=True, sni="b.hms.example"), "host-mismatch"),
    "no sni": (Names("https", (HOST,), is_tls=True), "host-mismatch"),
    "bad sni": (Names("https", (HOST,), is_tls=True, sni="0x7f.1"), "host-mismatch"),
    "tunnel": (Names("https", (HOST,), (HOST, 443), None, True, HOST), HOST),
    "tunnel, no sni": (Names("https", (HOST,), (HOST, 443), None, True), HOST),
    "tunnel's port": (Names("https", (HOST,), (HOST, 8443), None, True, HOST), f"{HOST}:8443"),
    "other tunnel": (Names("https", (HOST,), ("b.c", 443), None, True, HOST), "host-mismatch"),
    "other port": (Names("http", (f"{HOST}:81",), (HOST, 80)), "host-mismatch"),
    "tunnel to address": (Names("https", (HOST,), ("127.0.0.2", 443)), "host-mismatch"),
    "redirected": (Names("http", (HOST,), None, ("127.0.0.2", 8080)), f"{HOST}:8080"),
    "by address": (Names("https", ("127.0.0.2",), None, ("127.0.0.2", 443), True), "127.0.0.2"),
    "by another": (Names("https", ("127.0.0.4",), None, ("127.0.0.2", 443), True), "host-mismatch"),
}


@pytest.mark.parametrize(("names", "expected"), NAMES.values(), ids=NAMES)
def test_all_names_agree_or_nothing_passes(names: Names, expected: str) -> None:
    found = agreed_authority(names)
    assert (found.rule if isinstance(found, Refuse) else found) == expected


WEBSOCKET = [
    ("Connection", "keep-alive, Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
]
FRAMINGS: dict[str, tuple[list[tuple[str, str]], object]] = {
    "none": ([("Host", HOST)], []),
    "length": ([("Content-Length", "5")], [("content-length", "5")]),
    "chunked": ([("Transfer-Encoding", "Chunked")], [("transfer-encoding", "chunked")]),
    "CL.TE": ([("Content-Length", "5"), ("Transfer-Encoding", "chunked")], "bad-request"),
    "two lengths": ([("Content-Length", "5"), ("content-length", "5")], "bad-request"),
    "TE.TE": ([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "x")], "bad-request"),
    "gzip, chunked": ([("Transfer-Encoding", "gzip, chunked")], "bad-request"),
    "signed": ([("Content-Length", "+5")], "bad-request"),
    "list": ([("Content-Length", "5, 5")], "bad-request"),
    "endless": ([("Content-Length", "9" * 30)], "bad-request"),
    "folded": ([("X", "a\r\n b")], "bad-request"),
    "h2c": ([("Connection", "Upgrade"), ("Upgrade", "h2c")], "not-plain-http"),
    "bare upgrade": ([("Upgrade", "websocket")], "not-plain-http"),
    "websocket": (WEBSOCKET, [("connection", "Upgrade"), ("upgrade", "websocket")]),
    "continue": ([("Expect", "100-continue")], [("expect", "100-continue")]),
    "expects more": ([("Expect", "magic")], []),
}


@pytest.mark.parametrize(("headers", "expected"), FRAMINGS.values(), ids=FRAMINGS)
def test_a_request_has_one_length_or_is_refused(
    headers: list[tuple[str, str]], expected: object
) -> None:
    found = request_framing("GET", headers)
    assert (found.rule if isinstance(found, Refuse) else found) == expected


@pytest.mark.parametrize(
    ("status", "headers", "http11", "rewritten", "expected"),
    [
        pytest.param(200, [("content-length", "3")], True, False, [("content-length", "3")]),
        pytest.param(
            200, [("content-length", "3")], True, True, [("transfer-encoding", "chunked")]
        ),
        pytest.param(200, [("content-length", "3")], False, True, []),
        pytest.param(200, [], True, False, [("transfer-encoding", "chunked")]),
        pytest.param(204, [], True, False, []),
        pytest.param(101, [("content-length", "3")], True, False, []),
    ],
)
def test_an_answer_is_framed_for_its_client(
    status: int,
    headers: list[tuple[str, str]],
    http11: bool,
    rewritten: bool,
    expected: list[tuple[str, str]],
) -> None:
    found = answer_framing(status, headers, client_is_http11=http11, is_rewritten=rewritten)
    assert found == expected


def test_a_body_is_announced() -> None:
    assert has_body([("content-length", "1")])
    assert has_body([("transfer-encoding", "chunked")])
    assert not has_body([("content-length", "0")])


HEADS = {
    "whole": (b"GET / HTTP/1.1\r\nA: b\r\n\r\nany\nbody", "passes"),
    "part": (b"GET / HTT", "passes"),
    "line feed to come": (b"GET / HTTP/1.1\r", "passes"),
    "after an empty line": (b"\r\nGET / HTTP/1.1\r\n\r\n", "passes"),
    "bare line feed": (b"GET / HTTP/1.1\nA: b\n\n", "bad-request"),
    "bare return": (b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "bad-request"),
    "folded": (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "bad-request"),
    "nul": (b"GET /\0 HTTP/1.1\r\n\r\n", "bad-request"),
    "bomb": (b"GET / HTTP/1.1\r\nA: " + b"b" * 300, "head-too-large"),
}


@pytest.mark.parametrize(("data", "expected"), HEADS.values(), ids=HEADS)
def test_a_head_is_short_and_plain(data: bytes, expected: str) -> None:
    assert rule_of(why_bad_head(data, 256)) == expected


def gate(mode: str = "sandbox") -> Gate:
    cell = MemoryMode()
    if mode == "live":
        cell.flip("live", who="a test")
    return Gate(Switch(build_rules(9_001), cell, {}))


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        (f"{HOST}:443", "passes"),
        ("prod.example:443", "unmapped-host"),
        ("www.hms.gov:443", "deny.hosts[0]"),
        ("203.0.113.9:443", "deny.networks[0]"),
        ("192.0.2.1:443", "unmapped-host"),
        ("[::1]:443", "unmapped-host"),
        (f"u@{HOST}:443", "bad-host"),
        (f"{HOST}:0", "bad-host"),
        ("", "bad-host"),
    ],
)
def test_a_tunnel_leads_to_a_routed_name(authority: str, expected: str) -> None:
    assert rule_of(gate().refuse_tunnel(authority)) == expected


def test_live_refuses_everything() -> None:
    here = gate("live")
    assert here.endpoints == NOTHING
    assert rule_of(here.decide(Ask("http", HOST, 80, "GET", "/"))) == "no-live-upstream"
    assert rule_of(here.refuse_tunnel(f"{HOST}:443")) == "no-live-upstream"
    assert rule_of(here.refuse_name(HOST)) == "no-live-upstream"


def test_the_sandbox_alone_may_be_dialled() -> None:
    here = gate()
    assert here.endpoints == {(SANDBOX, 9_001)}
    assert isinstance(here.decide(Ask("http", HOST, 80, "GET", "/")), Forward)
    here.switch.trip("a test")
    assert here.endpoints == NOTHING


def test_a_tap_keeps_no_more_than_it_may() -> None:
    tap = Tap(4)
    assert tap(b"ab") == [b"ab"]
    assert tap(b"") == []
    assert tap.body == b"ab"
    longer = Tap(4)
    longer(b"abcde")
    assert longer.body is None
    assert longer.size == 5
    assert Tap(0).body is None


def test_another_body_is_given_once() -> None:
    instead = Instead(b"problem")
    assert [instead(b"a"), instead(b"b"), instead(b"")] == [[b"problem"], [], []]


def test_an_unknown_encoding_has_no_decoder() -> None:
    assert decoder_of("br") is None
    assert decoder_of("") is not None
    assert decoder_of("GZIP") is not None


@pytest.mark.parametrize(
    ("status", "message", "rule"),
    [
        (502, "Connection killed: not-sealed: anything", "not-sealed"),
        (502, "Connection killed: invented: anything", "upstream-unreachable"),
        (502, "server closed connection", "upstream-died"),
        (502, "Cannot parse HTTP response: secret", "bad-answer"),
        (502, "[Errno 111] Connect call failed", "upstream-unreachable"),
        (413, "Request body exceeds mitmproxy's body_size_limit.", "body-too-large"),
        (400, "Bad HTTP request line: b'secret'", "bad-request"),
    ],
)
def test_mitmproxys_errors_are_named_and_not_quoted(status: int, message: str, rule: str) -> None:
    found = refusal_of(status, message)
    assert found.rule == rule
    assert "secret" not in found.reason
