"""docs/scorecard.md is the promise to those who read the files: no field may be missing there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pytest

from scorecard.card import Injector, Requests, RouteLine, Scorecard
from scorecard.certificate import Certificate
from scorecard.slo import SLO_NAMES, SloResult
from scorecard.store import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "scorecard.md").read_text()


def section(heading: str) -> str:
    """The text from a heading, or from a line that introduces a table, to the next one."""
    start = PAGE.index(heading) + len(heading)
    end = re.compile(r"^(## |`[a-z\[\]]+`:)", re.MULTILINE).search(PAGE, start)
    return PAGE[start : end.start() if end else None]


def documented(heading: str) -> list[str]:
    """Names in the first column of the tables of a section."""
    rows = re.findall(r"^\| (`[^|]*`) \|", section(heading), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        pytest.param("## scorecard.json", Scorecard.__annotations__, id="scorecard"),
        pytest.param("`requests`:", Requests.__annotations__, id="requests"),
        pytest.param("`routes[]`:", RouteLine.__annotations__, id="routes"),
        pytest.param("`slo[]`:", SloResult.__annotations__, id="slo"),
        pytest.param("`injector`:", Injector.__annotations__, id="injector"),
        pytest.param(
            "## certificate.json",
            ["schema", *(field.name for field in fields(Certificate))],
            id="certificate",
        ),
        pytest.param("## timeline.ndjson", ["t_s", "wall", "event"], id="timeline"),
        pytest.param("## outcomes-&lt;worker&gt;.parquet", COLUMNS, id="parquet"),
    ],
)
def test_every_field_is_explained_in_order_and_no_other(heading: str, names: Iterable[str]) -> None:
    assert documented(heading) == list(names)


def test_every_column_has_its_type_on_the_page() -> None:
    for name, (kind, _) in COLUMNS.items():
        assert f"| `{name}` | {kind} |" in PAGE


def test_every_objective_is_named() -> None:
    for name in SLO_NAMES:
        assert f"`{name}`" in section("`slo[]`:")
