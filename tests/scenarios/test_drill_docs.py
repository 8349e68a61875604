"""docs/drills.md keeps up with the keys, the drills and the report, and its examples are sound."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from scenarios.drill import DRILL_KEYS, parse_drill
from scenarios.drill_loader import BUNDLED_DRILLS, drill_files
from scenarios.drill_parts import ROUTE_NAMES
from scenarios.yaml_lines import load_yaml
from scorecard.blame import FaultCost

PAGE = (Path(__file__).parents[2] / "docs/drills.md").read_text()


def test_every_key_has_a_heading_in_the_order_of_the_table() -> None:
    assert re.findall(r"\n### `(\w+)`\n", PAGE) == list(DRILL_KEYS)


@pytest.mark.parametrize("drill", [found.id for found in drill_files(BUNDLED_DRILLS)])
def test_every_bundled_drill_has_a_row(drill: str) -> None:
    assert f"\n| `{drill}` |" in PAGE


@pytest.mark.parametrize("name", [each.name for each in fields(FaultCost) if each.name != "id"])
def test_every_number_of_the_ledger_is_explained(name: str) -> None:
    assert f"`{name}`" in PAGE.partition("## The blame ledger")[2]


@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_every_number_of_a_route_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE.partition("### `hypothesis`")[2].partition("### `slo`")[0]


def test_the_example_is_a_sound_drill_with_every_key() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    value, line_of = load_yaml(example, "docs/drills.md")
    drill = parse_drill(value, "docs/drills.md", line_of)
    assert drill.id == "rail_down"
    assert isinstance(value, dict)
    assert value.keys() == DRILL_KEYS.keys()
