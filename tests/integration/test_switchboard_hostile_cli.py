"""The switchboard's commands where a terminal, a folder or an argument is not what it should be."""

from __future__ import annotations

from pathlib import Path

from tests.integration.esr import BIN, esr

RULES = "routes:\n  - {host: a.hms.example, stub: ach}\n"


def test_a_terminal_of_no_width_is_still_told(tmp_path: Path) -> None:
    (tmp_path / "switchboard.yml").write_text(RULES)
    ran = esr(tmp_path, "switchboard", "check", env={"COLUMNS": "0"})
    assert (ran.code, ran.err) == (0, "")
    assert "sound" in ran.out


def test_a_mode_file_without_a_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "switchboard.yml").write_text(RULES)
    ran = esr(tmp_path, "switchboard", "show", "--mode-file", "/")
    assert ran.code == 2
    assert ran.err == "esr: / is no name of a mode file: name one such as a.mode\n"


def test_a_flip_does_not_write_over_the_rules(tmp_path: Path) -> None:
    text = RULES + "# notes for people\n" * 80
    (tmp_path / "switchboard.yml").write_text(text)
    ran = esr(tmp_path, "switchboard", "sandbox", "--mode-file", "switchboard.yml")
    assert ran.code == 2
    assert "something else than a mode" in ran.err
    assert (tmp_path / "switchboard.yml").read_text() == text


def test_a_folder_that_is_gone_is_said_in_words(tmp_path: Path) -> None:
    for words in (["gateway", "--listen", "127.0.0.1:0"], ["contain", "--", "true"]):
        gone = tmp_path / "gone"
        gone.mkdir()
        script = f"rmdir {gone} && exec {' '.join([_esr(), *words])}"
        ran = esr(gone, "-c", script, script="/bin/sh")
        assert ran.code == 2
        assert "the working directory cannot be used" in ran.err
        assert len(ran.err.splitlines()) == 1


def _esr() -> str:
    return str(BIN / "esr")


def test_a_recording_that_cannot_be_is_no_matter_of_the_jail(tmp_path: Path) -> None:
    (tmp_path / "switchboard.yml").write_text(RULES)
    ran = esr(tmp_path, "contain", "--record", "none/x.ndjson", "--", "true")
    assert ran.code == 2
    assert ran.err.startswith("esr: --record ")
