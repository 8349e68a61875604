from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.head import Head
from replay.readers.json_lines import decode
from replay.readers.nginx_json import NGINX_JSON, parse_object
from replay.readers.ops import OPS
from replay.readers.sniff import sniff
from switchboard.event import EventError
from tests.replay.readers.collecting import read_bytes

# Every value is a text, as `log_format ... escape=json` with quotes around its variables writes.
LINE: dict[str, Any] = {
    "time_local": "17/May/2015:10:05:03 +0000", "msec": "1431857103.123",
    "remote_addr": "192.0.2.7", "remote_user": "", "request": "GET /a?x=1 HTTP/1.1",
    "request_method": "GET", "request_uri": "/a?x=1", "status": "200", "body_bytes_sent": "12",
    "request_time": "0.023", "upstream_response_time": "0.020", "http_host": "ex.com",
    "http_referer": "http://secret.example/", "http_user_agent": "ua \"x\" é",
    "http_x_forwarded_for": "", "request_id": "r1",
}  # fmt: skip
NS = 1_431_857_103_123_000_000
SECOND = 1_431_857_103_000_000_000


def test_a_line() -> None:
    entry = parse_object(LINE)
    event = entry.event
    assert event.ts_ns == NS - 23_000_000
    assert (event.method, event.url) == ("GET", "http://ex.com/a?x=1")
    assert (event.status, event.wait_ms) == (200, 23)
    assert event.headers == (("user-agent", 'ua "x" é'), ("x-request-id", "r1"))
    assert entry.client == '192.0.2.7\0ua "x" é'
    assert entry.inferred
    assert not entry.coarse
    assert "secret" not in repr(tuple(event))


@pytest.mark.parametrize(
    ("stamps", "ns", "coarse"),
    [
        ({"msec": 1431857103.123}, NS, False),
        ({"msec": "1431857103.123"}, NS, False),
        ({"time_local": "17/May/2015:12:05:03 +0200"}, SECOND, True),
        ({"time_iso8601": "2015-05-17T10:05:03+00:00"}, SECOND, True),
        ({"time": "2015-05-17T10:05:03.123Z"}, NS, False),
        ({"timestamp": 1431857103123}, NS, False),
        ({"@timestamp": "2015-05-17T10:05:03.123Z"}, NS, False),
        ({"@timestamp": "2015-05-17T10:05:03.000Z"}, SECOND, True),
        ({"time_local": "17/May/2015:10:05:03 +0000", "msec": "-"}, SECOND, True),
        (
            {"time_local": "17/May/2015:10:05:03 +0000", "@timestamp": "2015-05-17T10:05:03.123Z"},
            NS,
            False,
        ),
        (
            {"time_local": "17/May/2015:10:05:03 +0000", "@timestamp": "2015-05-17T10:07:00.123Z"},
            SECOND,
            True,
        ),
        ({"time_local": "17/May/2015:10:05:03 +0000", "time": "late"}, SECOND, True),
    ],
)
def test_the_finest_stamp_of_a_second_is_taken(
    stamps: dict[str, Any], ns: int, coarse: bool
) -> None:
    entry = parse_object({"request": "GET / HTTP/1.1", "status": 200, **stamps})
    assert (entry.event.ts_ns, entry.coarse) == (ns, coarse)


@pytest.mark.parametrize(
    ("times", "start_ns", "wait_ms"),
    [
        ({"msec": "1431857103.123", "request_time": "1.5"}, NS - 1_500_000_000, 1500),
        ({"msec": "1431857103.123", "request_time": 0.003}, NS - 3_000_000, 3),
        ({"msec": "1431857103.123", "request_time": 1e-05}, NS - 10_000, 0.01),
        ({"msec": "1431857103.123", "request_time": "-"}, NS, None),
        ({"msec": "1431857103.123"}, NS, None),
        (
            {"msec": "1431857103.123", "upstream_response_time": "0.001, 0.002 : 0.003"},
            NS - 6_000_000,
            6,
        ),
        ({"msec": "1431857103.123", "upstream_response_time": "-"}, NS, None),
        ({"time_local": "17/May/2015:10:05:03 +0000", "request_time": "0.2"}, SECOND, 200),
        (
            {"time_local": "17/May/2015:10:05:03 +0000", "request_time": "2.9"},
            SECOND - 3_000_000_000,
            2900,
        ),
    ],
)
def test_the_start_is_the_stamp_less_the_time_it_took(
    times: dict[str, Any], start_ns: int, wait_ms: float | None
) -> None:
    event = parse_object({"request": "GET / HTTP/1.1", **times}).event
    assert (event.ts_ns, event.wait_ms) == (start_ns, wait_ms)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"uri": "/a", "args": "x=1", "method": "GET"}, "/a?x=1"),
        ({"uri": "/a?x=1", "args": "x=1", "method": "GET"}, "/a?x=1"),
        ({"uri": "/a", "args": "", "method": "GET"}, "/a"),
        ({"uri": "/a b", "method": "GET"}, "/a%20b"),
        ({"request": "GET /é HTTP/2.0"}, "/%C3%A9"),
        ({"request_uri": "/a", "verb": "get", "host": "ex.com", "scheme": "https"},
         "https://ex.com/a"),
        ({"request_uri": "/a", "verb": "get", "server_name": "_"}, "/a"),
        ({"request_uri": "/a", "verb": "get", "host": {"name": "machine"}}, "/a"),
        ({"url": {"original": "/a", "domain": "ex.com"}, "http": {"request": {"method": "GET"}}},
         "http://ex.com/a"),
        ({"nginx": {"access": {"method": "GET", "url": "/a"}}}, "/a"),
    ],
)  # fmt: skip
def test_requests(fields: dict[str, Any], url: str) -> None:
    assert parse_object({"msec": "1431857103.123", **fields}).event.url == url


@pytest.mark.parametrize(
    ("fields", "client"),
    [
        ({"remote_addr": "192.0.2.7"}, "192.0.2.7\0"),
        ({"remote_addr": "192.0.2.7", "http_user_agent": "ua"}, "192.0.2.7\0ua"),
        ({"remote_addr": "192.0.2.7", "xff": "203.0.113.9, 10.0.0.1"}, "203.0.113.9\0"),
        ({"remote_addr": "192.0.2.7", "remote_user": "ann"}, "user\0ann"),
        ({"nginx": {"access": {"remote_ip": "192.0.2.7"}}}, "192.0.2.7\0"),
        ({"source": {"ip": "192.0.2.7"}, "user_agent": {"original": "ua"}}, "192.0.2.7\0ua"),
        ({}, None),
    ],
)
def test_clients(fields: dict[str, Any], client: str | None) -> None:
    entry = parse_object({"msec": "1431857103.123", "request": "GET / HTTP/1.1", **fields})
    assert entry.client == client
    assert entry.event.user is None


def test_a_body_that_was_logged_is_sent() -> None:
    line = {**LINE, "request_method": "POST", "request_body": '{"a":1}', "content_type": "text/x"}
    entry = parse_object(line)
    assert (entry.event.body, entry.body_unknown) == (b'{"a":1}', False)
    assert ("content-type", "text/x") in entry.event.headers
    del line["request_body"]
    assert parse_object(line).body_unknown


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"msec": "", "time_local": ""}, "no ts"),
        ({"msec": "x"}, "bad ts"),
        ({"msec": True}, "bad ts"),
        ({"msec": 1e308}, "bad ts"),
        ({"msec": 5}, "ts outside 1990..2100"),
        ({"request_method": "-", "request_uri": "-", "request": "-"}, "no url"),
        ({"request_method": "", "request": "x"}, "garbage request"),
        ({"request_uri": "x"}, "bad url"),
        ({"request_uri": "/\x00"}, "bad url"),
        ({"request_method": "G(T"}, "garbage request"),
    ],
)
def test_objects_that_cannot_be_used_say_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_object({**LINE, **change})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": "\\x22\\xC3\\xA9"}', {"a": '"\udcc3\udca9'}),
        (b'{"a": "\\\\x22"}', {"a": "\\x22"}),
        (b'{"a": "\\q\\x2"}', {"a": "\\q\\x2"}),
        (b'{"a": , "b": -, "c":}', {"a": None, "b": None, "c": None}),
        (b'{"a": ":-,", "b": -}', {"a": ":-,", "b": None}),
        (b'{"a": -1, "b":-}', {"a": -1, "b": None}),
        (b'{"a": "\xe9"}', {"a": "\udce9"}),
        (b'{"a": "\\u00e9\xff"}', {"a": "\u00e9\udcff"}),
    ],
)
def test_what_is_nearly_json_is_mended(line: bytes, value: dict[str, Any]) -> None:
    assert decode(line) == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "blank line"),
        (b'{"a": "b', "not JSON"),
        (b'{"a": "b}', "not JSON"),
        (b"[1]", "not an object"),
        (b"null", "not JSON"),
        (b"{}}", "not JSON"),
        (b"{" * 100_000 + b"}" * 100_000, "not JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"\xff}", "not JSON"),
    ],
)
def test_what_is_no_json_says_so(line: bytes, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        decode(line)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"' + b'\\"' * 30_000 + b"}",
        b'{"a":' + b" " * 60_000 + b"x}",
        b'{"a"' + b":" * 60_000 + b"}",
        b"{" + b'"' * 60_001 + b"}",
        b'{"a":"' + b"\\x" * 30_000 + b"}",
        b'{"a":' + b" -" * 30_000 + b"x}",
    ],
)
def test_no_line_takes_long(hostile: bytes) -> None:
    began = time.process_time()
    NGINX_JSON.recognises(Head(hostile))
    with contextlib.suppress(EventError):
        decode(hostile)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("value", "is_nginx"),
    [
        (LINE, True),
        ({"time_iso8601": "x", "request": "x"}, True),
        ({"time": "x", "method": "GET", "path": "/", "status": 200, "remote_ip": "x"}, True),
        ({"@timestamp": "x", "nginx": {"access": {"method": "GET", "url": "/"}}}, True),
        ({"ts": "x", "method": "GET", "url": "/"}, False),
        ({"ts": "x", "method": "GET", "url": "/", "status": 200, "wait_ms": 5}, False),
        ({"delay": 5, "method": "GET", "url": "/", "client": "x", "status": 200}, False),
        ({"time": "x", "msg": "hello"}, False),
        ({"remote_addr": "x", "request_time": "x"}, False),
        ({"attack": "", "seq": 1, "code": 200, "timestamp": "x", "latency": 5, "method": "GET",
          "url": "http://x/"}, False),
    ],
)  # fmt: skip
def test_which_objects_are_of_nginx(value: dict[str, Any], is_nginx: bool) -> None:
    found = sniff(Head(json.dumps(value).encode()))
    assert (found is NGINX_JSON) is is_nginx
    if not is_nginx and "attack" not in value:
        assert (found is OPS) is ("url" in value)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just([1]),
    st.dictionaries(st.sampled_from(["access", "original", "request"]), st.text(max_size=3)),
)  # fmt: skip
KEYS = st.sampled_from([*LINE, "nginx", "url", "http", "user_agent", "args", "uri", "time"])


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.binary(max_size=60))
def test_any_file_is_entries_and_reasons(change: dict[str, Any], more: bytes) -> None:
    data = json.dumps({**LINE, **change}).encode() + b"\n" + more
    found = read_bytes(data, NGINX_JSON)
    lines = data.removesuffix(b"\n").count(b"\n") + 1
    assert len(found.entries) + len(found.skips) == lines


@given(st.integers(0, 500), st.binary(max_size=3))
def test_a_good_line_with_an_error_in_it(at: int, piece: bytes) -> None:
    good = json.dumps(LINE).encode()
    data = good[:at] + piece + good[at + len(piece) :]
    found = read_bytes(data, NGINX_JSON)
    lines = data.removesuffix(b"\n").count(b"\n") + 1
    assert len(found.entries) + len(found.skips) == lines


@pytest.mark.parametrize(
    "field",
    ["request", "http_user_agent", "http_host", "remote_user", "request_id", "request_body"],
)
def test_half_a_character_is_no_obstacle(field: str) -> None:
    value = {"msec": "1431857103.123", "request": "POST / HTTP/1.1", "remote_addr": "192.0.2.7"}
    value[field] = f"{value.get(field, '')}".replace("/ ", "/\ud800 ") or "a\udfff"
    found = read_bytes(json.dumps(value).encode(), NGINX_JSON)
    assert [entry.event.url for _, entry in found.entries] == (
        ["/%EF%BF%BD"] if field == "request" else ["/"]
    )


@pytest.mark.parametrize("times", ["0.250, 0.500", "0.250 : 0.500", "0.250, -, 0.500 : -"])
def test_times_of_several_servers_need_no_quotes(times: str) -> None:
    line = json.dumps(LINE).replace('"0.020"', times).replace('"0.023"', "-")
    ((_, entry),) = read_bytes(line.encode(), NGINX_JSON).entries
    assert entry.event.wait_ms == 750


def test_names_may_be_joined_in_any_way() -> None:
    """As an Apache `LogFormat` of JSON that is much copied has it."""
    value = {
        "time": "2024-01-02T03:04:05.678Z", "process": "1234", "remoteIP": "192.0.2.7",
        "host": "ex.com", "request": "/a b", "query": "?x=1", "method": "GET", "status": "200",
        "userAgent": "ua", "referer": "http://r/",
    }  # fmt: skip
    assert sniff(Head(json.dumps(value).encode())) is NGINX_JSON
    entry = parse_object(value)
    assert entry.event.url == "http://ex.com/a%20b?x=1"
    assert entry.event.headers == (("user-agent", "ua"),)
    assert entry.client == "192.0.2.7\0ua"
