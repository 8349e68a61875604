"""docs/faults.md and docs/add-a-fault.md say what is so: their examples are read, and do it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scenarios.yaml_lines import load_yaml
from stubs.faults.course import Course
from stubs.faults.fault import Fault
from stubs.faults.kind import FaultKind
from stubs.faults.kinds import FAULT_KINDS
from stubs.faults.parameters import parameters_of
from stubs.faults.precedence import choose_course
from stubs.faults.reader import parse_faults
from stubs.service import Answer
from tests.stubs.faults.examples import a_draw, an_ask

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "faults.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "add-a-fault.md").read_text(encoding="utf-8")
SHORT = re.findall(
    r"^\| `(.+?)` \| `(\{.+?\})`", PAGE.partition("## Short spellings")[2], re.MULTILINE
)


def read(text: str) -> tuple[Fault, ...]:
    value, line_of = load_yaml(text, "page.yml")
    raw = value["chaos"] if isinstance(value, dict) and "chaos" in value else value
    return parse_faults(raw, source="page.yml", line_of=line_of)


def test_the_timetable_of_the_page_is_read() -> None:
    found = re.search(r"```yaml\n(chaos:.*?)```", PAGE, re.DOTALL)
    assert found
    assert [fault.kind.NAME for fault in read(found[1])] == ["down", "ghost_commit", "latency"]


@pytest.mark.parametrize(("short", "means"), SHORT)
def test_a_short_spelling_means_what_the_page_says(short: str, means: str) -> None:
    (one,), (other,) = read(short if short.startswith("{") else repr(short)), read(means)
    assert (one.kind, one.target, one.at_ms) == (other.kind, other.target, other.at_ms)


def test_the_page_has_short_spellings() -> None:
    assert len(SHORT) >= 4


def test_the_groups_of_the_page_are_those_of_the_ranks() -> None:
    table = PAGE.partition("## When several faults meet")[2]
    rows = [row.split("|") for row in re.findall(r"^\| [0-9]\..*$", table, re.MULTILINE)]
    kinds = [re.findall(r"`(\w+)`", row[2]) for row in rows]
    assert [name for group in kinds for name in group] == list(FAULT_KINDS)
    ranks = [[FAULT_KINDS[name].RANK // 10 for name in group] for group in kinds]
    assert [len(set(group)) for group in ranks] == [1] * len(kinds)
    assert len({group[0] for group in ranks}) == len(kinds)


def test_the_kind_of_the_how_to_works() -> None:
    found = re.search(r"```python\n(.*?)```", HOW_TO, re.DOTALL)
    assert found
    source = re.sub(r"^ {3}", "", found[1], flags=re.MULTILINE)
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, "redirect.py", "exec", dont_inherit=True), namespace)
    kind: FaultKind = namespace["Redirect"](status=307)
    assert [row.name for row in parameters_of(type(kind))] == ["status"]
    ranks = [other.RANK for other in FAULT_KINDS.values()]
    assert kind.RANK not in ranks
    fault = Fault("cue", kind)
    answer = Answer(307, headers=((b"location", b"/"),))
    assert choose_course([(fault, a_draw())], an_ask()) == Course(("cue",), 0, answer)


def test_the_files_that_the_how_to_names_are_there() -> None:
    names = set(re.findall(r"`((?:stubs|tests)/[\w/]+\.py)`", HOW_TO))
    assert [name for name in sorted(names) if not (DOCS.parent / name).is_file()] == []
