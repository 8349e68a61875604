from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.building.heads import HeaderCache, has_content_type, request_head
from switchboard.credentials import header_lines

NAMES = st.sampled_from(
    ["Accept", "accept", "Authorization", "X-Api-Key", "X-Request-Id", "User-Agent", "bad name", ""]
)
VALUES = st.one_of(
    st.sampled_from(["a", " a ", "Bearer x", "0123abc-def", "eyJhbGciOi.x", "a\nb", "é", "", "=?"]),
    st.text(max_size=20),
)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=6))
def test_the_cache_gives_what_the_switchboard_gives(headers: list[dict[str, str]]) -> None:
    cache = HeaderCache()
    for one in headers + headers:
        assert cache.lines(one) == header_lines(tuple(one.items()))


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": 5},
        {"Accept": None},
        {"Accept": ["a"]},
        {"Authorization": ["a"]},
        {"Connection": "X-Gone"},
        [("Accept", "a")],
        "Accept: a",
    ],
    ids=["number", "null", "list", "dropped list", "names a header", "pairs", "text"],
)
def test_what_needs_a_closer_look_is_left_alone(headers: Any) -> None:
    cache = HeaderCache()
    assert cache.lines(headers) is None
    assert cache.lines(headers) is None


@pytest.mark.parametrize("value", ["close", "keep-alive", "Keep-Alive"])
def test_a_common_connection_header_is_dropped(value: str) -> None:
    assert HeaderCache().lines({"Connection": value, "Accept": "a"}) == "Accept: a\r\n"


def test_no_secret_lives_on_in_the_cache() -> None:
    cache = HeaderCache()
    cache.lines({"X-Other": "Bearer abcdef", "Authorization": "Basic abcdef"})
    assert "abcdef" not in repr(vars(cache))


def test_split_is_where_the_request_line_ends() -> None:
    head, split = request_head("POST", "/a?b", "Accept: a\r\n", 3)
    assert head[:split] == b"POST /a?b HTTP/1.1\r\n"
    assert head[split:] == b"Accept: a\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "has"),
    [
        ("", False),
        ("Accept: a\r\n", False),
        ("X-Content-Type: a\r\n", False),
        ("Content-Type: a\r\n", True),
        ("Accept: a\r\nCONTENT-TYPE: a\r\n", True),
    ],
)
def test_has_content_type(lines: str, has: bool) -> None:
    assert has_content_type(lines) is has
