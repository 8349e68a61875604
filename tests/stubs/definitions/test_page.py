"""docs/service-definitions.md keeps up: every key, operator and name, and an example that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scenarios import yaml_lines
from stubs.definitions import json_path, patterns, pieces, reader, route_reader, sandbox, schema
from stubs.definitions.answers import ANSWER_KEYS
from stubs.definitions.callbacks import CALLBACK_KEYS, MAX_CALLBACKS
from stubs.definitions.fake import FAKE_NAMES
from stubs.definitions.filters import FILTERS, TESTS
from stubs.definitions.matchers import LIMITS, OPERATORS
from stubs.definitions.names import NOW_NAMES, REQUEST_NAMES, ROOTS
from stubs.definitions.parts import NAMED_PARTS, PLAIN_PARTS, SESSION_COOKIES
from stubs.definitions.states import HISTORY, MAX_VALUE_BYTES
from stubs.definitions.templates import MAX_TEMPLATES
from stubs.definitions.view import MAX_FIELDS
from stubs.definitions.when import BODY_OPERATORS, JSON_OPERATORS, WHEN_KEYS
from stubs.definitions.work import CHARS_A_STEP, MAX_STEPS
from stubs.service import REMEMBERED
from tests.stubs.definitions.defining import asked, body_of, define

PAGE = (Path(__file__).parents[3] / "docs/service-definitions.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading; the beginning of the page for ""."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return parts[0] if not title else parts[parts.index(title) + 1]


def words_of(text: str) -> set[str]:
    """What stands between backticks: `fake.number(low, high)` is `fake.number`."""
    found = re.findall(r"`([^`\n]+)`", text)
    return {each.partition("(")[0] for each in found}


WRITTEN = [
    ("", reader.SERVICE_KEYS),
    ("State", reader.STATE_KEYS),
    ("Routes", (*route_reader.ROUTE_KEYS, *route_reader.VALIDATE_KEYS, *route_reader.CHANCE_KEYS)),
    ("Matching", (*WHEN_KEYS, *OPERATORS, *LIMITS, *JSON_OPERATORS, *schema.FORMATS)),
    ("Keys", (*PLAIN_PARTS, *SESSION_COOKIES)),
    ("Answers", (*ANSWER_KEYS, "times")),
    ("Callbacks", CALLBACK_KEYS),
    ("Templates", (*sandbox.TAGS, *FILTERS, *TESTS)),
    ("Templates", (*sandbox.TEXT_METHODS, *sandbox.MAPPING_METHODS)),
    ("Templates", [f"loop.{name}" for name in sandbox.LOOP_NAMES]),
    ("Templates", [f"request.{name}" for name in REQUEST_NAMES]),
    ("Templates", ["now", *(f"now.{name}" for name in NOW_NAMES)]),
    ("Templates", [f"fake.{name}" for name in FAKE_NAMES]),
]


@pytest.mark.parametrize(("title", "words"), WRITTEN)
def test_every_key_operator_and_name_is_written_down(title: str, words: list[str]) -> None:
    assert set(words) - words_of(section(title)) == set()


def test_every_part_and_root_is_written_down() -> None:
    parts = {word.partition(".")[0] for word in words_of(section("Keys"))}
    assert set(NAMED_PARTS) - parts == set()
    roots = {word.partition(".")[0] for word in words_of(section("Templates"))}
    assert set(ROOTS) - roots == set()
    assert set(BODY_OPERATORS) <= set(OPERATORS)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Limits", f"{yaml_lines.MAX_CHARS // 1024} KiB of text, {yaml_lines.MAX_VALUES:,} values "
         f"and {yaml_lines.MAX_DEPTH} levels"),
        ("Limits", f"a key has {yaml_lines.MAX_KEY_CHARS} characters"),
        ("Limits", f"{reader.MAX_ROUTES:,} routes, {reader.MAX_MACHINES} states"),
        ("Limits", f"{reader.MAX_HOSTS} hosts, {reader.MAX_VALUES:,} values"),
        ("Limits", f"{reader.MAX_DEPTH} levels"),
        ("Limits", f"{route_reader.MAX_PATH_CHARS:,} characters"),
        ("Limits", f"{route_reader.MAX_ANSWERS:,} answers, each {route_reader.MAX_TIMES:,} times"),
        ("Limits", f"{patterns.MAX_PATTERN_CHARS:,} characters; counts in braces that multiply to "
         f"{patterns.MAX_REPEATS:,}; {patterns.TIMEOUT_S * 1000:.0f} ms"),
        ("Limits", f"{json_path.MAX_PATH_CHARS} characters"),
        ("Limits", f"{schema.MAX_SCHEMA_VALUES:,} values; {schema.MAX_CHECKS:,} checks"),
        ("Limits", f"{pieces.MAX_BODY_BYTES // 2**20} MiB as written, 8,000 characters, "
         f"{pieces.MAX_HEADERS}"),
        ("Limits", f"{MAX_CALLBACKS}, each within a year"),
        ("Limits", f"{sandbox.MAX_TEMPLATE_CHARS:,} characters, {sandbox.MAX_DEPTH} levels, "
         f"{sandbox.MAX_NESTED_LOOPS} loops"),
        ("Limits", f"{MAX_TEMPLATES:,}, and together {MAX_STEPS:,} steps"),
        ("Limits", f"so are {CHARS_A_STEP} characters"),
        ("Limits", f"cookie fields | {MAX_FIELDS:,}"),
        ("Matching", f"{json_path.MAX_VALUES:,} values"),
        ("Matching", f"more than {patterns.TIMEOUT_S * 1000:.0f} ms"),
        ("Matching", f"{schema.MAX_CHECKS:,} checks"),
        ("Routes", f"up to {route_reader.PRIORITIES[-1]}"),
        ("State", f"{MAX_VALUE_BYTES:,} bytes"),
        ("State", f"{REMEMBERED:,} keys"),
        ("State", f"last {HISTORY} changes"),
    ],
)  # fmt: skip
def test_every_limit_is_the_one_that_holds(title: str, text: str) -> None:
    assert text in " ".join(section(title).split())


def test_the_example_works() -> None:
    example = re.search(r"```yaml\n(.+?)```", PAGE, flags=re.DOTALL)
    assert example is not None
    service = define(example[1])
    made = service.routes[0].handler(asked({"citizen": "C-1"}))
    assert made.status == 201
    card = {"card": body_of(made)["card"]}
    approve, show = service.routes[1], service.routes[2]
    assert body_of(show.handler(asked(params=card)))["status"] == "applied"
    assert approve.accepts is not None
    assert approve.accepts(asked(params=card))
    approved = approve.handler(asked(params=card))
    assert body_of(approved) == {"status": "approved"}
    assert [callback.after_ms for callback in approved.callbacks] == [2_000]
    assert not approve.accepts(asked(params=card))
    assert body_of(show.handler(asked(params=card)))["status"] == "approved"
