"""Mode files that are none: nothing is written over, and what is wrong is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from switchboard.mode import FileMode, ModeError

RULES = "routes:\n" + "  - {host: a.hms.example, stub: ach}\n" * 40


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_what_is_no_mode_file_is_not_written_over(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "switchboard.yml"
    path.write_text(RULES)
    cell = FileMode(path)
    with pytest.raises(ModeError, match="something else than a mode"):
        cell.flip("live" if mode == "live" else "sandbox", why="a slip")
    assert path.read_text() == RULES
    assert cell.read() == "sandbox"


def test_a_damaged_mode_file_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "a.mode"
    path.write_text("liveliveliv")
    cell = FileMode(path)
    assert cell.read() == "sandbox"
    cell.flip("sandbox", why="mend it")
    assert path.read_text().strip() == "sandbox"


@pytest.mark.parametrize("name", ["/", ".", "", "a\0b"])
def test_what_cannot_be_a_file_is_named(name: str) -> None:
    with pytest.raises(ModeError, match="no name of a mode file"):
        FileMode(name)
