from __future__ import annotations

from pathlib import Path

import pytest

from replay.account import Tally
from replay.building import people
from replay.building.people import Names, read_names
from replay.building.rows import Rows
from replay.tape import TapeWriter


def test_no_client_reaches_the_disk(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "tape") as writer:
        rows = Rows(writer, Tally())
        rows.add_request(1, 1, "GET", "", "/", None, None, None, "", b"", None, None, "203.0.113.9")
        rows.close()
        files = [path.read_bytes() for path in writer.path.iterdir()]
    assert any(files)
    assert not any(b"203.0.113.9" in data for data in files)


def test_a_name_is_one_key_however_often_the_cache_was_emptied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(people, "CACHED", 2)
    names = Names()
    keys = [names.users.get(text) or names.new_user(text) for text in "abcabc"]
    assert keys[:3] == keys[3:]
    assert len(set(keys)) == 3
    assert len(names.users) <= 2
    with TapeWriter(tmp_path / "tape") as writer:
        names.spill(writer, everything=True)
        writer.close_files()
        found = [key for part, _ in read_names(writer.path, 2) for key in part.tolist()]
    assert found == keys


def test_equal_texts_of_two_kinds_are_two_users() -> None:
    names = Names()
    assert names.new_user("x") != names.new_session("x")
