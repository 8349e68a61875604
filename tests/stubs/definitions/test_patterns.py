"""Regular expressions: whole texts, and never without end."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.patterns import MAX_PATTERN_CHARS, MAX_TIMEOUTS, Pattern, begin_round

EXPLODING = {
    "nested repeats": (r"(x+x+)+y", "x" * 50_000),
    "recursion": (r"(?R)?a", "a" * 5_000),
    "empty repeats": (r"(?R)*", "aaa"),
    "counted repeats": (r"((a{1,9}){1,9}){1,9}(b|c)", "a" * 3_000),
}


@pytest.mark.parametrize(("text", "value"), EXPLODING.values(), ids=EXPLODING)
def test_a_pattern_that_explodes_does_not_match_and_says_so_once(
    text: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    pattern = Pattern(text)
    with caplog.at_level(logging.WARNING):
        assert [pattern.fits(value) for _ in range(3)] == [False] * 3
    assert pattern.timeouts == 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize("word", ["fits", "finds"])
def test_a_request_of_many_values_that_explode_costs_a_few_tries(word: str) -> None:
    pattern = Pattern(r"(a|aa)+$x?")
    tries = getattr(pattern, word)
    begin_round()
    assert not any(tries("a" * 40 + "!") for _ in range(500))
    assert pattern.timeouts == MAX_TIMEOUTS
    assert not tries("aaa")
    begin_round()
    assert tries("aaa")
    assert not tries("a" * 40 + "!")
    assert pattern.timeouts == MAX_TIMEOUTS + 1


REFUSED = {
    "unclosed": "(",
    "memory": "(?:(?:a{1000}){1000}){1000}",
    "one large count": "a{1000000000}",
    "a count of many digits": "a{" + "9" * 500 + "}",
    "long": "a" * (MAX_PATTERN_CHARS + 1),
    "deep": "(?:" * 330,
    "named list": r"\L<words>",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_a_pattern_that_cannot_be_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|regular expression|counts"):
        Pattern(text)


@given(st.text(alphabet="ab(){}[]|?*+\\^$.,:<>0123456789PRL&-", max_size=30), st.text(max_size=30))
def test_any_text_is_a_pattern_that_ends_or_is_refused(text: str, value: str) -> None:
    with suppress(ValueError):
        pattern = Pattern(text)
        assert pattern.fits(value) in (True, False)
        assert pattern.finds(value) in (True, False)


def test_a_pattern_fits_the_whole_text_or_finds_a_part() -> None:
    pattern = Pattern("[0-9]{3}")
    assert (pattern.fits("123"), pattern.fits("1234")) == (True, False)
    assert (pattern.finds("a123b"), pattern.finds("12")) == (True, False)
