"""docs/scenarios.md keeps up with the keys, and its examples are sound."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scenarios
from scenarios.keys import KEYS, RESERVED
from scenarios.slo import SLO_KEYS
from scenarios.yaml_lines import load_yaml

PAGE = (Path(__file__).parents[2] / "docs/scenarios.md").read_text()


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_heading(key: str) -> None:
    assert f"\n### `{key}`\n" in PAGE


@pytest.mark.parametrize("key", RESERVED)
def test_every_reserved_key_is_listed_as_not_there_yet(key: str) -> None:
    assert f"`{key}`" in PAGE.partition("## Not there yet")[2]


@pytest.mark.parametrize("name", SLO_KEYS)
def test_every_objective_has_a_row(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE


def test_every_heading_is_a_key() -> None:
    assert set(re.findall(r"\n### `(\w+)`\n", PAGE)) == set(KEYS)


def test_the_first_example_is_the_bundled_scenario() -> None:
    bundled = (Path(scenarios.__file__).parent / "stimulus_2020.yml").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert examples[0] == bundled
    for example in examples:
        load_yaml(example, "docs/scenarios.md")
