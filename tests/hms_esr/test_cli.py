"""The thin command line: optional values are spelled out, and bad input is one sentence."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from hms_esr.cli import app, spell_out


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        (["a", "--loop"], ["a", "--loop=forever"]),
        (["a", "--loop", "3"], ["a", "--loop", "3"]),
        (["--loop", "a"], ["--loop=forever", "a"]),
        (["a", "--loop", "--speed", "2x"], ["a", "--loop=forever", "--speed", "2x"]),
        (["a", "--loop=2"], ["a", "--loop=2"]),
        (["a", "--serve"], ["a", "--serve=127.0.0.1:8420"]),
        (["a", "--serve", "9000"], ["a", "--serve", "9000"]),
        (["a", "--serve", "127.0.0.1:9000"], ["a", "--serve", "127.0.0.1:9000"]),
        (["a", "--serve", "[::1]:9000"], ["a", "--serve", "[::1]:9000"]),
        (["--serve", "stimulus_2020"], ["--serve=127.0.0.1:8420", "stimulus_2020"]),
    ],
)
def test_optional_values_are_spelled_out(given: list[str], spelled: list[str]) -> None:
    assert spell_out(given) == spelled


@pytest.mark.parametrize("group", ["", "stubs", "drill", "chaos", "switchboard", "runs"])
def test_a_list_of_commands_says_whole_sentences(group: str) -> None:
    """Whoever reads it first learns what each command does, not how its sentence begins."""
    told = CliRunner().invoke(app, [*group.split(), "--help"], env={"COLUMNS": "80"}).output
    commands = told.partition("Commands:\n")[2].rstrip().splitlines()
    assert len(commands) > 1
    cut = [line for line in commands if not re.fullmatch(r"  [a-z]+ +[^ ].*\.", line)]
    assert cut + [line for line in commands if line.endswith("...")] == []
