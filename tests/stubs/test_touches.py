from __future__ import annotations

import os
from pathlib import Path

import pytest

from stubs.touches import ROW, TouchLog


def rows_of(path: Path) -> list[tuple[int, ...]]:
    return list(ROW.iter_unpack(path.read_bytes()))


def test_a_row_is_on_disk_at_once_for_each_fault(tmp_path: Path) -> None:
    log = TouchLog(tmp_path / "touches.rows")
    log.add(7, 1234.5, (3, 1), 0)
    log.add(2**64 - 1, -5.0, (65_535,), 300)
    assert rows_of(tmp_path / "touches.rows") == [
        (7, 1_234_500, 3, 0, 0),
        (7, 1_234_500, 1, 0, 0),
        (2**64 - 1, -5_000, 65_535, 255, 0),
    ]
    log.close()


def test_nobody_else_can_read_it_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "touches.rows"
    for number in (1, 2):
        log = TouchLog(path)
        log.add(number, 0.0, (0,), 0)
        log.close()
    assert [row[0] for row in rows_of(path)] == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_row_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    log = TouchLog(Path("/dev/full"))
    log.add(1, 0.0, (0,), 0)
    log.add(1, 0.0, (0, 1), 0)
    assert log.lost == 2
    log.close()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(2)):
        TouchLog(tmp_path / "gone" / "touches.rows")
