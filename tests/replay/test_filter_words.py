from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.filter_words import (
    build_filters,
    parse_method,
    parse_moment,
    parse_route,
    parse_share,
    parse_status,
)
from replay.filters import Filters, Moment, RoutePattern

NS = 1_000_000_000
MARCH_15 = 1_710_460_800 * NS


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-15T00:00:00Z", Moment(MARCH_15)),
        ("2024-03-15T02:00:00.5+02:00", Moment(MARCH_15 + NS // 2)),
        ("2024-03-15", Moment(MARCH_15)),
        ("2024-03-15T00:01", Moment(MARCH_15 + 60 * NS)),
        ("2024-03-15 00:00:01", Moment(MARCH_15 + NS)),
        ("2024-03-15T02:00+02:00", Moment(MARCH_15)),
        (f" {MARCH_15} ", Moment(MARCH_15)),
        ("+5m", Moment(300 * NS, is_offset=True)),
        ("+1h30m", Moment(5_400 * NS, is_offset=True)),
        ("+0.5s", Moment(NS // 2, is_offset=True)),
        ("+250ms", Moment(NS // 4, is_offset=True)),
        ("+1d", Moment(86_400 * NS, is_offset=True)),
    ],
)
def test_a_moment(text: str, moment: Moment) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text", ["", "noon", "+5", "5m", "+", "1710460800", "2024-02-30", "-5m", "+5m " + "9" * 99]
)
def test_what_is_no_moment_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write 2024-03-15T14:00:00Z"):
        parse_moment(text)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("/v1/*", RoutePattern(("/v1/", ""))),
        ("get /users/{id}", RoutePattern(("/users/{id}",), "GET")),
        ("SVC GET /x*y*", RoutePattern(("/x", "y", ""), "GET", "svc")),
        ("*", RoutePattern(("", ""))),
    ],
)
def test_a_route(text: str, pattern: RoutePattern) -> None:
    assert parse_route(text) == pattern


@pytest.mark.parametrize("text", ["", "users", "a b c /d", "/x y", "/" + "x" * 3_000])
def test_what_is_no_route_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no route; write a path such as"):
        parse_route(text)


@pytest.mark.parametrize(
    ("text", "codes"),
    [("404", (404, 404)), ("5xx", (500, 599)), ("400-404", (400, 404)), ("None", (0, 0))],
)
def test_a_status(text: str, codes: tuple[int, int]) -> None:
    assert parse_status(text) == codes


@pytest.mark.parametrize("text", ["", "40", "404-400", "xxx", "0xx", "4xx-5xx", "200,404"])
def test_what_is_no_status_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no status; write 404, 5xx, 500-599 or none"):
        parse_status(text)


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.1", 0.1), (".5", 0.5), ("10%", 0.1), ("1", 1), ("0", 0), ("0.5%", 0.005)],
)
def test_a_share(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "2", "110%", "-1", "nan", "ten", "1.5"])
def test_what_is_no_share_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no share; write a number from 0 to 1, or 10%"):
        parse_share(text)


def test_what_is_no_method_is_said() -> None:
    assert parse_method(" get ") == "GET"
    with pytest.raises(ValueError, match="is no HTTP method"):
        parse_method("GET /")


def test_filters_of_what_was_written() -> None:
    built = build_filters(
        start="+1m",
        end="2024-03-15",
        hosts=["*.HMS.example"],
        routes=["/a"],
        methods=["get", "post"],
        statuses=["5xx"],
        users=["ann"],
        sessions=["s"],
        sample="10%",
        seed=3,
    )
    assert built == Filters(
        start=Moment(60 * NS, is_offset=True),
        end=Moment(MARCH_15),
        hosts=("*.hms.example",),
        routes=(RoutePattern(("/a",)),),
        methods=frozenset({"GET", "POST"}),
        statuses=((500, 599),),
        users=frozenset({"ann"}),
        sessions=frozenset({"s"}),
        sample=0.1,
        seed=3,
    )
    assert built.counts_from_first
    assert not built.is_empty
    assert build_filters(seed=9).is_empty


@pytest.mark.parametrize(("start", "end"), [("+5m", "+5m"), ("2024-03-15", "2024-03-14T23:59:59Z")])
def test_a_window_of_nothing_is_said(start: str, end: str) -> None:
    with pytest.raises(ValueError, match="nothing lies between"):
        build_filters(start=start, end=end)


def test_too_many_values() -> None:
    with pytest.raises(ValueError, match="at most 1,000 values"):
        build_filters(users=map(str, range(1_001)))


@settings(max_examples=80)
@given(text=st.text(max_size=40) | st.from_regex(r"[+0-9T:.Z xX%{}*/-]{1,30}", fullmatch=True))
def test_any_text_is_a_filter_or_a_value_error(text: str) -> None:
    for name in ("start", "end", "hosts", "routes", "methods", "statuses", "sample"):
        value = [text] if name.endswith("s") else text
        try:
            built = build_filters(**{name: value})  # type: ignore[arg-type]
        except ValueError:
            continue
        assert not built.is_empty
