from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.opening import open_source
from replay.readers.sniff import sniff
from replay.readers.source import MAX_LINE, OVERLONG, Source, TraceFile
from replay.readers.wrapped import peel
from tests.replay.readers.collecting import Collector

ACCESS = '192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "GET /a?q=\\"x\\" HTTP/1.1" 200 5 "-" "ua"'
NGINX = json.dumps(
    {"msec": "1431857103.123", "request": "GET /a HTTP/1.1", "remote_addr": "192.0.2.7"}
)
ENVOY = '[2016-04-15T20:17:00.310Z] "POST /a HTTP/2" 204 - 154 0 226 100 "-" "ua" "id" "host" "-"'
EVENT = '{"ts":"2024-01-02T03:04:05Z","method":"GET","url":"/a","message":"mine"}'
ALB = (
    "http 2018-07-02T22:23:00.186641Z app/lb/50dc 192.0.2.39:2817 10.0.0.1:80 0.000 0.001 0.000 "
    '200 200 34 366 "GET http://www.example.com:80/a HTTP/1.1" "curl/7.46.0" - -'
)
INSIDE = {
    "combined": ACCESS,
    "nginx_json": NGINX,
    "envoy": ENVOY,
    "ops": EVENT,
    "alb": ALB,
}
STAMP = "2024-05-06T07:08:09.123456789Z"
AROUND = {
    "docker": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": STAMP}),
    "kubernetes": lambda line: f"{STAMP} stdout F {line}",
    "kubernetes with tags": lambda line: f"2024-05-06T07:08:09.123+02:00 stderr F:x {line}",
    "syslog": lambda line: f"<190>Nov 21 19:24:28 web-1 nginx: {line}",
    "syslog, nohostname": lambda line: f"<190>Nov  1 19:24:28 nginx: {line}",
    "syslog of today": lambda line: f"<190>1 {STAMP} web-1 nginx 123 - - {line}",
    "syslog with data": lambda line: f'<1>1 {STAMP} web-1 nginx 123 - [a@1 b="c"] {line}',
    "journald": lambda line: f"Nov 21 19:24:28 web-1 nginx[123]: {line}",
    "journald with ISO stamps": lambda line: f"2024-11-21T19:24:28+0000 web-1 nginx[123]: {line}",
    "journald's JSON": lambda line: json.dumps({"_PID": "1", "PRIORITY": "6", "MESSAGE": line}),
    "kubectl --timestamps": lambda line: f"{STAMP} {line}",
    "kubectl --prefix": lambda line: f"[pod/web-7d/nginx] {line}",
    "both": lambda line: f"[pod/web-7d/nginx] {STAMP} {line}",
    "compose": lambda line: f"web-1  | {line}",
    "fluentd": lambda line: f"2024-05-06T07:08:09+00:00\tkube.web\t{json.dumps({'log': line})}",
    "Filebeat": lambda line: json.dumps({"@timestamp": STAMP, "message": line, "host": {}}),
    "Elasticsearch": lambda line: json.dumps({"_index": "a", "_source": {"message": line}}),
    "Splunk": lambda line: json.dumps({"preview": False, "result": {"_raw": line}}),
    "Google": lambda line: json.dumps({"insertId": "1", "textPayload": line, "timestamp": STAMP}),
}


@contextmanager
def opened(folder: Path, lines: list[str]) -> Iterator[Source]:
    path = folder / "a.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    with open_source(TraceFile(path, "a.log")) as source:
        yield source


def read(source: Source) -> tuple[str, Collector]:
    found = sniff(Head(source.head()))
    assert isinstance(found, Format)
    sink = Collector()
    found.read(source, sink)
    return found.name, sink


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("around", AROUND)
def test_a_line_inside_a_line_is_read_as_it_was(tmp_path: Path, around: str, inside: str) -> None:
    line = INSIDE[inside]
    with opened(tmp_path, [line, line]) as source:
        _, plain = read(source)
    assert len(plain.entries) == 2

    with opened(tmp_path, [AROUND[around](line)] * 2) as source:
        name, sink = read(source)
    assert name == inside
    assert sink.entries == plain.entries
    assert sink.skips == plain.skips == []


@pytest.mark.parametrize("inside", INSIDE)
def test_what_is_in_nothing_stays_the_very_same(inside: str) -> None:
    line = INSIDE[inside].encode()
    assert peel(line).text is line


def test_a_stored_object_is_read_as_a_line(tmp_path: Path) -> None:
    stored = json.dumps({"_index": "a", "_source": json.loads(NGINX)})
    with opened(tmp_path, [f"[{stored},", f"{stored}]"]) as source:
        name, sink = read(source)
    assert name == "nginx_json"
    assert [line for line, _ in sink.entries] == [1, 2]


def docker(text: str) -> str:
    return json.dumps({"log": text, "stream": "stdout", "time": STAMP})


def cri(mark: str, text: str) -> str:
    return f"{STAMP} stdout {mark} {text}"


@pytest.mark.parametrize(
    "cut",
    [
        [docker(ACCESS[:9]), docker(ACCESS[9:60]), docker(f"{ACCESS[60:]}\n")],
        [cri("P", ACCESS[:9]), cri("P", ACCESS[9:60]), cri("F", ACCESS[60:])],
    ],
    ids=["docker", "kubernetes"],
)
def test_pieces_of_a_line_are_one_entry_where_they_end(tmp_path: Path, cut: list[str]) -> None:
    whole = cri("F", ACCESS) if "stdout P" in cut[0] else docker(f"{ACCESS}\n")
    with opened(tmp_path, [whole, *cut, whole, whole, whole, *cut[:1]]) as source:
        _, sink = read(source)
    assert [line for line, _ in sink.entries] == [1, 4, 5, 6, 7]
    assert all(entry == sink.entries[0][1] for _, entry in sink.entries)
    assert sink.skips == [(8, "not an access log line")]


def test_a_line_without_an_end_is_too_long_and_costs_only_itself(tmp_path: Path) -> None:
    piece = cri("P", "x" * 1_000_000)
    whole = cri("F", ACCESS)
    lines = [whole, whole, *[piece] * (MAX_LINE // 1_000_000 + 1), cri("F", "y"), whole]
    with opened(tmp_path, lines) as source:
        _, sink = read(source)
    assert sink.reasons == [OVERLONG]
    assert len(sink.entries) == 3


def test_a_few_such_lines_among_others_are_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path, [ACCESS, cri("F", ACCESS), ACCESS]) as source:
        assert type(source) is Source


def test_lines_that_hold_nothing_known_are_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path, [docker("started\n"), docker("ready\n")]) as source:
        assert type(source) is Source


@pytest.mark.parametrize(
    "line",
    [
        b"<1>1" + b" a" * 32_000,
        b"Nov 21 19:24:28 " + b"a" * 65_536,
        b"2024-05-06T07:08:09" + b"0" * 65_536,
        b"2024-05-06T07:08:09\t" + b"a\t" * 32_000,
        b"a" + b" " * 65_536,
        b"<1>1 a a a a a [" + b"]" * 65_536,
        b"[pod/" + b"a" * 65_536,
        b'{"message":' * 6_000,
        b'{"_source":' * 6_000 + b"1" + b"}" * 6_000,
    ],
    ids=range(9),
)
def test_long_lines_cost_no_time(line: bytes) -> None:
    for _ in range(20):
        peel(line)


@given(st.binary(max_size=200))
def test_any_bytes_are_peeled(line: bytes) -> None:
    text, _ = peel(line)
    assert text is line or len(text) <= len(line) * 6


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda each: st.dictionaries(
            st.sampled_from(["log", "message", "_source", "result", "stream", "url"]), each
        ),
        max_leaves=8,
    )
)
def test_any_object_is_peeled(value: object) -> None:
    line = json.dumps(value).encode()
    again = peel(peel(line).text).text
    assert isinstance(again, bytes)
