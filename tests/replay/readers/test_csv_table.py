from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.columns import ColumnMapping, parse_mapping
from replay.readers.csv_table import MAX_RECORD_LINES, csv_format
from replay.readers.head import Head
from switchboard.errors import TraceError
from tests.replay.readers.collecting import Collector, read_bytes

COLUMNS = {"ts": "ts", "method": "=POST", "url": "url", "body": "body", "user": "user"}
NAMES = "ts,url,body,user\n"


def mapping_of(**more: Any) -> ColumnMapping:
    return parse_mapping({**COLUMNS, **more}, "columns.yaml", lambda path: None)


def read(text: str | bytes, **more: Any) -> Collector:
    data = text.encode() if isinstance(text, str) else text
    return read_bytes(data, csv_format(mapping_of(**more)))


def test_a_table_with_names() -> None:
    found = read(NAMES + '1704164645.5,/a,"{""x"": 1}",ann\r\n1704164646.5,"/b,c",,bo\n')
    assert [entry.event.url for _, entry in found.entries] == ["/a", "/b,c"]
    assert [entry.event.body for _, entry in found.entries] == [b'{"x": 1}', b""]
    assert [line for line, _ in found.entries] == [2, 3]
    assert found.skips == []


def test_a_quoted_field_goes_over_lines() -> None:
    found = read(NAMES + '1704164645,/a,"one\ntwo\n\nthree",ann\n1704164645,/b,,\n')
    assert [(n, e.event.body) for n, e in found.entries] == [(2, b"one\ntwo\n\nthree"), (6, b"")]


def test_marks_of_its_own() -> None:
    found = read("ts;url;body;user\n1704164645;/a;'x;y';ann", delimiter="semicolon", quote="'")
    assert found.entries[0][1].event.body == b"x;y"


def test_without_a_line_of_names() -> None:
    found = read("1704164645,/a\n1704164645\n", header=False, ts=1, url=2, body="=x", user="=u")
    assert (len(found.entries), found.skips) == (1, [(2, "too few columns")])


@pytest.mark.parametrize(
    ("rows", "used", "reasons"),
    [
        ("\n \r\n", 0, ["blank line", "blank line"]),
        ("1704164645,/a,,ann,more\n", 1, []),
        ("1704164645,/a\n", 0, ["too few columns"]),
        ('1704164645,/a,"open,ann\n1704164645,/b,,bo\n', 1, ["quote that is not closed"]),
        ("1704164645,/a,a\rb,c\n1704164645,/b,,\n", 1, ["bad CSV record"]),
        ("x,/a,,\n", 0, ["bad ts"]),
        ("1704164645,/\0,,\n", 0, ["bad url"]),
        ("\0\0\x001704164645,/,,\n\0\0", 1, ["blank line"]),
        ('1704164645,/a,5" disk,ann\n1704164645,/b,,bo\n', 2, []),
    ],
)
def test_rows_that_are_not_as_they_should_be(rows: str, used: int, reasons: list[str]) -> None:
    found = read(NAMES + rows)
    assert (len(found.entries), found.reasons) == (used, reasons)


def test_an_open_quote_costs_one_line() -> None:
    rows = 2 * MAX_RECORD_LINES
    found = read(NAMES + '1704164645,/a,"open,ann\n' + "1704164645,/b,,bo\n" * rows)
    assert (len(found.entries), found.reasons) == (rows, ["quote that is not closed"])


def test_two_open_quotes_do_not_swallow_what_is_between() -> None:
    broken, good = '1704164645,/a,"open,ann\n', "1704164645,/b,,bo\n" * 20
    found = read(NAMES + broken + good + broken + good)
    assert len(found.entries) == 40
    assert found.reasons == ["quote that is not closed"] * 2


def test_open_quotes_everywhere_are_read_in_bounded_time() -> None:
    row = 'a,"b\n' + 'x","y\n' * 3
    found = read(NAMES + row * 4_000)
    assert found.entries == []
    assert set(found.reasons) <= {"quote that is not closed", "too few columns", "bad ts", "no url"}


def test_bytes_that_are_no_utf8_stay_what_they_were() -> None:
    found = read(NAMES.encode() + b"1704164645,/caf\xe9,\xff,\n")
    assert found.entries[0][1].event.url == "/caf%E9"
    assert found.entries[0][1].event.body == b"\xff"


def test_a_long_field_is_read_and_the_limit_of_all_is_as_before() -> None:
    before = csv.field_size_limit()
    found = read(NAMES + "1704164645,/a," + "x" * 500_000 + ",ann\n")
    assert len(found.entries[0][1].event.body) == 500_000
    assert csv.field_size_limit() == before


def test_a_mapping_that_is_not_of_this_table() -> None:
    with pytest.raises(TraceError, match="'url'"):
        read("ts,body,user\n1,2,3\n")


@pytest.mark.parametrize("text", ["", "\n\n", NAMES])
def test_a_table_without_rows(text: str) -> None:
    assert read(text).entries == []


def test_it_is_known_by_its_names() -> None:
    form = csv_format(mapping_of())
    assert form.recognises(Head(NAMES.encode()))
    assert not form.recognises(Head(b"a,b\n"))
    assert not form.recognises(Head(b""))
    assert csv_format(mapping_of(stamp="end", wait="user")).stamp == "end"
    bare = csv_format(mapping_of(header=False, ts=1, url=2, body=3, user=4))
    assert bare.recognises(Head(b"1,2,3,4"))
    assert not bare.recognises(Head(b"1,2,3"))


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=6))
def test_what_a_writer_of_csv_writes_is_read(pairs: list[tuple[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["ts", "url", "body", "user"])
    for body, _ in pairs:
        writer.writerow(["1704164645", "/", body, "u"])
    found = read(out.getvalue().encode("utf-8", "surrogatepass"))
    assert len(found.entries) + len(found.skips) >= len(pairs)
    kept = [body for body, _ in pairs]
    if not any("\r" in body or "\ud800" <= char <= "\udfff" for body in kept for char in body):
        assert [entry.event.body.decode() for _, entry in found.entries] == kept


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_reasons(data: bytes) -> None:
    found = read(NAMES.encode() + b"1704164645,/a,,u\n" + data)
    assert len(found.entries) + len(found.skips) <= data.count(b"\n") + 2
    assert len(found.entries) >= 1


@given(st.lists(st.sampled_from(['"', ",", "\n", "a", "/", "1704164645,/a,,u\n"]), max_size=60))
def test_broken_quoting_never_loses_a_line_unseen(pieces: list[str]) -> None:
    found = read(NAMES + "".join(pieces))
    lines = [line for line, _ in found.entries] + [line for line, _ in found.skips]
    assert len(set(lines)) == len(lines)
