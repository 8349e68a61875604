from __future__ import annotations

from pathlib import Path

import pytest

from replay.building import twins
from replay.building.compile import build_tape
from replay.building.twins import find_twins, is_told_by_time
from replay.readers.formats import find_format
from replay.readers.head import Head
from replay.readers.source import TraceFile

TIMED = '{"ts": 1584273600000000000, "method": "GET", "url": "/a"}\n'
LATER = '{"ts": 1584273601000000000, "method": "GET", "url": "/a"}\n'
DELAYED = '{"delay": 10, "method": "GET", "url": "/a"}\n'


def test_only_the_same_bytes_are_twins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(twins, "_START_BYTES", 2)
    contents = ["aab", "aac", "aab", "", "", "bbb", "aac", "aab", "aabb"]
    files = []
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_text(content)
        files.append(TraceFile(tmp_path / str(number), str(number)))
    assert find_twins(files) == {2: 0, 7: 0, 6: 1}
    assert find_twins([*files[:1], TraceFile(tmp_path / "none", "none")]) == {}


@pytest.mark.parametrize(
    ("name", "head", "told"),
    [
        ("ops", TIMED, True),
        ("ops", DELAYED, False),
        ("ops", '{"ts": 5, "delay": 1}', False),
        ("combined", "x", True),
        ("vegeta_targets", "GET http://x/", False),
    ],
)
def test_entries_that_have_times_are_told_apart_by_them(name: str, head: str, told: bool) -> None:
    assert is_told_by_time(find_format(name), Head(head.encode())) is told


def test_a_file_that_is_there_twice_is_played_once(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_text(TIMED + LATER + "[]\n")
    (folder / "b").write_text(TIMED + LATER + "[]\n")
    (folder / "c").write_text(LATER)
    account = build_tape([folder], tmp_path / "tape").account
    assert (account.entries, account.used) == (7, 3)
    assert account.skipped == {"in a duplicate file": 3, "not an object": 1}
    assert "b is a again, byte for byte: it was left out" in account.notes
    assert [source.path for source in account.sources] == ["a", "b", "c"]


def test_equal_events_with_delays_are_all_played(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(DELAYED)
    info = build_tape([folder], tmp_path / "tape")
    assert (info.account.used, info.seconds) == (3, 0.02)


def test_a_file_that_is_named_twice_is_played_once(tmp_path: Path) -> None:
    log = tmp_path / "x"
    log.write_text(TIMED)
    account = build_tape([log, log], tmp_path / "tape").account
    assert (account.used, account.skipped) == (1, {"in a duplicate file": 1})
