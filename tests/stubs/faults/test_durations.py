from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.durations import format_ms, parse_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("250ms", 250),
        ("90s", 90_000),
        ("12m", 720_000),
        ("1h30m", 5_400_000),
        ("1d", 86_400_000),
        ("1.5s", 1_500),
        (" 1H 30M ", 5_400_000),
        ("1m1ms", 60_001),
        ("0", 0),
        (0, 0),
        ("0s", 0),
    ],
)
def test_a_duration_is_read(text: object, ms: float) -> None:
    assert parse_ms(text) == ms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(15, "`15` has no unit", id="number"),
        pytest.param("15", "`15` has no unit", id="number in quotes"),
        pytest.param(900.5, "`900.5` has no unit", id="what YAML makes of 15:00.5"),
        pytest.param("-3s", "is negative", id="negative"),
        pytest.param(-3, "is negative", id="negative number"),
        pytest.param("", "is not a duration", id="empty"),
        pytest.param("3 parsecs", "is not a duration", id="unknown unit"),
        pytest.param("30m1h", "is not a duration", id="wrong order"),
        pytest.param("٣s", "is not a duration", id="digits of another script"),
        pytest.param(None, "nothing is not a duration", id="nothing"),
        pytest.param(True, "true or false is not a duration", id="true"),
        pytest.param([1], "a list is not a duration", id="list"),
        pytest.param(float("nan"), "has no unit", id="not a number"),
        pytest.param("1s\n" * 10_000, "is not a duration", id="long"),
    ],
)
def test_what_is_no_duration_is_refused(text: object, words: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*$") as error:
        parse_ms(text)
    assert words in str(error.value)
    assert "such as 250ms, 90s, 12m or 1h30m" in str(error.value)


@given(st.floats(0, 1e11) | st.integers(0, 10**11).map(float))
def test_a_text_stands_for_exactly_its_number(ms: float) -> None:
    assert parse_ms(format_ms(ms)) == ms


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0ms"),
        (900_000, "15m"),
        (5_400_000, "1h30m"),
        (90_061_001, "1d1h1m1s1ms"),
        (0.5, "0.5ms"),
    ],
)
def test_a_text_is_short(ms: float, text: str) -> None:
    assert format_ms(ms) == text
