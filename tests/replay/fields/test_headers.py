from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.fields.headers import find_header, map_headers, map_lines, parse_lines
from tests.replay.fields.seen import Shown, leave, replacing, shown

NAMES = ["Cookie", "Set-Cookie", "Referer", "Location", "Authorization", "X-A", "ann@x.org"]
HEADERS = st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=40)), max_size=4).map(tuple)


@pytest.mark.parametrize(
    ("name", "value", "leaves"),
    [
        ("X-Case", "77", [("header.x-case", "X-Case", "77")]),
        ("X-Case", "", []),
        ("Content-Length", "123456789", []),
        ("Content-Length", "12a", [("header.content-length", "Content-Length", "12a")]),
        ("Authorization", "B a?b&c=d", [("header.authorization", "Authorization", "B a?b&c=d")]),
        ("Cookie", "a=1; b=%7B%22c%22%3A1%7D; d", [
            ("cookie.a", "a", "1"), ("cookie.b", "b", '{"c":1}'), ("cookie.~key", "", "d"),
        ]),
        ("Cookie", "prefs={%22ssn%22:%22123-45%22}", [("cookie.prefs|$.ssn", "ssn", "123-45")]),
        ("Cookie", 'q="a b"', [("cookie.q", "q", "a b")]),
        ("Set-Cookie", "sid=1A; Path=/u/77; Max-Age=123456789; x=y", [
            ("cookie.sid", "sid", "1A"), ("cookie.sid;path.path[0]", "", "u"),
            ("cookie.sid;path.path[1]", "u", "77"), ("cookie.sid;x", "x", "y"),
        ]),
        ("Referer", "https://h/p?ssn=1", [
            ("header.referer.host", "host", "h"), ("header.referer.path[0]", "", "p"),
            ("header.referer.query.ssn", "ssn", "1"),
        ]),
        ("Referer", "about:blank", [("header.referer", "", "about:blank")]),
        ("X-Json", '{"ssn": 123}', [("header.x-json|$.ssn", "ssn", "123")]),
        ("ann@x.org", "1", [("header.*", "ann@x.org", "1"), ("header.*~key", "", "ann@x.org")]),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_header(name: str, value: str, leaves: Shown) -> None:
    pairs = ((name, value),)
    assert sorted(shown(lambda visit: map_headers(pairs, visit))) == sorted(leaves)
    assert map_headers(pairs, leave) is pairs


@pytest.mark.parametrize(
    ("name", "value", "new", "mapped"),
    [
        ("X-Case", "77", "7\r\nEvil: 1\0", "7  Evil: 1 "),
        ("X-Case", "77", None, None),
        ("Authorization", "77", "Bearer x", "Bearer x"),
        ("Cookie", "a=1; b=77;c=2", "x; y=\r\n", "a=1; b=x%3B%20y=%0D%0A;c=2"),
        ("Cookie", "a=1; b=77;c=2", None, "a=1;c=2"),
        ("Cookie", "b=77; c=2", None, "c=2"),
        ("Cookie", "b=77", None, None),
        ("Cookie", 'b="77"', '8"', 'b="8%22"'),
        ("Set-Cookie", "b=77; Path=/77; HttpOnly", "8", "b=8; Path=/8; HttpOnly"),
        ("Set-Cookie", "b=77; HttpOnly", None, None),
        ("Referer", "https://h/77?a=77", "é", "https://h/%C3%A9?a=%C3%A9"),
        ("Location", "/x/77", None, "/x/-"),
    ],
)
def test_a_leaf_is_replaced_and_cannot_break_out(
    name: str, value: str, new: str | None, mapped: str | None
) -> None:
    before, after = ("X-First", "1"), ("X-Last", "2")
    pairs = (before, (name, value), after)
    kept = () if mapped is None else ((name, mapped),)
    assert map_headers(pairs, replacing({"77": new})) == (before, *kept, after)


def test_values_that_were_split_over_cookies_are_shown_together() -> None:
    pairs = (("Cookie", "ssn1=123; ssn2=45; ssn3=6789; z=1"),)
    found = shown(lambda visit: map_headers(pairs, visit))
    assert ("cookie.ssn*", "ssn", "123456789") in found
    mapped = map_headers(pairs, replacing({"123456789": "666001234"}))
    assert mapped == (("Cookie", "ssn1=666; ssn2=00; ssn3=1234; z=1"),)
    gone = map_headers(pairs, replacing({"123456789": None}))
    assert gone == (("Cookie", "z=1"),)


def test_a_header_whose_name_is_data_goes_with_it() -> None:
    pairs = (("ann@x.org", "1"), ("X-A", "2"))
    assert map_headers(pairs, replacing({"ann@x.org": "z@y.org"})) == (("X-A", "2"),)


def test_header_lines_are_mapped_as_pairs_are() -> None:
    lines = "X-A: 77\r\nX-B:  8 \r\n"
    assert map_lines(lines, leave) is lines
    assert map_lines(lines, replacing({"77": "9"})) == "X-A: 9\r\nX-B: 8\r\n"
    assert map_lines(lines, replacing({"77": None})) == "X-B: 8\r\n"
    assert [*parse_lines(lines)] == [("X-A", "77"), ("X-B", "8")]
    assert find_header(tuple(parse_lines(lines)), "x-b") == "8"
    assert find_header((), "x-b") == ""


@given(HEADERS)
def test_any_headers_are_left_as_they_are(pairs: tuple[tuple[str, str], ...]) -> None:
    assert map_headers(pairs, leave) is pairs


@given(HEADERS, st.text(max_size=20))
def test_no_replacement_begins_a_line(pairs: tuple[tuple[str, str], ...], new: str) -> None:
    old = {value for _, value in pairs}
    for _, value in map_headers(pairs, lambda _: new):
        assert value in old or not {"\r", "\n", "\0"} & set(value)
