"""What the sandbox learns from a tape: statuses and waits as they were recorded."""

from __future__ import annotations

from pathlib import Path

import orjson

from hms_esr.answers import QUANTILES, learn_answers, write_answers
from replay.tape import Record, Tape, write_tape
from stubs.learned import LearnedAnswers

RECORDS = [
    Record(0, "GET", "/me", host="svc.hms.example", status=200, wait_us=1_000),
    Record(1, "GET", "/me", host="svc.hms.example", status=200, wait_us=3_000),
    Record(2, "GET", "/me", host="svc.hms.example", status=503),
    Record(3, "GET", "/me", host="act.hms.example"),
    Record(4, "POST", "/pay/77", host="ach.hms.example", status=201),
]


def learned(tmp_path: Path) -> dict[tuple[str, str, str], dict[str, object]]:
    write_tape(tmp_path / "tape", RECORDS)
    with Tape.open(tmp_path / "tape") as tape:
        routes = learn_answers(tape)["routes"]
        write_answers(tape, tmp_path / "answers.json")
    return {(r["service"], r["method"], r["template"]): r for r in routes}


def test_each_service_and_route_has_its_own_entry(tmp_path: Path) -> None:
    routes = learned(tmp_path)
    assert list(routes) == [
        ("svc", "GET", "/me"), ("act", "GET", "/me"), ("ach", "POST", "/pay/{id}"),
    ]  # fmt: skip
    assert sum(int(str(route["count"])) for route in routes.values()) == len(RECORDS)


def test_statuses_are_counted_and_an_unknown_one_is_200(tmp_path: Path) -> None:
    routes = learned(tmp_path)
    assert routes["svc", "GET", "/me"]["statuses"] == {"200": 2, "503": 1}
    assert routes["act", "GET", "/me"]["statuses"] == {"200": 1}


def test_waits_are_quantiles_and_none_where_none_was_recorded(tmp_path: Path) -> None:
    routes = learned(tmp_path)
    waits = routes["svc", "GET", "/me"]["waits_ms"]
    assert isinstance(waits, list)
    assert (len(waits), waits[0], waits[-1]) == (QUANTILES, 1.0, 3.0)
    assert waits == sorted(waits)
    assert routes["ach", "POST", "/pay/{id}"]["waits_ms"] is None


def test_the_gateway_reads_what_is_written(tmp_path: Path) -> None:
    learned(tmp_path)
    answers = LearnedAnswers.parse(orjson.loads((tmp_path / "answers.json").read_bytes()))
    assert answers.find("ach", "POST", "/pay/12345") is not None
    assert answers.find("ach", "POST", "/elsewhere") is None
