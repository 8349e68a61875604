"""The OPS event: every shape it may have, every reason to refuse one, and the way back."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.event import (
    EARLIEST_NS,
    LATEST_NS,
    MAX_MS,
    Event,
    EventError,
    event_to_json,
    parse_event,
    parse_ts,
)

STAMP = 1_584_280_931_000_000_000  # 2020-03-15T14:02:11Z
LEAST: dict[str, Any] = {"ts": STAMP, "method": "GET", "url": "/"}


def with_(**keys: Any) -> dict[str, Any]:
    return {**LEAST, **keys}


def test_a_whole_event() -> None:
    event = parse_event(
        {
            "ts": "2020-03-15T14:02:11.5Z",
            "delay": 5,
            "method": "POST",
            "url": "https://svc.hms.example/apply?x=1",
            "user": "u-1",
            "session": "s-1",
            "service": "svc",
            "headers": {"Accept": "*/*"},
            "body": {"a": [1, "é"]},
            "status": 201,
            "wait_ms": 31.5,
            "response_headers": {"Server": "x"},
            "response_body": "ok",
            "region": "eu",
        }
    )
    assert event == Event(
        ts_ns=STAMP + 500_000_000,
        delay_ms=5,
        method="POST",
        url="https://svc.hms.example/apply?x=1",
        user="u-1",
        session="s-1",
        service="svc",
        headers=(("Accept", "*/*"),),
        body='{"a":[1,"é"]}'.encode(),
        status=201,
        wait_ms=31.5,
        response_headers=(("Server", "x"),),
        response_body=b"ok",
        extra={"region": "eu"},
    )


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2020-03-15T14:02:11Z", STAMP),
        ("2020-03-15t14:02:11z", STAMP),
        ("2020-03-15 14:02:11Z", STAMP),
        ("2020-03-15T16:02:11+02:00", STAMP),
        ("2020-03-15T08:32:11-05:30", STAMP),
        ("2020-03-15T14:02:11.000000001Z", STAMP + 1),
        ("2020-03-15T14:02:11.123456789999Z", STAMP + 123_456_789),
        ("2020-03-15T16:02:11.25+02:00", STAMP + 250_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2020-02-29T00:00:00Z", 1_582_934_400_000_000_000),
    ],
)
def test_stamps(text: str, ns: int) -> None:
    assert parse_ts(text) == ns
    assert parse_ts(text) == ns  # and out of the cache


STAMPS = st.datetimes(datetime(1991, 1, 1), datetime(2099, 1, 1))  # noqa: DTZ001 (a zone is added)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)


@given(STAMPS, OFFSETS)
def test_stamps_agree_with_datetime(moment: datetime, minutes: int) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = local - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_ts(local.isoformat()) == since // timedelta(microseconds=1) * 1000


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (STAMP / 1, "bad ts"),
        (True, "bad ts"),
        ([], "bad ts"),
        ("", "bad ts"),
        ("yesterday", "bad ts"),
        ("2020-03-15", "bad ts"),
        ("2020-03-15T14:02:11", "bad ts"),
        ("2020-13-15T14:02:11Z", "bad ts"),
        ("2020-02-30T14:02:11Z", "bad ts"),
        ("1900-02-29T14:02:11Z", "bad ts"),
        ("2020-03-15T24:02:11Z", "bad ts"),
        ("2020-03-15T14:02:11.Z", "bad ts"),
        ("2020-03-15T14:02:11,5Z", "bad ts"),
        ("2020-03-15T14:02:11+0200", "bad ts"),
        ("2020-03-15T14:02:11+24:00", "bad ts"),
        ("2020-03-15T14:02:11-ab:00", "bad ts"),
        ("٢٠٢٠-03-15T14:02:11Z", "bad ts"),
        ("0000-01-01T00:00:00Z", "ts outside 1990..2100"),
        ("9999-12-31T23:59:59Z", "ts outside 1990..2100"),
        (1_584_280_931, "ts outside 1990..2100"),
        (-1, "ts outside 1990..2100"),
        (LATEST_NS, "ts outside 1990..2100"),
        (10**40, "ts outside 1990..2100"),
    ],
)
def test_bad_stamps(value: object, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event({**LEAST, "ts": value})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ([], "not an object"),
        ("x", "not an object"),
        (None, "not an object"),
        ({"method": "GET", "url": "/"}, "no ts"),
        (with_(method=None), "no method"),
        (with_(method=""), "no method"),
        (with_(method=5), "bad method"),
        (with_(method="GET /x"), "bad method"),
        (with_(method="GET\r\n"), "bad method"),
        (with_(method=["GET"]), "bad method"),
        (with_(method="CONNECT"), "bad method"),
        (with_(method="M" * 33), "bad method"),
        (with_(url=None), "no url"),
        (with_(url=""), "no url"),
        (with_(url=7), "bad url"),
        (with_(url="x"), "bad url"),
        (with_(url="/a b"), "bad url"),
        (with_(url="/a\tb"), "bad url"),
        (with_(url="/ HTTP/1.1\r\nHost: prod"), "bad url"),
        (with_(url="/\ud800"), "bad url"),
        (with_(url="ftp://h/"), "bad url"),
        (with_(url="http:///x"), "bad url"),
        (with_(url="svc:443"), "bad url"),
        (with_(delay=-1), "negative delay"),
        (with_(delay="5"), "bad delay"),
        (with_(delay=True), "bad delay"),
        (with_(delay=float("nan")), "bad delay"),
        (with_(delay=float("inf")), "bad delay"),
        (with_(delay=MAX_MS * 2), "bad delay"),
        (with_(wait_ms=-0.5), "negative wait"),
        (with_(wait_ms=[]), "bad wait"),
        (with_(user="a\r\nX: y"), "bad user"),
        (with_(user="\ud800"), "bad user"),
        (with_(user=True), "bad user"),
        (with_(user={}), "bad user"),
        (with_(session="a\0"), "bad session"),
        (with_(service="a\nb"), "bad service"),
        (with_(service=[]), "bad service"),
        (with_(status=99), "bad status"),
        (with_(status=1000), "bad status"),
        (with_(status="200"), "bad status"),
        (with_(status=True), "bad status"),
        (with_(headers="x"), "bad headers"),
        (with_(headers=5), "bad headers"),
        (with_(headers={"a": None}), "bad headers"),
        (with_(headers={"a": {}}), "bad headers"),
        (with_(headers=[["a"]]), "bad headers"),
        (with_(headers=[[1, "a"]]), "bad headers"),
        (with_(response_headers=[1]), "bad response_headers"),
        (with_(body="\ud800"), "bad body"),
        (with_(body_b64="***"), "bad body"),
        (with_(body_b64="é"), "bad body"),
        (with_(body_b64=5), "bad body"),
        (with_(response_body_b64="*"), "bad response_body"),
    ],
)
def test_reasons(mapping: Any, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event(mapping)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("keys", "field", "value"),
    [
        ({"method": "get"}, "method", "GET"),
        ({"method": "PURGE"}, "method", "PURGE"),
        ({"url": "HTTP://A.b/x"}, "url", "HTTP://A.b/x"),
        ({"url": "/é?ü=1"}, "url", "/%C3%A9?%C3%BC=1"),
        ({"url": "/a%20\\^|{}"}, "url", "/a%20\\^|{}"),
        ({"url": "*"}, "url", "*"),
        ({"user": 17}, "user", "17"),
        ({"user": ""}, "user", None),
        ({"user": "José\u00a0B"}, "user", "José\u00a0B"),
        ({"delay": 0}, "delay_ms", 0),
        ({"status": None}, "status", None),
        ({"body": None}, "body", b""),
        ({"body": "text"}, "body", b"text"),
        ({"body": 5}, "body", b"5"),
        ({"body": False}, "body", b"false"),
        ({"body_b64": "AP8="}, "body", b"\x00\xff"),
        ({"response_body": ""}, "response_body", b""),
        ({"headers": {"a": ["1", "2"], "b": 3}}, "headers", (("a", "1"), ("a", "2"), ("b", "3"))),
        ({"headers": [["a", "1"], ["a", "2"]]}, "headers", (("a", "1"), ("a", "2"))),
        ({"headers": None}, "headers", ()),
    ],
)
def test_shapes(keys: dict[str, Any], field: str, value: object) -> None:
    assert getattr(parse_event(with_(**keys)), field) == value


def test_a_delay_stands_in_for_a_stamp() -> None:
    event = parse_event({"delay": 2.5, "method": "GET", "url": "/"})
    assert (event.ts_ns, event.delay_ms) == (None, 2.5)


def test_a_body_nested_without_end_is_a_reason() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(EventError, match="bad body"):
        parse_event(with_(body=nested))
    while nested:  # taken apart by hand: dropping it whole recurses too
        nested = nested.pop()


def test_a_printed_event_shows_no_secret() -> None:
    event = parse_event(
        with_(
            url="https://joe:hunter2@h/x?token=hunter2",
            user="hunter2",
            headers={"Authorization": "hunter2"},
            body="hunter2",
        )
    )
    assert "hunter2" not in repr(event) + str(event)


NAMES = st.none() | st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=5).map(tuple)
WAITS = st.none() | st.floats(0, 1e6) | st.integers(0, 10**6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.builds(
    Event,
    ts_ns=st.integers(EARLIEST_NS, LATEST_NS - 1),
    delay_ms=WAITS,
    method=st.sampled_from(["GET", "POST", "PURGE"]),
    url=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)).map(lambda text: f"/{text}"),
    user=NAMES,
    session=NAMES,
    service=NAMES,
    headers=PAIRS,
    body=st.binary(max_size=30),
    status=st.none() | st.integers(100, 999),
    wait_ms=WAITS,
    response_headers=PAIRS,
    response_body=st.none() | st.binary(max_size=30),
    extra=st.dictionaries(TEXT.map(lambda text: f"x-{text}"), JSON, max_size=3),
)


@given(EVENTS)
def test_written_and_read_back_is_equal(event: Event) -> None:
    line = event_to_json(event)
    assert "\n" not in line
    assert parse_event(json.loads(line)) == event


@given(st.dictionaries(st.sampled_from(sorted([*LEAST, "body", "headers", "user"])), JSON))
def test_any_object_is_an_event_or_a_reason(mapping: dict[str, Any]) -> None:
    try:
        event = parse_event({**LEAST, **mapping})
    except EventError:
        return
    assert event.url.isascii()
    assert event.url.isprintable()
    assert " " not in event.url


def test_binary_bodies_are_written_as_base64() -> None:
    line = json.loads(event_to_json(parse_event(with_(body_b64=b64encode(b"\xff").decode()))))
    assert line["body_b64"] == "/w=="
    assert "body" not in line
