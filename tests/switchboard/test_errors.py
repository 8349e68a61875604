"""The family of errors: one clear sentence each, and the exit code the command line answers."""

from __future__ import annotations

import pickle

import pytest

from switchboard.errors import (
    EsrError,
    Fault,
    GuardError,
    RuleError,
    ScenarioError,
    TraceError,
    UpstreamError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EsrError("x"), 2),
        (ScenarioError("x"), 2),
        (RuleError("x"), 2),
        (TraceError("x"), 2),
        (UpstreamError("x"), 96),
        (GuardError("h", "rule", "remedy"), 97),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, EsrError) else str(value),
)
def test_exit_codes(error: EsrError, code: int) -> None:
    assert error.exit_code == code


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("slo.p95_ms", 7, "must be a number"), "slo.p95_ms (line 7): must be a number"),
        (Fault("slo", None, "is empty"), "slo: is empty"),
        (Fault("", 3, "this is not YAML"), "line 3: this is not YAML"),
        (Fault("", None, "is empty"), "is empty"),
    ],
)
def test_a_fault_says_where(fault: Fault, text: str) -> None:
    assert str(fault) == text


def test_a_single_fault_stays_on_one_line() -> None:
    assert (
        str(RuleError("a.yml", [Fault("name", 1, "is wrong")])) == "a.yml: name (line 1): is wrong"
    )


def test_several_faults_are_all_listed() -> None:
    error = ScenarioError("a.yml", [Fault("a", 1, "x"), Fault("b", 2, "y")])
    assert str(error) == "a.yml: 2 faults\n  a (line 1): x\n  b (line 2): y"
    assert [fault.path for fault in error.faults] == ["a", "b"]


def test_a_guard_error_names_host_rule_and_remedy() -> None:
    error = GuardError("prod.example", "default deny", "Declare it.")
    assert str(error) == "refused prod.example: default deny. Declare it."


def test_a_guard_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(GuardError("h", "r", "m")))
    assert (error.host, error.rule, error.remedy) == ("h", "r", "m")
