from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers import quoted_csv
from replay.readers.head import Head
from replay.readers.quoted_csv import NO_END, iter_rows, split_fields
from replay.readers.sniff import sniff
from replay.readers.vegeta_results import NOT_A_RESULT, NOT_SENT, VEGETA_CSV, VEGETA_RESULTS
from tests.replay.readers.collecting import Collector, read_bytes

# As `vegeta encode --to json` and `--to csv` write one result.
RESULT: dict[str, Any] = {
    "attack": "",
    "seq": 3,
    "code": 200,
    "timestamp": "2020-03-15T13:00:00.123456789+01:00",
    "latency": 1_500_000,
    "bytes_out": 0,
    "bytes_in": 2,
    "error": "",
    "body": "aGk=",
    "method": "GET",
    "url": "http://h:8000/a?x=1",
    "headers": {"Content-Type": ["text/plain"], "A": ["1", "2"]},
}
MIME = b64encode(b"A: 1\r\nA: 2\r\nContent-Type: text/plain\r\n\r\n").decode()
ROW = f"1584273600123456789,200,1500000,0,2,,aGk=,,3,GET,http://h:8000/a?x=1,{MIME}\n"
TS = 1_584_273_600_123_456_789


def read(*values: dict[str, Any]) -> Collector:
    return read_bytes(
        b"".join(json.dumps(each).encode() + b"\n" for each in values), VEGETA_RESULTS
    )


def read_csv(text: str | bytes) -> Collector:
    return read_bytes(text.encode() if isinstance(text, str) else text, VEGETA_CSV)


def test_both_forms_say_the_same() -> None:
    ((_, entry),) = read(RESULT).entries
    assert entry.event.ts_ns == TS
    assert (entry.event.method, entry.event.url) == ("GET", "http://h:8000/a?x=1")
    assert (entry.event.status, entry.event.wait_ms) == (200, 1.5)
    assert entry.event.response_body == b"hi"
    assert entry.event.headers == ()
    assert sorted(entry.event.response_headers) == [
        ("A", "1"), ("A", "2"), ("Content-Type", "text/plain"),
    ]  # fmt: skip
    assert entry.body_unknown is False
    ((_, row),) = read_csv(ROW).entries
    assert sorted(row.event.response_headers) == sorted(entry.event.response_headers)
    assert row.event._replace(response_headers=()) == entry.event._replace(response_headers=())
    assert row._replace(event=entry.event) == entry


def test_a_body_that_was_sent_is_not_in_it() -> None:
    ((_, entry),) = read({**RESULT, "bytes_out": 5, "method": "POST"}).entries
    assert (entry.event.body, entry.body_unknown) == (b"", True)
    ((_, entry),) = read_csv(ROW.replace(",0,2,", ",5,2,")).entries
    assert entry.body_unknown is True


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"body": None, "bytes_in": 0}, b""),
        ({"body": "", "bytes_in": 0}, b""),
        ({"body": None, "bytes_in": 9}, None),
        ({"body": ""}, None),
    ],
)
def test_a_body_that_was_not_kept(changes: dict[str, Any], body: bytes | None) -> None:
    ((_, entry),) = read({**RESULT, **changes}).entries
    assert entry.event.response_body == body


def test_older_results_say_header() -> None:
    old = {**RESULT, "header": {"B": ["c"]}}
    del old["headers"]
    ((_, entry),) = read(old).entries
    assert entry.event.response_headers == (("B", "c"),)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": 0, "error": "dial tcp: refused"}, NOT_SENT),
        ({"code": 99}, "bad status"),
        ({"code": "200"}, "bad status"),
        ({"code": True}, "bad status"),
        ({"latency": None}, "bad latency"),
        ({"latency": True}, "bad latency"),
        ({"latency": 1.5}, "bad latency"),
        ({"latency": -1}, "negative wait"),
        ({"latency": 10**18}, "bad wait"),
        ({"timestamp": None}, "no ts"),
        ({"timestamp": "yesterday"}, "bad ts"),
        ({"timestamp": {}}, "bad timestamp"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "ts outside 1990..2100"),
        ({"method": ""}, "no method"),
        ({"method": []}, "bad method"),
        ({"url": None}, "no url"),
        ({"url": "h"}, "bad url"),
        ({"url": {}}, "bad url"),
        ({"body": "%"}, "bad response_body"),
        ({"body": 5}, "bad response_body"),
        ({"headers": "A"}, "bad response_headers"),
    ],
)
def test_bad_results(changes: dict[str, Any], reason: str) -> None:
    found = read({**RESULT, **changes}, RESULT)
    assert found.skips == [(1, reason)]
    assert [line for line, _ in found.entries] == [2]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "blank line"),
        (b"{", "not JSON"),
        (b"5", "not an object"),
        (b" " * (9 << 20), "line longer than 8 MiB"),
    ],
)
def test_lines_that_are_no_result(line: bytes, reason: str) -> None:
    found = read_bytes(line + b"\n" + json.dumps(RESULT).encode(), VEGETA_RESULTS)
    assert found.skips == [(1, reason)]
    assert len(found.entries) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.replace(",200,", ",0,"), NOT_SENT),
        (ROW.replace(",200,", ",99,"), "bad status"),
        (ROW.replace("1584273600123456789", "1"), "ts outside 1990..2100"),
        (ROW.replace("1500000", "1.5"), NOT_A_RESULT),
        (ROW.replace("1500000", "-5"), NOT_A_RESULT),
        (ROW.replace("1500000", "1" * 5_000), NOT_A_RESULT),
        (ROW.replace("1500000", "1" * 19), "bad wait"),
        (ROW.replace("1500000", "१"), NOT_A_RESULT),
        (ROW.replace(MIME, "%"), "bad headers"),
        (ROW.replace("aGk=", "%"), "bad response_body"),
        (",".join(ROW.split(",")[:9]) + "\n", "no method"),
        ("a,b,c\n", NOT_A_RESULT),
        ("\n", "blank line"),
        (ROW.replace("2,,", '2,"a"",'), NO_END),
    ],
)
def test_bad_rows(row: str, reason: str) -> None:
    found = read_csv(row + ROW if reason != NO_END else row)
    assert found.skips == [(1, reason)]
    assert len(found.entries) == (reason != NO_END)


def test_an_error_may_go_on_over_lines() -> None:
    odd = ROW.replace("2,,", '2,"say ""no"", then\n\nstop",')
    found = read_csv(odd + ROW)
    assert [line for line, _ in found.entries] == [1, 4]
    long = b64encode(b"x" * 300_000).decode()
    ((_, entry),) = read_csv(ROW.replace("aGk=", long)).entries
    assert entry.event.response_body == b"x" * 300_000


def test_a_lone_quote_does_not_swallow_the_file() -> None:
    rows = ROW.replace("2,,", '2,",') + ROW * 3_000
    found = read_csv(rows)
    assert found.skips == [(1, NO_END)]
    assert len(found.entries) == 3_001 - quoted_csv.MAX_LINES


def test_rows_are_bounded() -> None:
    lines: list[bytes | None] = [b'"a', None, b"b,c", b'"' + b"x" * 5, b'y"']
    rows = list(iter_rows([(1, lines)]))
    assert rows[0][0] == 1
    assert isinstance(rows[0][1], str)
    assert rows[1:] == [(3, [b"b", b"c"]), (4, [b"xxxxx\ny"])]


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        (b"", [b""]),
        (b",", [b"", b""]),
        (b'"a,b",c', [b"a,b", b"c"]),
        (b'"",""', [b"", b""]),
        (b'"a""b"', [b'a"b']),
        (b'"""",x', [b'"', b"x"]),
        (b'"a","b"', [b"a", b"b"]),
        (b'a"b"c', [b"abc"]),
    ],
)
def test_fields(row: bytes, fields: list[bytes]) -> None:
    assert split_fields(row) == fields


@given(st.lists(st.text(st.sampled_from('a,"\n '), max_size=8), min_size=1, max_size=5))
def test_fields_come_back(fields: list[str]) -> None:
    row = ",".join('"' + field.replace('"', '""') + '"' for field in fields).encode()
    rows = list(iter_rows([(1, [*row.split(b"\n")])]))
    assert rows == [(1, [field.encode() for field in fields])]


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (ROW.encode(), VEGETA_CSV),
        (",".join(ROW.split(",")[:9]).encode(), VEGETA_CSV),
        (json.dumps(RESULT).encode(), VEGETA_RESULTS),
        (json.dumps({**RESULT, "code": 0}).encode(), VEGETA_RESULTS),
    ],
)
def test_recognised_by_its_content(data: bytes, format_: object) -> None:
    assert sniff(Head(data)) is format_


def check_json(data: bytes) -> None:
    found = read_bytes(data, VEGETA_RESULTS)
    lines = data.split(b"\n")
    assert len(found.entries) + len(found.skips) == len(lines) - (not lines[-1])


def check_csv(data: bytes) -> None:
    found = read_csv(data)
    counted = len(found.entries) + len(found.skips)
    assert bool(data) <= counted <= data.count(b"\n") + 1


def test_cut_at_every_byte() -> None:
    line = json.dumps(RESULT).encode() + b"\n"
    for end in range(0, len(line), 3):
        check_json(line + line[:end])
    for end in range(0, len(ROW), 2):
        check_csv((ROW + ROW[:end]).encode())


@settings(max_examples=60)
@given(st.integers(0, len(ROW)), st.integers(0, 20), st.binary(max_size=20))
def test_mutations(at: int, length: int, data: bytes) -> None:
    row = ROW.encode()
    # A good line first: the first bytes of a file say how it is packed, and in which letters.
    check_csv(row + row[:at] + data + row[at + length :] + row)
    line = json.dumps(RESULT).encode() + b"\n"
    check_json(line + line[:at] + data + line[at + length :] + line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(sorted(RESULT)), JSON, max_size=3))
def test_any_values(changes: dict[str, Any]) -> None:
    check_json(json.dumps({**RESULT, **changes}).encode())


def test_hostile_rows_are_read_in_one_pass() -> None:
    for filler in (b'"', b',"', b'""', b",", b'"\n', b"\n"):
        check_csv(ROW.encode() + filler * 100_000)
