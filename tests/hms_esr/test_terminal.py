"""What is drawn is what the scorecard says, at every width and in every state."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hms_esr.judge import Judge
from hms_esr.preparation import Preparation
from hms_esr.terminal import (
    LineView,
    LiveView,
    choose_view,
    draw_panel,
    format_line,
    number,
    print_result,
    production_line,
    verdict_line,
)
from replay.outcome import Outcomes
from scorecard.card import Scorecard

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]


@pytest.fixture(name="card")
def card_fixture(prepare_log: Prepare, rows_of: RowsOf) -> Scorecard:
    prep = prepare_log(slo=("p95_ms=100", "error_pct=1"), target="svc")
    judge = Judge(prep, "RUN-1")
    judge.fold(rows_of(prep))
    card, _ = judge.conclude("done", 2.0, [], ())
    return card


def console(width: int = 100, *, is_terminal: bool = False, **env: str) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, no_color=True,
        _environ={"TERM": "xterm", **env},
    )  # fmt: skip


def shown(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


@pytest.mark.parametrize(
    ("value", "digits", "unit", "text"),
    [
        (None, 0, " ms", "–"),
        (0, 0, "", "0"),
        (1234.5, 1, " ms", "1,234.5 ms"),
        (0.004, 2, " %", "0.00 %"),
    ],
)
def test_a_number_nobody_measured_is_a_dash(
    value: float | None, digits: int, unit: str, text: str
) -> None:
    assert number(value, digits, unit) == text


def test_the_panel_shows_the_card(card: Scorecard) -> None:
    on = console()
    on.print(draw_panel("surge [/b]", card, 2.5))
    text = shown(on)
    for piece in ("surge [/b]", "svc GET /me", "p95_ms", "kept", "not played", "100.00", "10.0"):
        assert piece in text


@pytest.mark.parametrize("width", [1, 2, 10, 40, 59, 60, 200])
@pytest.mark.parametrize("state", ["ready", "running"])
def test_every_width_can_be_drawn(prepare_log: Prepare, width: int, state: Any) -> None:
    on = console(width)
    nothing_yet = Judge(prepare_log(speed="max"), "RUN-1").card(state, 0.0)
    on.print(draw_panel("surge", nothing_yet, 0.0, None, is_live=True))
    print_result(on, nothing_yet, (), Path("/runs/RUN-1"), "something was lost")
    assert "run folder  /runs/RUN-1" in shown(on)
    assert "something was lost" in shown(on)


def test_a_narrow_result_is_a_line_and_not_a_ruin(card: Scorecard) -> None:
    on = console(40)
    print_result(on, card, ("mind this",), Path("/runs/RUN-1"), None)
    assert "sent 3/3" in shown(on)
    assert "╭" not in shown(on)
    assert "Note: mind this." in shown(on)


def test_a_line_says_the_least_one_needs(card: Scorecard) -> None:
    line = format_line(card, 12.0)
    for piece in ("2.0s", "sent 3/3", "12/s", "users 2", "errors 0.00%", "lag p99"):
        assert piece in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "PASS  day  RUN-1"),
        ({"verdict": "fail", "reason": "too slow"}, "FAIL  day  RUN-1\ntoo slow"),
        ({"verdict": "void", "reason": "late"}, "VOID  day  RUN-1\nlate"),
        ({"verdict": None, "state": "running"}, "RUNNING  day  RUN-1"),
        ({"state": "aborted"}, "ABORTED (pass so far)  day  RUN-1"),
        ({"state": "aborted", "verdict": None}, "ABORTED  day  RUN-1"),
    ],
)
def test_the_verdict_comes_first(card: Scorecard, change: dict[str, Any], text: str) -> None:
    assert verdict_line({**card, **change}).plain == text


@pytest.mark.parametrize(
    ("counted", "text"),
    [
        ((0, 12), "0 connections to production, 12 attempts refused"),
        ((0, 1), "0 connections to production, 1 attempt refused"),
        ((1, 2_000), "1 connection to production, 2,000 attempts refused"),
    ],
)
def test_what_the_interlock_counted_is_shown(
    card: Scorecard, counted: tuple[int, int], text: str
) -> None:
    on = console()
    whole: Any = {**card, "production": {"connections": counted[0], "refused": counted[1]}}
    print_result(on, whole, (), Path("/runs/RUN-1"), None)
    assert f"\n{text}\n" in shown(on)


def test_what_nobody_counted_is_not_shown(card: Scorecard) -> None:
    assert card["production"] is None
    assert production_line(card) is None
    assert production_line({}) is None, "a card of before there was such a count"


@pytest.mark.parametrize(
    ("width", "is_terminal", "env", "view"),
    [
        (100, True, {}, LiveView),
        (100, False, {}, LineView),
        (40, True, {}, LineView),
        (100, True, {"TERM": "dumb"}, LineView),
    ],
)
def test_the_panel_is_for_terminals_that_can_show_it(
    width: int, is_terminal: bool, env: dict[str, str], view: type
) -> None:
    chosen = choose_view(console(width, is_terminal=is_terminal, **env), "surge", 10**9, 1.0)
    assert isinstance(chosen, view)
    chosen.close()


def test_the_cursor_comes_back(card: Scorecard) -> None:
    on = console(is_terminal=True)
    view = LiveView(on, "surge", 2.5)
    view.show(card, 3.0)
    view.say("something [/b] happened")
    view.close()
    text = shown(on)
    assert 0 <= text.rfind("\x1b[?25l") < text.rfind("\x1b[?25h")
    assert "something [/b] happened" in text
    assert "rate now" in text


def test_lines_come_now_and_then(card: Scorecard) -> None:
    on = console()
    view = LineView(on, 600.0)
    for second in range(21):
        view.show({**card, "elapsed_s": float(second)}, None)
    view.say("done")
    view.close()
    assert [line.split()[0] for line in shown(on).splitlines()] == [
        "0.0s", "9.0s", "18.0s", "done",
    ]  # fmt: skip
