"""HMS-ESQ: verdicts, and the rule that decided."""

from __future__ import annotations

from typing import Any

import pytest

from stubs.services.esq_rules import RULES
from tests.stubs.services.asking import Sandbox

CASES = [
    pytest.param({}, "allow", "NONE", id="nothing"),
    pytest.param({"action": "share", "data": ["address"]}, "allow", "NONE", id="plain data"),
    pytest.param({"note": "SSN 123-45-6789."}, "deny", "PII-1", id="ssn"),
    pytest.param({"a": [{"b": ["219-09-9999"]}]}, "deny", "PII-1", id="ssn, deep"),
    pytest.param({"note": "666-45-6789, 900-12-3456"}, "allow", "NONE", id="nobody's ssn"),
    pytest.param({"note": "1123-45-67891"}, "allow", "NONE", id="a longer number"),
    pytest.param({"action": "Share", "data": ["diagnosis"]}, "deny", "HIPAA-1", id="health"),
    pytest.param({"action": "share", "data": "diagnosis"}, "deny", "HIPAA-1", id="health, a word"),
    pytest.param(
        {"action": "share", "data": {"medical": 1}, "purpose": "treatment"},
        "allow",
        "NONE",
        id="for care",
    ),
    pytest.param(
        {"action": "share", "data": ["medical"], "consent": True}, "allow", "NONE", id="consent"
    ),
    pytest.param({"action": "export", "data": ["grades"]}, "deny", "FERPA-1", id="education"),
    pytest.param({"age": 12}, "deny", "COPPA-1", id="child"),
    pytest.param({"age": 13}, "allow", "NONE", id="no child"),
    pytest.param({"actor": "agent", "action": "deny"}, "review", "AUTO-1", id="agent decides"),
    pytest.param(
        {"actor": "agent", "action": "deny", "human": True}, "allow", "NONE", id="person looked"
    ),
    pytest.param({"amount_usd": 10_000.01}, "review", "BSA-1", id="much money"),
    pytest.param({"amount": 10_000}, "allow", "NONE", id="not so much"),
    pytest.param({"retention_days": 2_556}, "review", "KEEP-1", id="kept long"),
    pytest.param(
        {"amount": 20_000, "action": "share", "data": ["health"]}, "deny", "HIPAA-1", id="two"
    ),
]


@pytest.mark.parametrize(("case", "verdict", "rule"), CASES)
async def test_a_verdict_names_the_rule_that_decided(
    case: dict[str, Any], verdict: str, rule: str
) -> None:
    said = (await Sandbox().post("esq/check", {"citizen": "C-1", **case})).json
    assert (said["subject"], said["verdict"], said["rule"]) == ("C-1", verdict, rule)
    assert said["hits"][:1] == ([] if rule == "NONE" else [rule])
    assert said["reason"]


def test_every_rule_decides_some_case() -> None:
    decided = {case.values[2] for case in CASES}
    assert decided == {rule.name for rule in RULES} | {"NONE"}


async def test_the_rules_are_shown_and_the_hits_counted() -> None:
    sandbox = Sandbox()
    for case in ({"age": 3}, {"age": 4}, {"amount": 20_000}, {}):
        await sandbox.post("esq/check", case)
    rules = (await sandbox.get("esq/rules")).json["rules"]
    assert [rule["rule"] for rule in rules] == [rule.name for rule in RULES]
    hits = (await sandbox.get("esq/hits")).json
    by_rule = {"COPPA-1": 2, "BSA-1": 1}
    assert hits == {"checked": 4, "hits": 3, "by_rule": by_rule, "env": "sandbox"}


async def test_a_rule_can_be_switched_off() -> None:
    sandbox = Sandbox(esq={"off": "COPPA-1, BSA-1"})
    assert (await sandbox.post("esq/check", {"age": 3})).json["verdict"] == "allow"
    assert len((await sandbox.get("esq/rules")).json["rules"]) == len(RULES) - 2
