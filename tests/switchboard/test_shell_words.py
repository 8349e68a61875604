"""Pasted command lines as words, and nothing that only a shell could know."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.shell_words import MAX_CHARS, shell_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n\t ", []),
        ("a b", ["a", "b"]),
        ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
        ("a''b \"\" ''", ["ab", "", ""]),
        ("'it'\\''s'", ["it's"]),
        ("a \\\n  b", ["a", "b"]),
        ("a \\\r\n  b", ["a", "b"]),
        ("a\\ b", ["a b"]),
        ('"a \\" \\\\ \\$ \\n"', ['a " \\ $ \\n']),
        ("'$NAME `x`'", ["$NAME `x`"]),
        ('"$ 5"', ["$ 5"]),
        ("http://h/#x y", ["http://h/#x", "y"]),
        ("a # the rest", ["a"]),
        ("a ;", ["a"]),
        ("$'it\\'s \\u0041\\x42\\103\\n\\\\'", ["it's ABC\n\\"]),
        ("a$'b'c", ["abc"]),
        ("$'\\q'", ["\\q"]),
        ("http://h/?a={1}", ["http://h/?a={1}"]),
    ],
)
def test_bash(text: str, words: list[str]) -> None:
    assert shell_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a ^"https://h/?a=1^&b=2^" ^\r\n  -H ^"x: y^"', ["a", "https://h/?a=1&b=2", "-H", "x: y"]),
        ('curl "https://h/" ^\n  -H "a: $b \'c\'"', ["curl", "https://h/", "-H", "a: $b 'c'"]),
        ('-d ^"^{^\\^"a^\\^":1^}^"', ["-d", '{"a":1}']),
        ("a^%b", ["a%b"]),
    ],
)  # fmt: skip
def test_windows(text: str, words: list[str]) -> None:
    assert shell_words(text) == words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a 'b", "never closed"),
        ('a "b', "never closed"),
        ("a $'b", "never closed"),
        ("a $'b\\", "never closed"),
        ("curl $URL", "$URL is filled in by a shell"),
        ('curl "https://$HOST/x"', "$HOST is filled in by a shell"),
        ("curl ${HOST}/x", "${HOST} is filled in"),
        ("curl $(cat url)", "is filled in by a shell"),
        ("curl `cat url`", "is filled in by a shell"),
        ('curl "`cat url`"', "is filled in by a shell"),
        ("curl http://h/?a=1&b=2", "`&`"),
        ("curl http://h | jq .", "`|`"),
        ("curl http://h > file", "`>`"),
        ("curl http://h; rm x", "`;`"),
        ("x" * (MAX_CHARS + 1), "longer than"),
    ],
)
def test_what_only_a_shell_could_do_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        shell_words(text)
    assert says in str(caught.value)


@given(st.lists(st.text(st.characters(exclude_characters="^"), min_size=1, max_size=20)))
def test_what_a_shell_would_quote_comes_back_as_it_was(words: list[str]) -> None:
    assert shell_words(shlex.join(words)) == words


@given(st.text(max_size=60) | st.text("'\"\\$^`{}#;& \nab", max_size=60))
def test_any_text_is_words_or_a_value_error(text: str) -> None:
    try:
        words = shell_words(text)
    except ValueError:
        return
    assert all(isinstance(word, str) for word in words)
