"""When edited definitions are read: once they are settled, and once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stubs.reload import MAX_FILES, Look, Watch, definition_files, look_at

A: Look = {"a.yml": (1, 10, 5)}
EDITED: Look = {"a.yml": (2, 10, 5)}
EDITED_MORE: Look = {"a.yml": (3, 11, 5)}
REPLACED: Look = {"a.yml": (1, 10, 6)}
BOTH: Look = {**A, "b.yml": (1, 1, 1)}


@pytest.mark.parametrize(
    ("looks", "read_at"),
    [
        pytest.param([A, A, A], [], id="nothing happens"),
        pytest.param([A, EDITED, EDITED, EDITED], [2], id="an edit, once it is settled"),
        pytest.param([A, EDITED, EDITED_MORE, EDITED_MORE], [3], id="written in two goes"),
        pytest.param([A, EDITED, A, A], [], id="taken back at once"),
        pytest.param([A, EDITED, EDITED, A, A], [2, 4], id="taken back later"),
        pytest.param([REPLACED, REPLACED], [1], id="another file of the same age and size"),
        pytest.param([BOTH, BOTH, A, A], [1, 3], id="one comes and goes"),
        pytest.param([{}, {}], [1], id="all are gone"),
    ],
)
def test_a_settled_edit_is_read_once(looks: list[Look], read_at: list[int]) -> None:
    watch = Watch(A, A)
    read = []
    for number, look in enumerate(looks):
        watch, is_due = watch.decide(look)
        if is_due:
            read.append(number)
    assert read == read_at


def test_only_definitions_are_looked_at(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yaml", ".c.yml", "d.txt", "e.yml~"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in definition_files(tmp_path)] == ["a.yaml", "b.yml"]
    assert definition_files(tmp_path / "none") == []
    assert definition_files(tmp_path / "d.txt") == []


def test_a_look_sees_what_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("one")
    before = look_at([str(tmp_path), str(tmp_path / "none")])
    assert look_at([str(tmp_path)]) == before
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert look_at([str(tmp_path)]) != before


def test_a_link_to_nowhere_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "none")
    assert look_at([str(tmp_path)]) == {}


def test_a_folder_of_very_many_files_is_not_looked_at_for_long(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 5):
        (tmp_path / f"{number:05}.yml").touch()
    assert len(look_at([str(tmp_path)])) == MAX_FILES
