from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import orjson
import pytest

from scorecard.files import AppendFile, Losses, Timeline, read_timeline, rfc3339, write_json

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
SURGE_NS = 1_584_264_600_250_000_000


class ScriptedDisk:
    """Stands in for os.write: takes `room` bytes, then is full until there is room again."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, file: int, data: memoryview) -> int:
        if not self.room:
            raise FULL
        taken = self._write(file, data[: self.room])
        self.room -= taken
        return taken


class TestWriteJson:
    def test_replaces_the_whole_file(self, tmp_path: Path) -> None:
        path, losses = tmp_path / "scorecard.json", Losses()
        assert write_json(path, {"a": np.int64(1)}, losses)
        assert write_json(path, {"b": None}, losses)
        assert path.read_text() == '{\n  "b": null\n}\n'
        assert [file.name for file in tmp_path.iterdir()] == ["scorecard.json"]
        assert not losses
        assert losses.describe() is None

    def test_a_full_disk_keeps_the_old_file_and_leaves_no_rubbish(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, losses = tmp_path / "scorecard.json", Losses()
        write_json(path, {"a": 1}, losses)

        def replace(_self: Path, _target: Path) -> None:
            raise FULL

        monkeypatch.setattr(Path, "replace", replace)
        assert not write_json(path, {"a": 2}, losses)
        assert orjson.loads(path.read_bytes()) == {"a": 1}
        assert [file.name for file in tmp_path.iterdir()] == ["scorecard.json"]

    def test_a_folder_that_is_gone_is_told_once_and_counted(self, tmp_path: Path) -> None:
        said: list[str] = []
        losses = Losses(said.append)
        path = tmp_path / "gone" / "scorecard.json"
        assert not write_json(path, {}, losses)
        assert not write_json(path, {}, losses)
        sentence = f"cannot write {path}: No such file or directory; the run goes on without it"
        assert said == [sentence]
        assert losses.first == sentence
        assert losses.describe() == (f"not everything was written (scorecard.json: 2); {sentence}")


class TestAppendFile:
    def test_keeps_records_whole_when_the_disk_fills_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        disk = ScriptedDisk(room=10)
        monkeypatch.setattr(os, "write", disk.write)
        path, losses = tmp_path / "rows", Losses()
        with AppendFile(path, "outcomes", losses) as file:
            assert file.append(b"12345678")
            assert not file.append(b"abcdefgh", 2)
            assert path.read_bytes() == b"12345678"
            disk.room = 100
            assert file.append(b"ABCDEFGH")
        assert path.read_bytes() == b"12345678ABCDEFGH"
        assert losses.counts == {"outcomes": 2}

    def test_appends_to_what_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "rows"
        path.write_bytes(b"1")
        with AppendFile(path, "outcomes", Losses()) as file:
            file.append(b"2")
            file.close()
            file.append(b"3")
        assert path.read_bytes() == b"123"

    def test_a_path_that_cannot_be_opened_loses_records_not_the_run(self, tmp_path: Path) -> None:
        losses = Losses()
        with AppendFile(tmp_path, "outcomes", losses) as file:
            assert not file.append(b"1", 7)
        assert losses.counts == {"outcomes": 7}
        assert "Is a directory" in str(losses.first)


class TestTimeline:
    def test_an_event_a_line(self, tmp_path: Path) -> None:
        path = tmp_path / "timeline.ndjson"
        with Timeline(path, lambda: SURGE_NS, Losses()) as timeline:
            assert timeline.append(0.0, "state", state="running")
            assert timeline.append(1.23456, "interrupted")
        wall = "2020-03-15T09:30:00.250Z"
        assert read_timeline(path) == [
            {"t_s": 0.0, "wall": wall, "event": "state", "state": "running"},
            {"t_s": 1.235, "wall": wall, "event": "interrupted"},
        ]

    def test_a_line_left_half_by_a_killed_process_is_passed_over(self, tmp_path: Path) -> None:
        path = tmp_path / "timeline.ndjson"
        path.write_bytes(b'{"event": "state"}\n\n[1]\n{"event": "inter')
        assert read_timeline(path) == [{"event": "state"}]


@pytest.mark.parametrize(
    ("wall_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (SURGE_NS, "2020-03-15T09:30:00.250Z"),
        (SURGE_NS + 749_999_999, "2020-03-15T09:30:00.999Z"),
    ],
)
def test_rfc3339(wall_ns: int, text: str) -> None:
    assert rfc3339(wall_ns) == text
