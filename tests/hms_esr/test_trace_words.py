"""What people are told of a trace: readable at 80 columns, and true of every account."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hms_esr.options import Reading
from hms_esr.trace_info import read_info
from hms_esr.trace_reading import choose_reading, find_sources
from hms_esr.trace_report import print_findings, print_info
from hms_esr.trace_words import describe_account, describe_trace
from replay.gate.findings import Findings
from replay.tape import ANONYMISER

ACCOUNT: dict[str, Any] = {
    "entries": 1, "used": 1, "skipped": {}, "format": "ops", "out_of_order": 0, "stamps": "exact",
}  # fmt: skip


def printed(info: dict[str, Any], width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, no_color=True)
    print_info(console, info)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def info_of(folder: Path, text: str) -> dict[str, Any]:
    (folder / "a.log").write_text(text)
    return read_info(choose_reading(Reading(), {}, folder), find_sources(["a.log"], {}, folder))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "1 entry (ops): 1 used"),
        ({"entries": 0, "used": 0, "format": ""}, "0 entries: 0 used"),
        ({"entries": 3, "dropped": {"time": 2}},
         "3 entries (ops): 1 used; left out by filters time: 2"),
        ({"stamps": "spread"}, "1 entry (ops): 1 used; stamps spread"),
    ],
)  # fmt: skip
def test_an_account_in_words(change: dict[str, Any], said: str) -> None:
    assert describe_account({**ACCOUNT, **change}) == said


def test_a_report_says_what_was_let_through_and_what_was_replaced() -> None:
    coverage = {"notes": ["1 route is not sent at all: svc GET /a"]}
    cleaned = "anonymised: built-in 1a2b3c4d, key 5e6f7a8b"
    trace = {**ACCOUNT, "found": {"ssn": 2}, "anonymiser": cleaned, "coverage": coverage}
    assert describe_trace(trace) == (
        "trace  1 entry (ops): 1 used",
        f"personal data  {cleaned}",
        "let through by --allow-kind: 2 ssn",
        "not as recorded: 1 route is not sent at all: svc GET /a",
    )
    assert describe_trace({**ACCOUNT, "anonymiser": ANONYMISER}) == (
        "trace  1 entry (ops): 1 used",
    )
    assert describe_trace({}) == ()


def test_info_of_an_access_log_fits_a_terminal(tmp_path: Path) -> None:
    line = '192.0.2.1 - {user} [15/Mar/2020:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl"\n'
    text = printed(info_of(tmp_path, line.format(user="-") * 2))
    assert "users     1 in 1 session, told apart by client\n" in _squeezed(text)
    assert "rate      mean –/s, 2 in the busiest second\n" in _squeezed(text)
    assert "bodies    none\n" in _squeezed(text)
    assert max(map(len, text.splitlines())) <= 80


def test_info_of_what_nobody_asked_for_by_name(tmp_path: Path) -> None:
    text = printed(info_of(tmp_path, '{"ts": 1584277200000000000, "method": "GET", "url": "/a"}\n'))
    assert "users     1 in 1 session, each request one of its own\n" in _squeezed(text)


def test_info_of_users_told_apart_in_several_ways(tmp_path: Path) -> None:
    line = '{{"ts": 1584277200000000000, "method": "GET", "url": "/a"{}}}\n'
    named, in_session = line.format(', "user": "u"'), line.format(', "session": "s"')
    text = printed(info_of(tmp_path, line.format("") + in_session + named * 2))
    assert "told apart by user (2), session (1); 1 of nobody" in " ".join(text.split())


@pytest.mark.parametrize("width", [1, 7, 20, 40])
def test_the_narrowest_terminals_are_no_fault(width: int, tmp_path: Path) -> None:
    assert printed(info_of(tmp_path, ""), width)
    findings = Findings()
    findings.add("a.log", 1, "url.query.ssn", "ssn", "219-09-1234")
    console = Console(file=io.StringIO(), width=width)
    print_findings(console, findings.to_json())


def _squeezed(text: str) -> str:
    """Without the blanks that a table ends its lines with."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
