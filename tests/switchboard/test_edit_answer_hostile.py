"""Headers of answers that would make a browser talk to production behind our back."""

from __future__ import annotations

import pytest

from switchboard.decide import Ask, Forward, ask_of, decide
from switchboard.edit_answer import edit_answer
from switchboard.rules_reader import parse_rules

RULES = parse_rules(
    {
        "routes": [
            {"host": "*.hms.example", "to": {"name": "svc", "address": "127.0.0.1", "port": 9001}}
        ]
    },
    source="switchboard.yml",
    line_of=lambda _: None,
)


def edited(name: str, value: str) -> dict[str, str]:
    ask = ask_of("http", "svc.hms.example", "GET", "/")
    assert isinstance(ask, Ask)
    way = decide(RULES, "sandbox", ask)
    assert isinstance(way, Forward)
    answer = edit_answer(ask, way, [(name, value)], RULES)
    assert isinstance(answer, list)
    return dict(answer)


@pytest.mark.parametrize(
    "name",
    ["SourceMap", "X-SourceMap", "NEL", "Report-To", "Content-Security-Policy-Report-Only"],
)
def test_what_names_a_place_for_a_browser_does_not_pass(name: str) -> None:
    assert edited(name, "https://www.hms.gov/x") == {"x-esr-env": "sandbox"}


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("default-src 'self'; img-src *", "default-src 'self'; img-src *"),
        ("default-src 'self'; report-uri https://www.hms.gov/r", "default-src 'self'"),
        ("REPORT-TO main; default-src 'self'", "default-src 'self'"),
        ("script-src 'report-sample'", "script-src 'report-sample'"),
    ],
)
def test_a_policy_holds_and_is_reported_to_nobody(policy: str, kept: str) -> None:
    assert edited("Content-Security-Policy", policy)["Content-Security-Policy"] == kept


def test_a_policy_of_reports_alone_is_gone() -> None:
    assert edited("Content-Security-Policy", "report-uri https://www.hms.gov/r") == {
        "x-esr-env": "sandbox"
    }
