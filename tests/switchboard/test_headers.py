"""Names and values that may stand in a head."""

from __future__ import annotations

import pytest

from switchboard.headers import connection_names, is_label, is_token, is_value


@pytest.mark.parametrize("text", ["Accept", "x-a_b.c", "!#$%&'*+-.^_`|~9"])
def test_tokens(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a:b", ":authority", "a\r", "a\n", "a\0", "ä", "a" * 257, "a\r\nb: c"]
)
def test_what_is_no_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize("text", ["", "a b", "a\tb", "~"])
def test_values(text: str) -> None:
    assert is_value(text)


@pytest.mark.parametrize("text", ["a\n", "a\r\nHost: x", "\0", "\x7f", "ü", "\x85", "\u2028"])
def test_what_is_no_value(text: str) -> None:
    assert not is_value(text)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("RUN-20200315-140000-ab12", True),
        ("svc", True),
        ("", False),
        ("../x", False),
        ("a/b", False),
        ("a\r\nb", False),
        (".hidden", False),
        ("a" * 129, False),
    ],
)
def test_labels(text: str, safe: bool) -> None:
    assert is_label(text) is safe


def test_connection_names_every_header_of_that_hop() -> None:
    pairs = [("Connection", "close, X-Foo"), ("connection", "x-bar"), ("Accept", "x-baz")]
    assert connection_names(pairs) == {"close", "x-foo", "x-bar"}
