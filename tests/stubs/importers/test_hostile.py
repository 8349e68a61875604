"""Whatever JSON a file holds: a report, definitions that can be read, or one clear error."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.drill import parse_drill
from stubs.faults.reader import parse_faults
from stubs.importers.definition import Imported
from stubs.importers.formats import (
    FORMATS,
    IMPORTERS,
    TAPE,
    check_format,
    import_value,
    sniff_format,
)
from stubs.importers.learned import import_learned
from stubs.importers.report import LossReport, UnusableFileError
from tests.stubs.importers.imported import load_example, read_back

NAMES = {
    "openapi": "openapi.yml",
    "har": "shop.har",
    "wiremock": "wiremock.json",
    "hoverfly": "hoverfly.json",
    "mountebank": "mountebank.json",
    "chaos_toolkit": "chaos_toolkit.json",
}
EXAMPLES: dict[str, Any] = {name: load_example(file) for name, file in NAMES.items()}
EXAMPLES[TAPE] = {
    "routes": [
        {"service": "shop", "method": "GET", "template": "/a/{id}.json", "count": 2,
         "statuses": {"200": 1, "404": 1}, "waits_ms": [1, 2.5]},
    ]
}  # fmt: skip

ODD_TEXTS = [
    "", "{{ x }}", "{% for x in y %}", "(?:a+)+$", "(", "/{a}/{a}", "/x?y", "\0", "\ud800", "\n",
    "{{request.path.a}}", "${name}", "#/components/schemas/Seed", "$.a[?(@.b)]", "$", "GET", "a b",
    "https://production.example.com/x", "/__esr/health", "%2f..%2f", "9" * 400, "ünïcödé", "*",
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 1.5, 1e308, 10**400, float("nan"), float("inf"), 200, 99999])
    | st.floats()
    | st.sampled_from(ODD_TEXTS)
    | st.text(max_size=10)
)
JSON = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=4)
    | st.dictionaries(st.text(max_size=8) | st.sampled_from(["$ref", "type", "is"]), below,
                      max_size=4),
    max_leaves=12,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a value something can be put."""
    found = [path] if path else []
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, below in items:
        found += places(below, (*path, key))
    return found


PLACES = {name: places(value) for name, value in EXAMPLES.items()}


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with something else at one place, when that is still there."""
    changed = copy.deepcopy(value)
    here = changed
    try:
        for key in path[:-1]:
            here = here[key]
        here[path[-1]] = new
    except (KeyError, IndexError, TypeError):
        return value
    return changed


def check(format_name: str, value: Any) -> None:
    """Nothing but the importers' own error comes out, and what is written can be read."""
    report = LossReport("x", format_name)
    imported = Imported()
    with suppress(UnusableFileError):
        if format_name == TAPE:
            imported = import_learned(value, "x", report)
        else:
            imported = import_value(value, format_name, "x", report)
    assert sum(report.totals.values()) == sum(item.count for item in report.items)
    names = [read_back(service).name for service in imported.services]
    assert len(names) == len(set(names))
    parse_faults(list(imported.chaos), source="x", line_of=lambda _: None)
    if imported.drill is not None:
        parse_drill(imported.drill, "x")


@pytest.mark.parametrize("format_name", FORMATS)
@given(value=JSON)
def test_any_json(format_name: str, value: Any) -> None:
    check(format_name, value)


@pytest.mark.parametrize("format_name", FORMATS)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(data=st.data())
def test_an_example_with_anything_in_it(format_name: str, data: st.DataObject) -> None:
    """Two places of a good file hold something else."""
    value = EXAMPLES[format_name]
    for _ in range(2):
        place = data.draw(st.sampled_from(PLACES[format_name]))
        value = replaced(value, place, data.draw(JSON))
    check(format_name, value)


@given(value=JSON)
def test_sniffing_says_a_format_or_an_error(value: Any) -> None:
    with suppress(UnusableFileError):
        assert sniff_format(value) in IMPORTERS


@given(st.text())
def test_a_format_is_one_or_an_error(name: str) -> None:
    with suppress(UnusableFileError):
        assert check_format(name) in FORMATS


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_known_by_its_content(name: str) -> None:
    assert sniff_format(EXAMPLES[name]) == name
