from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.columns import Cell, ColumnMapping, parse_mapping
from replay.readers.rows_of_table import RowReader
from switchboard.errors import ScenarioError, TraceError
from switchboard.event import EventError

GOOD: dict[str, Any] = {"ts": "when", "method": "=GET", "url": "url"}


def parse(value: object) -> ColumnMapping:
    return parse_mapping(value, "columns.yaml", lambda path: 7)


def test_a_mapping_says_which_column_is_what() -> None:
    mapping = parse(
        {**GOOD, "headers": {"Accept": "a", "X-One": "=1"}, "wait": 3, "wait_unit": "s"}
    )
    assert mapping.cells["method"] == Cell("GET", is_constant=True)
    assert mapping.cells["wait"] == Cell("3")
    assert mapping.headers == (("Accept", Cell("a")), ("X-One", Cell("1", is_constant=True)))
    assert mapping.columns() == ("when", "url", "3", "a")
    assert (mapping.delimiter, mapping.has_header, mapping.stamp) == (",", True, "start")


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        (None, "", "must be a mapping"),
        ({**GOOD, "urll": "x"}, "urll", "did you mean url?"),
        ({"method": "=GET", "url": "u"}, "ts", "ts is missing"),
        ({"ts": "t", "url": "u"}, "method", '"=GET"'),
        ({"ts": "t", "method": "m"}, "url", "url is missing"),
        ({**GOOD, "ts_unit": "hours"}, "ts_unit", "is not known"),
        ({**GOOD, "ts_unit": "s", "ts_format": "%Y"}, "ts_format", "give one"),
        ({**GOOD, "stamp": "end"}, "stamp", "needs wait"),
        ({**GOOD, "stamp": "middle"}, "stamp", "is not known"),
        ({**GOOD, "header": "yes"}, "header", "true or false"),
        ({**GOOD, "header": False}, "header", "numbers from 1"),
        ({**GOOD, "delimiter": "ab"}, "delimiter", "one character"),
        ({**GOOD, "delimiter": '"'}, "quote", "delimiter"),
        ({**GOOD, "url": ["u"]}, "url", "name of a column"),
        ({**GOOD, "url": True}, "url", "name of a column"),
        ({**GOOD, "headers": ["a"]}, "headers", "must be a mapping"),
        ({**GOOD, "headers": {"a b": "x"}}, "headers.a b", "not the name of a header"),
        ({**GOOD, "headers": {"a": None}}, "headers.a", "name of a column"),
    ],
)
def test_a_fault_says_where_and_what(value: object, path: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(value)
    assert any(each.path == path and words in each.message for each in caught.value.faults)
    assert all(each.line == 7 for each in caught.value.faults)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ts", "url", "method", "headers", "header", "delimiter", "stamp"])
                | st.text(max_size=3),
                inner,
                max_size=5,
            )
        ),
        max_leaves=8,
    )
)
def test_any_value_is_a_mapping_or_faults(value: object) -> None:
    with contextlib.suppress(ScenarioError):
        assert parse(value).cells


def entry_of(mapping: dict[str, Any], **row: Any) -> Any:
    return RowReader(parse({**GOOD, **mapping}), list(row)).entry(list(row.values()))


@pytest.mark.parametrize(
    ("mapping", "when", "ns", "coarse"),
    [
        ({}, "2024-01-02T03:04:05.5Z", 1_704_164_645_500_000_000, False),
        ({}, "2024-01-02 03:04:05", 1_704_164_645_000_000_000, True),
        ({}, "1704164645", 1_704_164_645_000_000_000, True),
        ({}, 1704164645.25, 1_704_164_645_250_000_000, False),
        ({}, 1_704_164_645_123, 1_704_164_645_123_000_000, False),
        ({"ts_unit": "us"}, "1704164645123456", 1_704_164_645_123_456_000, False),
        ({"ts_unit": "ms"}, 1_704_164_645_123.0, 1_704_164_645_123_000_000, False),
        ({"ts_format": "%d.%m.%Y %H:%M:%S"}, "02.01.2024 03:04:05", 1_704_164_645 * 10**9, True),
        (
            {"ts_format": "%d.%m.%Y %H:%M:%S.%f %z"},
            "02.01.2024 03:04:05.25 +0100",
            1_704_161_045_250_000_000,
            False,
        ),
        ({"whole_seconds": True}, "2024-01-02T03:04:05.5Z", 1_704_164_645 * 10**9, True),
    ],
)
def test_stamps(mapping: dict[str, Any], when: Any, ns: int, coarse: bool) -> None:
    entry = entry_of(mapping, when=when, url="/")
    assert (entry.event.ts_ns, entry.coarse) == (ns, coarse)


@pytest.mark.parametrize(
    ("mapping", "row", "reason"),
    [
        ({}, {"when": "yesterday", "url": "/"}, "bad ts"),
        ({}, {"when": None, "url": "/"}, "no ts"),
        ({}, {"when": "", "url": "/"}, "no ts"),
        ({}, {"when": True, "url": "/"}, "bad ts"),
        ({}, {"when": 1e300, "url": "/"}, "bad ts"),
        ({}, {"when": float("nan"), "url": "/"}, "bad ts"),
        ({"ts_format": "%Y"}, {"when": "x", "url": "/"}, "bad ts"),
        ({"ts_unit": "s"}, {"when": "5", "url": "/"}, "ts outside 1990..2100"),
        ({}, {"when": "1704164645", "url": ""}, "no url"),
        ({}, {"when": "1704164645", "url": "x"}, "bad url"),
        ({"body": "b", "body_encoding": "base64"}, {"when": 1704164645, "url": "/", "b": "?"},
         "bad body"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used_say_why(
    mapping: dict[str, Any], row: dict[str, Any], reason: str
) -> None:
    with pytest.raises(EventError) as caught:
        entry_of(mapping, **row)
    assert caught.value.reason == reason


def test_a_whole_row() -> None:
    mapping = {
        "url": "u",
        "host": "h",
        "scheme": "=https",
        "status": "code",
        "wait": "took",
        "wait_unit": "s",
        "stamp": "end",
        "user": "who",
        "session": "visit",
        "service": "=api",
        "client": "ip",
        "connection": "conn",
        "headers": {"User-Agent": "agent", "Accept": "accept"},
        "body": "body",
        "method": "verb",
    }
    entry = entry_of(
        mapping, when=1704164645.5, u="/a b?x=1", h="Ex.com:443", code=200.0, took="0.25",
        who=7, visit="s1", ip="10.0.0.1", conn="c", agent="ua", accept=None, body="héllo",
        verb="post",
    )  # fmt: skip
    event = entry.event
    assert event.ts_ns == 1_704_164_645_250_000_000
    assert (event.method, event.url) == ("POST", "https://Ex.com/a%20b?x=1")
    assert (event.user, event.session, event.service) == ("7", "s1", "api")
    assert (event.status, event.wait_ms) == (200, 250)
    assert event.headers == (("user-agent", "ua"),)
    assert event.body == "héllo".encode()
    assert (entry.client, entry.connection) == ("10.0.0.1\0ua", "c")
    assert not entry.body_unknown


def test_host_path_and_query_make_a_url() -> None:
    mapping = parse({"delay": "d", "method": "=GET", "path": "p", "query": "q", "host": "=h.ex"})
    reader = RowReader(mapping, ["d", "p", "q"])
    assert reader.entry(["5", "/a", "x=1"]).event.url == "http://h.ex/a?x=1"
    assert reader.entry(["5", "/a", ""]).event.url == "http://h.ex/a"
    assert reader.entry(["5", "/a", "?y"]).event.delay_ms == 5


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(TraceError, match="'when', 'url'"):
        RowReader(parse(GOOD), ["a", "b"])


def test_columns_by_number() -> None:
    mapping = parse({"ts": 1, "method": 2, "url": 3, "header": False})
    assert RowReader(mapping, None).entry(["1704164645", "GET", "/x"]).event.url == "/x"
    assert RowReader(mapping, ["a", "b", "c"]).places == {0, 1, 2}


CELL = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.binary(max_size=20), st.datetimes(), st.dates(), st.decimals(), st.lists(st.integers()),
)  # fmt: skip


@given(
    st.lists(CELL, max_size=14), st.sampled_from(["", "ms"]), st.sampled_from(["text", "base64"])
)
def test_any_row_is_an_entry_or_a_reason(row: list[Any], unit: str, encoding: str) -> None:
    names = ["ts", "url", "method", "status", "wait", "user", "session", "client", "body", "host",
             "query", "delay", "connection"]  # fmt: skip
    mapping = parse(
        {**{name: name for name in names}, "header": True, "headers": {"x-a": "14"},
         "ts_unit": unit, "body_encoding": encoding}
    )  # fmt: skip
    reader = RowReader(mapping, [*names, "more"])
    for cells in (row, [1704164645, "/", "GET", *row]):
        with contextlib.suppress(EventError):
            reader.entry(cells)
