"""The documentation keeps up with the product: options, links, words, versions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import hms_esr
from hms_esr.bundled import bundled_services
from hms_esr.cli import app, replay_app
from replay.readers.formats import FORMATS
from replay.tape import BLOB, COLUMNS, USER_NAMES, column_file

ROOT = Path(__file__).parents[1]
CLI_PAGE = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
PACKAGES = ("hms_esr", "proxy", "replay", "scenarios", "scorecard", "stubs", "switchboard", "bench")
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("scenarios/**/*.md"))
)

# Sub-commands and options are the same words to typer and to click; its objects are of type Any
# here, because the tree is walked without caring which of the two made a node.
Node = Any


def walk(command: Node, path: str) -> Iterator[tuple[str, Node]]:
    """A command and everything below it: (`esr runs show`, command)."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, f"{path} {name}")


def options_of(command: Node) -> list[str]:
    """Every way to write each option of a command."""
    return [
        spelling
        for parameter in command.params
        if parameter.param_type_name == "option"
        for spelling in (*parameter.opts, *parameter.secondary_opts)
    ]


COMMANDS = [
    *walk(typer.main.get_command(app), "esr"),
    *walk(typer.main.get_command(replay_app), "esr-replay"),
]
OPTIONS = sorted({(path, option) for path, command in COMMANDS for option in options_of(command)})


def section_of(path: str) -> str:
    """Where an option of that command is documented: its own section, or the one that it is of.

    `esr-replay` and `esr start` are `esr replay`; options of `esr` itself may be anywhere.
    """
    heading = {"esr-replay": "esr replay", "esr start": "esr replay"}.get(path, path)
    if heading == "esr":
        return CLI_PAGE
    found = re.search(
        rf"^## {heading}\b(?! [a-z]).*?(?=^## |\Z)", CLI_PAGE, re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/cli.md has no section `## {heading}`"
    return found[0]


def test_the_walk_sees_the_whole_tree() -> None:
    paths = {path for path, _ in COMMANDS}
    assert {"esr", "esr replay", "esr plan", "esr runs", "esr runs show", "esr-replay"} <= paths
    assert ("esr replay", "--speed") in OPTIONS
    assert {option for path, option in OPTIONS if path == "esr replay"} == {
        option for path, option in OPTIONS if path == "esr-replay"
    }


@pytest.mark.parametrize("path", [path for path, _ in COMMANDS])
def test_every_command_has_a_section(path: str) -> None:
    assert section_of(path)


@pytest.mark.parametrize(("path", "option"), OPTIONS)
def test_every_option_is_documented(path: str, option: str) -> None:
    assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", section_of(path)), (
        f"{path} {option}"
    )


def test_no_option_is_documented_that_is_not_there() -> None:
    known = {option for _, option in OPTIONS} | {"--help"}
    assert set(re.findall(r"`(--[a-z-]+)", CLI_PAGE)) <= known


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = without_code(page.read_text(encoding="utf-8"))
        for target in re.findall(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)", text):
            if "://" not in target and not target.startswith("mailto:"):
                yield page, target


@pytest.mark.parametrize(
    ("page", "target"),
    [pytest.param(page, to, id=f"{page.relative_to(ROOT)} {to}") for page, to in links()],
)
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    there = (page.parent / name).resolve() if name else page
    assert there.exists()
    assert there.is_relative_to(ROOT)
    if anchor and there.suffix == ".md":
        assert anchor in anchors_of(there)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_page_that_the_code_points_to_is_there(package: str) -> None:
    named = {
        (file.relative_to(ROOT).as_posix(), page)
        for file in (ROOT / package).rglob("*.py")
        for page in re.findall(r"docs/[\w/-]+\.\w+", file.read_text(encoding="utf-8"))
    }
    assert [each for each in sorted(named) if not (ROOT / each[1]).is_file()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"]({page})" not in index] == []


def test_every_decision_is_numbered_and_listed() -> None:
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    notes = sorted(page for page in folder.glob("*.md") if page.name != "README.md")
    for number, note in enumerate(notes, start=1):
        title = note.read_text(encoding="utf-8").splitlines()[0]
        assert note.name.startswith(f"{number:04}-")
        assert title == f"# {number}. " + title.partition(". ")[2]
        assert f"{number}. [{title.partition('. ')[2]}" in index
        assert f"({note.name})" in index


GLOSSARY_WORDS = (
    "trace", "tape", "session", "due", "lag", "service time", "response time", "scenario", "run",
    "target environment", "route", "stub", "fault", "chaos event", "probe", "outcome", "scorecard",
    "report card", "certificate", "guard", "interlock", "deck", "ready", "starting", "running",
    "paused", "done", "failed", "aborted", "pass", "fail", "void", "rules", "door", "gateway",
    "interceptor", "destination", "mode", "seal", "canary", "ledger", "definition", "journal",
    "callback", "touched", "drill", "hypothesis", "baseline", "blame", "attempt", "link",
    "leak gate", "finding",
    "pseudonym", "policy",
)  # fmt: skip


@pytest.mark.parametrize("word", GLOSSARY_WORDS)
def test_the_glossary_has_every_word_once(word: str) -> None:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert text.count(f"**{word}**:") == 1


@pytest.mark.parametrize("file", [*map(column_file, COLUMNS), BLOB, USER_NAMES])
def test_every_file_of_a_tape_is_documented(file: str) -> None:
    assert f"\n| `{file}` |" in (ROOT / "docs/tape.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_every_trace_format_is_named_on_the_command_lines_page(name: str) -> None:
    assert f"`{name}`" in CLI_PAGE


def test_every_stub_is_documented() -> None:
    page = (ROOT / "docs/stubs.md").read_text(encoding="utf-8")
    routes = [
        f"`{r.method} {r.template}`" for service in bundled_services() for r in service.routes
    ]
    assert [route for route in routes if route not in page] == []


def test_the_changelog_has_room_for_what_comes_next() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_there_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == hms_esr.__version__


def test_the_picture_is_sound_and_has_both_modes() -> None:
    picture = (ROOT / "docs/architecture.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg ")
    assert "prefers-color-scheme: dark" in picture
    assert "<title" in picture
    assert "<desc" in picture
