"""Drills are found by id or by file, one's own before the bundled ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.drill_loader import (
    BUNDLED_DRILLS,
    MAX_BYTES,
    drill_files,
    find_drill,
    list_drills,
)
from switchboard.errors import ScenarioError

DRILL = """
id: {id}
title: One of one's own
scenario: stimulus_2020
hypothesis: {{error_pct: 1}}
chaos: [{{kind: down, target: ach, at: 9m, for: 2m}}]
"""
BUNDLED = (
    "ach_outage", "dns_failure", "ghost_commits", "quota_exhaustion", "slow_svc", "thundering_herd",
)  # fmt: skip


def write_drill(folder: Path, name: str, drill_id: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(DRILL.format(id=drill_id))
    return path


def test_six_drills_are_bundled() -> None:
    assert {found.id for found in drill_files(BUNDLED_DRILLS)} >= set(BUNDLED)
    assert all(found.id == found.path.stem for found in drill_files(BUNDLED_DRILLS))


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_drill_is_sound_and_teaches(name: str, tmp_path: Path) -> None:
    drill = find_drill(name, cwd=tmp_path)
    assert drill.scenario == "stimulus_2020"
    assert drill.speed == 60
    assert drill.duration_s == 1200
    assert drill.halt_when is not None
    assert drill.detections or name == "ghost_commits", "silent by its nature"
    assert len(drill.notes) > 200
    assert all(fault.for_ms is not None for fault in drill.chaos)


def test_ones_own_drill_hides_a_bundled_one(tmp_path: Path) -> None:
    write_drill(tmp_path / "drills", "mine.yml", "ach_outage")
    assert find_drill("ach_outage", cwd=tmp_path).title == "One of one's own"
    (found,) = [each for each in list_drills(tmp_path) if each.id == "ach_outage"]
    assert found.path == tmp_path / "drills" / "mine.yml"


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    write_drill(tmp_path / "else", "outage.yaml", "mine")
    assert find_drill("else/outage.yaml", cwd=tmp_path).id == "mine"
    assert find_drill(str(tmp_path / "else/outage.yaml"), cwd=Path("/")).id == "mine"


def test_a_clash_names_both_files(tmp_path: Path) -> None:
    write_drill(tmp_path / "drills", "a.yml", "twice")
    write_drill(tmp_path / "drills", "b.yml", "twice")
    with pytest.raises(ScenarioError, match=r"given twice, in drills/a\.yml and drills/b\.yml"):
        find_drill("twice", cwd=tmp_path)


def test_a_scenario_beside_its_drill_is_no_drill(tmp_path: Path) -> None:
    write_drill(tmp_path / "drills", "a.yml", "mine")
    (tmp_path / "drills" / "load.yml").write_text("id: load\nlog_path: load.ndjson\n")
    ids = [drill.id for drill in list_drills(tmp_path)]
    assert "mine" in ids
    assert "load" not in ids


def test_an_unknown_name_says_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="did you mean ach_outage"):
        find_drill("ach_outrage", cwd=tmp_path)
    with pytest.raises(ScenarioError, match=r"there are ach_outage, .*looked for in drills, "):
        find_drill("xyzzy", cwd=tmp_path)


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "a\x1b[2Jb"])
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="no drill is named"):
        find_drill(name, cwd=tmp_path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "drills"
    folder.mkdir()
    (folder / "latin.yml").write_bytes(b"id: x\ntitle: \xe9\n")
    (folder / "large.yml").write_bytes(b"#" * (MAX_BYTES + 1))
    (folder / "broken.yml").write_text("id: [")
    for name, words in [
        ("latin", r"drills/latin\.yml cannot be read: line 2: this is not UTF-8"),
        ("large", "is larger than 1,000,000 bytes"),
        ("broken", "this is not YAML"),
        ("gone.yml", r"gone\.yml cannot be read: No such file"),
        ("./drills", "it is no plain file"),
    ]:
        with pytest.raises(ScenarioError, match=words):
            find_drill(name, cwd=tmp_path)


def test_a_working_directory_without_drills_has_the_bundled_ones(tmp_path: Path) -> None:
    assert {found.id for found in list_drills(tmp_path)} >= set(BUNDLED)
