"""Edits of the rules file: which are taken, which are refused, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.listening import Address
from hms_esr.gateways.rules_keeper import RulesKeeper
from switchboard.errors import RuleError

RULES = """
routes:
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
credentials:
  inject: [{upstream: svc, header: Authorization, from_env: TOKEN, prefix: "Bearer "}]
"""
OWN = [("the gateway's own address", Address("127.0.0.1", 8080))]
MORE = "notes: {text}\n"


class Keeping:
    """A keeper over a file, and what it said."""

    def __init__(self, folder: Path, text: str = RULES) -> None:
        self.path = folder / "switchboard.yml"
        self.path.write_text(text)
        self.said: list[str] = []
        self.env = {"TOKEN": "a"}
        self.keeper = RulesKeeper(self.path, self.env, OWN, self.said.append)
        self.first = self.keeper.in_force

    def edit(self, text: str | None) -> bool:
        """Replace the file, or remove it; whether the edit was taken."""
        if text is None:
            self.path.unlink()
        else:
            self.path.with_suffix(".new").write_text(text)
            self.path.with_suffix(".new").replace(self.path)
        return self.keeper.check() is not None


EDITED = RULES.replace("9001", "9002")


def test_a_sound_edit_is_taken_once(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    assert keeping.edit(EDITED)
    assert keeping.keeper.check() is None
    (route,) = keeping.keeper.in_force.rules.routes
    assert route.to is not None
    assert route.to.port == 9002
    assert (keeping.keeper.taken, keeping.keeper.refused) == (1, 0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (RULES + "unknown: 1\n", "unknown"),
        ("routes: [", "switchboard.yml"),
        ("", "routes"),
        (None, "switchboard.yml"),
        (RULES.replace("TOKEN", "OTHER"), "OTHER"),
        (RULES.replace("9001", "8080"), "own address"),
    ],
)
def test_an_unsound_edit_changes_nothing(tmp_path: Path, text: str | None, named: str) -> None:
    keeping = Keeping(tmp_path)
    assert not keeping.edit(text)
    assert keeping.keeper.check() is None
    assert keeping.keeper.in_force is keeping.first
    assert named in str(keeping.keeper.complaint)
    assert len(keeping.said) == 1
    assert named in keeping.said[0]
    assert (keeping.keeper.taken, keeping.keeper.refused) == (0, 1)
    keeping.path.write_text(RULES)
    keeping.keeper.check()
    assert keeping.keeper.complaint is None, "the file is again what is in force"
    assert keeping.keeper.refused == 1


def test_each_unsound_edit_counts(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.edit(RULES + "one: 1\n")
    keeping.edit(RULES + "two: 1\n")
    assert keeping.keeper.refused == 2
    assert keeping.edit(EDITED)
    assert keeping.keeper.complaint is None


def test_the_secret_of_an_edit_is_read_with_it(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.env["OTHER"] = "b"
    assert keeping.edit(RULES.replace("TOKEN", "OTHER"))
    assert keeping.keeper.in_force.secrets == {"OTHER": "b"}


def test_nothing_that_is_said_holds_a_secret(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.env["OTHER"] = "s3cret\nx"
    keeping.edit(RULES.replace("TOKEN", "OTHER"))
    assert "s3cret" not in repr((keeping.said, keeping.keeper.in_force))


def test_it_does_not_begin_with_unsound_rules(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="unknown"):
        Keeping(tmp_path, RULES + "unknown: 1\n")
    with pytest.raises(GatewayError, match="own address"):
        Keeping(tmp_path, RULES.replace("9001", "8080"))
