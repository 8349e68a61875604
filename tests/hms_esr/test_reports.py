"""What commands print: figures as they are, and nothing that a name could do to a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hms_esr.flight_plan import describe_plan
from hms_esr.judge import Judge
from hms_esr.preparation import Preparation
from hms_esr.reports import print_plan, print_run, print_runs, sparkline
from hms_esr.runs import RunSummary, ShownRun
from hms_esr.trace_words import describe_account

Prepare = Callable[..., Preparation]


@pytest.fixture(name="console")
def console_fixture() -> Console:
    return Console(file=io.StringIO(), width=120, no_color=True)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_plan_says_what_would_be_sent(prepare_log: Prepare, console: Console) -> None:
    print_plan(console, describe_plan(prepare_log(speed="2x")))
    for piece in ("4 of 2 users", "at 2x", "svc.hms.example: 3", "svc GET /me", "nothing"):
        assert piece in shown(console)


def test_a_plan_at_max_has_no_rate(prepare_log: Prepare, console: Console) -> None:
    print_plan(console, describe_plan(prepare_log(speed="max")))
    assert "as fast as answers allow" in shown(console)
    assert "mean –/s" in shown(console)


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([0, 0], ""), ([1, 2, 4, 8], "▁▂▄█"), ([0, 8], " █")]
)
def test_the_tallest_bar_is_the_largest(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars


def test_an_account_says_what_was_skipped_and_where_first() -> None:
    account = {
        "entries": 10, "used": 8, "skipped": {"bad ts": 2}, "format": "ops", "out_of_order": 1,
        "stamps": "exact", "examples": [{"file": "a.log", "line": 7, "reason": "bad ts"}],
    }  # fmt: skip
    assert describe_account(account) == (
        "10 entries (ops): 8 used; skipped bad ts: 2 (first: a.log line 7); 1 out of order, sorted"
    )


def summary(**change: Any) -> RunSummary:
    fields = {
        "run_id": "RUN-1", "scenario": "surge", "state": "done", "verdict": "pass",
        "started": None, "sent": 7, "error_pct": 0.5, "p95_ms": 12.0,
    }  # fmt: skip
    return RunSummary(**{**fields, **change})


def test_runs_are_a_line_each(console: Console) -> None:
    odd = summary(run_id="RUN-[/b]\x1b[31m", scenario=None, verdict=None, sent=None)
    print_runs(console, [summary(), odd], Path("/runs"))
    heading, first, second = shown(console).splitlines()
    assert first.split() == ["RUN-1", "surge", "done", "pass", "7", "0.50", "%", "12"]
    assert second.startswith("RUN-[/b]\ufffd[31m")
    assert "\x1b" not in second
    assert heading.split()[0] == "run"


def test_no_runs_say_how_to_start_one(console: Console) -> None:
    print_runs(console, [], Path("/a[/b]/runs"))
    assert "no runs in /a[/b]/runs: start one with esr-replay" in shown(console)


def run(**change: Any) -> ShownRun:
    fields: dict[str, Any] = {
        "run_id": "RUN-1", "state": "aborted", "folder": Path("/runs/RUN-1"), "facts": {},
        "card": None, "certificate": None, "files": (("run.json", 1234),), "notes": ("[/b] note",),
    }  # fmt: skip
    return ShownRun(**{**fields, **change})


def test_a_run_without_a_card_is_shown(console: Console) -> None:
    print_run(console, run())
    assert shown(console).splitlines() == [
        "RUN-1 is aborted; it had not measured anything yet",
        "[/b] note",
        "run folder  /runs/RUN-1",
        "  run.json  1,234 bytes",
    ]


def test_a_run_with_a_card_is_shown(prepare_log: Prepare, console: Console) -> None:
    card = Judge(prepare_log(), "RUN-1").card("aborted", 1.0)
    print_run(console, run(card=card))
    assert "day  aborted" in shown(console)
    assert "ABORTED" in shown(console)
    assert "production" not in shown(console)


def test_a_run_is_shown_with_what_its_interlock_counted(
    prepare_log: Prepare, console: Console
) -> None:
    card = Judge(prepare_log(), "RUN-1").card("done", 1.0, {"connections": 0, "refused": 3})
    print_run(console, run(card=card))
    assert "0 connections to production, 3 attempts refused" in shown(console)


@pytest.mark.parametrize(
    "card",
    [{"requests": 5}, {"trace_time_s": "x"}, {"trace_time_s": 1, "routes": 3, "requests": {}}],
)
def test_a_card_that_is_not_whole_is_said_to_be_so(console: Console, card: Any) -> None:
    print_run(console, run(card=card))
    assert "scorecard.json is not a whole scorecard" in shown(console)
    assert "run folder  /runs/RUN-1" in shown(console)
