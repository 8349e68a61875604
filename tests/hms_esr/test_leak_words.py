"""The way out of a refusal can be pasted as it is, and holds no secret."""

from __future__ import annotations

import os
import subprocess

import pytest

from hms_esr.leak_words import choose_way_out, quote, refuse
from replay.anonymise.anonymiser import Anonymise
from replay.anonymise.policy import BUILT_IN
from replay.gate.findings import Findings
from replay.treatment import Treatment

PLAIN = Treatment()


@pytest.mark.parametrize(
    ("command", "way_out"),
    [
        (("/usr/bin/esr", "trace", "import", "a.log"), "esr trace import a.log --anonymise"),
        (("esr", "trace", "import", "it's $x.log"),
         "esr trace import 'it'\"'\"'s $x.log' --anonymise"),
        (("esr", "tape", "build", "--", "-a.log"), "esr tape build --anonymise -- -a.log"),
        (("esr", "plan", "a\nb.log"), r"esr plan $'a\x0ab.log' --anonymise"),
        (("/x/hms_esr/__main__.py", "plan", "a.log"), "esr plan a.log --anonymise"),
        (("esr-replay", "drill"), "esr-replay drill --anonymise"),
    ],
)  # fmt: skip
def test_what_was_typed_with_one_word_more(command: tuple[str, ...], way_out: str) -> None:
    assert choose_way_out(command, PLAIN) == f"clean it on the way with: {way_out}"


def test_commands_without_the_option_take_it_from_the_scenario() -> None:
    for command in (("esr", "drill", "run", "x"), ("/usr/bin/pytest", "tests")):
        assert choose_way_out(command, PLAIN) == "put `anonymise: true` into the scenario"


def test_what_is_anonymised_already_needs_another_policy() -> None:
    treatment = Treatment(anonymise=Anonymise(b"k" * 16, BUILT_IN))
    assert "policy" in choose_way_out(("esr-replay", "a.log", "--policy", "p.yml"), treatment)


def test_an_address_with_secrets_is_not_repeated() -> None:
    said = choose_way_out(("esr-replay", "https://bob:hunter2@host/a?sig=T0P"), PLAIN)
    assert said.endswith("the same command with --anonymise")


def test_a_shell_gives_back_what_was_quoted() -> None:
    words = ["a b", "it's", "a\nb", "\x1b[31m'\\", os.fsdecode(b"\xff\xfe1"), "\u2028f", "$(x)", ""]
    assert all(quote(word).isprintable() for word in words)
    line = f"printf '%s\\0' {' '.join(map(quote, words))}"
    printed = subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout
    assert printed.split(b"\0")[:-1] == [os.fsencode(word) for word in words]


def test_the_sentence_counts_and_names_the_first() -> None:
    findings = Findings()
    for line in (7, 9):
        findings.add("a\x1b.log", line, "url.query.ssn", "ssn", "***")
    error = refuse(findings, "nothing is written", "do this")
    assert "2 values could belong" in str(error)
    assert "a\ufffd.log:7 url.query.ssn" in str(error)
    assert str(error).endswith("; do this")
    assert error.exit_code == 97
