"""The switch: one assignment a change, and whatever goes wrong refuses."""

from __future__ import annotations

from typing import Any

import pytest

from switchboard import switch as switch_module
from switchboard.decide import Ask, Forward, Refuse
from switchboard.rules import Mode, Rules
from switchboard.rules_reader import parse_rules
from switchboard.switch import Switch

ASK = Ask("https", "api.hms.example", 443, "GET", "/")


def rules_of(port: int = 9001) -> Rules:
    to = {"name": "svc", "address": "127.0.0.1", "port": port}
    live = {"name": "prod", "address": "127.0.0.2", "port": 80}
    mapping = {"routes": [{"host": "*.hms.example", "to": to, "live": live}]}
    return parse_rules(mapping, source="switchboard.yml", line_of=lambda _: None)


class ScriptedMode:
    """A mode cell that says what it is told to, or raises it."""

    def __init__(self, says: Any = "sandbox") -> None:
        self.says = says

    def read(self) -> Mode:
        if isinstance(self.says, Exception):
            raise self.says
        says: Mode = self.says
        return says


def rule_of(switch: Switch) -> str:
    return switch.decide(ASK).rule


def test_it_follows_the_mode() -> None:
    mode = ScriptedMode()
    switch = Switch(rules_of(), mode, {})
    assert rule_of(switch) == "routes[0]"
    assert switch.endpoints == {("127.0.0.1", 9001)}
    mode.says = "live"
    assert rule_of(switch) == "routes[0].live"
    assert switch.endpoints == {("127.0.0.2", 80)}


@pytest.mark.parametrize("says", [OSError("gone"), ValueError(), None, "", "LIVE", b"live", 1, []])
def test_a_mode_that_cannot_be_determined_is_sandbox(says: Any) -> None:
    switch = Switch(rules_of(), ScriptedMode(says), {})
    assert switch.mode == "sandbox"
    assert rule_of(switch) == "routes[0]"
    assert switch.endpoints == {("127.0.0.1", 9001)}


def test_without_rules_everything_is_refused_and_nothing_may_be_dialled() -> None:
    switch = Switch(None, ScriptedMode(), {})
    assert (rule_of(switch), switch.endpoints) == ("no-rules", frozenset())
    switch.replace(rules_of(), {})
    assert rule_of(switch) == "routes[0]"
    switch.replace(None, {})
    assert (rule_of(switch), switch.endpoints) == ("no-rules", frozenset())


def test_rules_and_secrets_are_replaced_together() -> None:
    secrets = {"T": "one"}
    switch = Switch(rules_of(), ScriptedMode(), secrets)
    secrets["T"] = "changed behind its back"
    assert switch.secrets == {"T": "one"}
    switch.replace(rules_of(9002), {"T": "two"})
    assert switch.secrets == {"T": "two"}
    assert switch.endpoints == {("127.0.0.1", 9002)}


def test_a_tripped_switch_stays_tripped() -> None:
    switch = Switch(rules_of(), ScriptedMode(), {})
    switch.trip("a canary got out")
    switch.trip("later")
    switch.replace(rules_of(), {})
    found = switch.decide(ASK)
    assert isinstance(found, Refuse)
    assert (found.rule, switch.tripped) == ("interlock", "a canary got out")
    assert "a canary got out" in found.reason
    assert switch.endpoints == frozenset()


def test_an_exception_of_our_own_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Forward:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(switch_module, "decide", broken)
    found = Switch(rules_of(), ScriptedMode(), {}).decide(ASK)
    assert isinstance(found, Refuse)
    assert found.rule == "no-rules"
    assert "ZeroDivisionError" in found.reason
    assert "hunter2" not in found.reason


def test_no_printout_shows_a_secret() -> None:
    switch = Switch(rules_of(), ScriptedMode(), {"T": "hunter2"})
    assert "hunter2" not in repr(switch)
    switch.trip("x")
    assert "TRIPPED" in repr(switch)
    assert "nothing readable" in repr(Switch(None, ScriptedMode(), {}))
