"""docs/switchboard.md keeps up: every key, every refusal, and its examples are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scenarios.rules_files import read_rules
from switchboard.decide import REFUSALS
from switchboard.route_reader import CHANGE_KEYS, DESTINATION_KEYS, EDIT_KEYS, ROUTE_KEYS
from switchboard.rules_reader import (
    ALLOW_KEYS,
    CREDENTIALS_KEYS,
    DENY_KEYS,
    INJECT_KEYS,
    INTERLOCK_KEYS,
    KEEP_KEYS,
    RULES_KEYS,
    TAGS_KEYS,
)

PAGE = (Path(__file__).parents[1] / "docs/switchboard.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
KEYS = {
    *RULES_KEYS, *ROUTE_KEYS, *DESTINATION_KEYS, *EDIT_KEYS, *CHANGE_KEYS, *CREDENTIALS_KEYS,
    *INJECT_KEYS, *KEEP_KEYS, *TAGS_KEYS, *DENY_KEYS, *ALLOW_KEYS, *INTERLOCK_KEYS,
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_is_explained(key: str) -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    assert re.search(rf"`(?:[a-z]+\.)?{key}`", prose)


@pytest.mark.parametrize("key", sorted(KEYS - {"notes", "environment", "set", "drop"}))
def test_every_key_has_an_example(key: str) -> None:
    assert any(re.search(rf"(?<![\w.-]){key}:", example) for example in EXAMPLES)


@pytest.mark.parametrize("rule", REFUSALS)
def test_every_refusal_has_a_row_with_its_status(rule: str) -> None:
    assert f"\n| `{rule}` | {REFUSALS[rule][0]} | " in PAGE


def test_no_refusal_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"\n\| `([a-z.-]+)` \| [0-9]{3} \|", PAGE)) == set(REFUSALS)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_sound(example: str, tmp_path: Path) -> None:
    file = tmp_path / "switchboard.yml"
    file.write_text(example, encoding="utf-8")
    assert read_rules(file).notes == ()
