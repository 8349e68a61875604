from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.units import (
    MAX_SPEED,
    MIN_SPEED,
    format_duration,
    format_speed,
    parse_duration,
    parse_speed,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30m", 1800.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        ("250ms", 0.25),
        ("20s", 20.0),
        ("1m250ms", 60.25),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("2d", 172_800.0),
        ("2D", 172_800.0),
        (" 5 s ", 5.0),
        ("0s", 0.0),
        ("20", 20.0),
        (20, 20.0),
        (0.5, 0.5),
    ],
)
def test_duration(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "`` is not a duration"),
        ("soon", "`soon` is not a duration"),
        ("30m1h", "`30m1h` is not a duration"),
        ("30 minutes", "`30 minutes` is not a duration"),
        ("1:30", "`1:30` is not a duration"),
        ("-5s", "`-5s` is not a duration"),
        ("٣s", "`٣s` is not a duration"),
        ("\x1b[31m", "`?[31m` is not a duration"),
        (-5, "`-5` is negative"),
        (math.nan, "`nan` is longer than a year"),
        (math.inf, "`inf` is longer than a year"),
        (10**400, "is longer than a year"),
        ("999d", "`999d` is longer than a year"),
        (True, "the YAML value true is not what is due here"),
        (None, "the YAML value null is not what is due here"),
        ([1], "a list is not what is due here"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_wrong_duration_says_what_would_be_right(value: object, message: str) -> None:
    with pytest.raises(ValueError, match="write a duration such as 250ms") as caught:
        parse_duration(value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "speed"),
    [
        ("2x", 2.0),
        ("0.5x", 0.5),
        ("60x", 60.0),
        ("60 X", 60.0),
        ("3×", 3.0),
        ("2", 2.0),
        (2, 2.0),
        (0.25, 0.25),
        ("max", math.inf),
        (" MAX ", math.inf),
        (math.inf, math.inf),
    ],
)
def test_speed(value: object, speed: float) -> None:
    assert parse_speed(value) == speed


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0x", "at speed `0x` nothing would ever be sent"),
        (0, "at speed `0` nothing would ever be sent"),
        ("-2x", "`-2x` is not a speed"),
        (-2, "speed `-2` is outside 0.001x to 1,000,000x"),
        ("nan", "`nan` is not a speed"),
        (math.nan, "speed `nan` is outside"),
        ("inf", "`inf` is not a speed"),
        (10**400, "is outside 0.001x"),
        ("1e3x", "`1e3x` is not a speed"),
        ("9999999x", "speed `9999999x` is outside"),
        ("0.0000001x", "speed `0.0000001x` is outside"),
        ("fast", "`fast` is not a speed"),
        (True, "the YAML value true is not what is due here"),
        ({}, "a mapping is not what is due here"),
    ],
)
def test_wrong_speed_says_what_would_be_right(value: object, message: str) -> None:
    with pytest.raises(ValueError, match="write a speed such as") as caught:
        parse_speed(value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (0.0004, "0s"),
        (20, "20s"),
        (1.5, "1.5s"),
        (90, "1m30s"),
        (1800, "30m"),
        (5400, "1h30m"),
        (86_400 * 2 + 61.25, "2d1m1.25s"),
    ],
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("speed", "text"), [(2.0, "2x"), (0.5, "0.5x"), (60.0, "60x"), (math.inf, "max")]
)
def test_format_speed(speed: float, text: str) -> None:
    assert format_speed(speed) == text


@given(st.integers(min_value=0, max_value=31_000_000_000))
def test_a_formatted_duration_reads_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(st.floats(min_value=MIN_SPEED, max_value=MAX_SPEED))
def test_a_formatted_speed_reads_back(speed: float) -> None:
    assert parse_speed(format_speed(speed)) == speed


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_speed):
        try:
            number = parse(text)
        except ValueError:
            continue
        assert number >= 0
