"""A recording stays within its limits, and no line of it is ever half."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from proxy.rotation import RecordingError, RotatingFile, part_numbers, part_path
from replay.readers.source import natural_key


def test_a_full_file_gets_the_next_number_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    file = RotatingFile(path, max_bytes=10, max_files=3)
    for number in range(5):
        file.append(b"line-%d\n" % number)
    file.close()
    names = sorted((each.name for each in tmp_path.iterdir()), key=natural_key)
    assert names == ["day.3.ndjson", "day.4.ndjson", "day.ndjson"]
    assert [(tmp_path / name).read_bytes() for name in names] == [
        b"line-2\n", b"line-3\n", b"line-4\n",
    ]  # fmt: skip
    assert (file.rotations, file.removed) == (4, 2)


def test_the_natural_order_of_names_is_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    parts = [part_path(path, number) for number in (1, 2, 9, 10, 11)]
    names = [each.name for each in (*parts, path)]
    assert sorted(names, key=natural_key) == names


@pytest.mark.parametrize("max_files", [1, 2])
def test_few_files_are_few(tmp_path: Path, max_files: int) -> None:
    file = RotatingFile(tmp_path / "day", max_bytes=1, max_files=max_files)
    for _ in range(4):
        file.append(b"line\n")
    file.close()
    assert len(list(tmp_path.iterdir())) == max_files


def test_a_line_longer_than_a_file_is_written_whole(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "day.ndjson", max_bytes=4, max_files=9)
    file.append(b"much too long\n")
    file.close()
    assert (tmp_path / "day.ndjson").read_bytes() == b"much too long\n"


def test_it_goes_on_after_a_kill_and_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    path.write_bytes(b'{"whole":1}\n{"tor')
    part_path(path, 7).touch()
    file = RotatingFile(path, max_bytes=24, max_files=9)
    file.append(b"a\n")
    assert path.read_bytes() == b'{"whole":1}\n{"tor\na\n'
    file.append(b"bbbbbbbb\n")
    file.close()
    assert part_numbers(path) == [7, 8]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    file = RotatingFile(path, max_bytes=99, max_files=9)
    file.append(b"one\n")
    path.rename(tmp_path / "elsewhere")
    file.append(b"two\n")
    path.unlink()
    file.append(b"three\n")
    file.close()
    assert path.read_bytes() == b"three\n"


def test_a_full_disk_takes_a_line_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "day.ndjson"
    file = RotatingFile(path, max_bytes=99, max_files=9)
    file.append(b"one\n")
    really = os.write
    room = [3]

    def write(descriptor: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = really(descriptor, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        file.append(b"lost\n")
    assert path.read_bytes() == b"one\n"
    room[0] = 99
    file.append(b"two\n")
    file.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    RotatingFile(tmp_path / "day.ndjson", 9, 9).close()
    assert (tmp_path / "day.ndjson").stat().st_mode & 0o777 == 0o600


def test_what_is_no_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none" / "day.ndjson", tmp_path / "pipe"):
        with pytest.raises(RecordingError, match=f"cannot record into {path}: "):
            RotatingFile(path, 9, 9)
