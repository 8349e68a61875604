"""What a scenario may change about the rail, and how wrong settings are told."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from stubs.clock import RecordedClock
from stubs.service import Surroundings
from stubs.services.ach import make_logic
from stubs.services.ach.settings import FIELDS, LIMITS, AchSettings, parse_settings
from switchboard.errors import EsrError, ScenarioError
from tests.stubs.ach.rail import make_ach


def test_nothing_is_the_usual() -> None:
    assert parse_settings({}) == AchSettings()


def test_everything_can_be_set() -> None:
    raw = {
        "returns": {"R01": 0.5, "R29": 1},
        "unavailable": 0,
        "duplicates": "refuse",
        "duplicate_window_s": 60,
        "key_in_flight_ms": 250,
        "direction": "credit",
        "prenote": "required",
        "limits": {"per_payment_usd": 500, "per_day_usd": 999.99, "same_day_usd": 100},
        "cutoff": "17:30",
        "settle_days": 2,
        "remembered": 100,
    }
    assert set(raw) == set(FIELDS)
    assert parse_settings(raw) == AchSettings(
        returns={"R01": 0.5, "R29": 1},
        unavailable=0,
        duplicates="refuse",
        duplicate_window_s=60,
        key_in_flight_ms=250,
        direction="credit",
        is_prenote_required=True,
        per_payment_cents=50_000,
        per_day_cents=99_999,
        same_day_cents=10_000,
        cutoff=time(17, 30),
        settle_days=2,
        remembered=100,
    )


WRONG: list[tuple[Any, str, str]] = [
    ([], "", "must be a mapping"),
    ({"return": {}}, "return", "did you mean returns?"),
    ({"returns": 0.5}, "returns", "must be a mapping such as {R01: 0.01}"),
    ({"returns": {"R1": 0.5}}, "returns.R1", "no return code; did you mean R"),
    ({"returns": {1: 0.5}}, "returns.1", "no return code"),
    ({"returns": {"R01": 2}}, "returns.R01", "a number of 0 to 1"),
    ({"returns": {"R01": "1%"}}, "returns.R01", "not text"),
    ({"unavailable": True}, "unavailable", "not true or false"),
    ({"unavailable": float("nan")}, "unavailable", "a number of 0 to 1"),
    ({"duplicates": "drop"}, "duplicates", "must be one of flag, refuse, ignore"),
    ({"direction": []}, "direction", "must be one of debit, credit"),
    ({"prenote": True}, "prenote", "must be one of optional, required"),
    ({"limits": 5}, "limits", "must be a mapping with per_payment_usd"),
    ({"limits": {"per_day": 5}}, "limits.per_day", "did you mean per_day_usd?"),
    ({"limits": {"per_day_usd": 0}}, "limits.per_day_usd", "0.01 to 99,999,999.99"),
    ({"cutoff": "25:00"}, "cutoff", 'such as "20:00"'),
    ({"cutoff": 1200}, "cutoff", 'such as "20:00"'),
    ({"settle_days": 1.5}, "settle_days", "a whole number of 1 to 5"),
    ({"settle_days": 0}, "settle_days", "a whole number of 1 to 5"),
    ({"remembered": 0}, "remembered", "a whole number of 1 to 1,000,000"),
    ({"duplicate_window_s": -1}, "duplicate_window_s", "0 to 86,400"),
    ({"key_in_flight_ms": 1e400}, "key_in_flight_ms", "0 to 86,400,000"),
]


@pytest.mark.parametrize(("raw", "path", "words"), WRONG)
def test_a_wrong_setting_is_named(raw: Any, path: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=r"stubs\.ach is wrong") as caught:
        parse_settings(raw)
    (fault,) = caught.value.faults
    assert fault.path == path
    assert words in fault.message


def test_every_fault_is_told_at_once_with_its_line() -> None:
    raw = {"unavailable": 2, "cutoff": "x", "limits": {"a": 1}, "returns": {"R77": 1}}
    with pytest.raises(ScenarioError) as caught:
        parse_settings(raw, source="x.yml", path="stubs.ach", line_of={"stubs.ach.cutoff": 4}.get)
    assert {fault.path for fault in caught.value.faults} == {
        "stubs.ach.unavailable",
        "stubs.ach.cutoff",
        "stubs.ach.limits.a",
        "stubs.ach.returns.R77",
    }
    assert [fault.line for fault in caught.value.faults if fault.path.endswith("cutoff")] == [4]


def test_the_surroundings_settings_are_used() -> None:
    def record(kind: str, event: object) -> None:
        raise AssertionError("nothing happened yet")

    around = Surroundings(1, RecordedClock(), record, {"unavailable": 7})
    with pytest.raises(ScenarioError, match="unavailable"):
        make_logic(around)
    with pytest.raises(EsrError, match="unavailable"):
        make_ach(around)


def test_the_limits_are_those_of_the_table() -> None:
    limits = dict.fromkeys(LIMITS, 1)
    settings = parse_settings({"limits": limits})
    assert settings.per_payment_cents == settings.same_day_cents == settings.per_day_cents == 100
