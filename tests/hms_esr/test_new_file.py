"""A file appears whole or not at all, and nobody else can read what is not ready."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hms_esr.new_file import NewFile


@pytest.fixture(name="has_nameless", params=[True, False], ids=["nameless", "beside"], autouse=True)
def has_nameless_fixture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways: with files that have no name, and as where there are none."""
    if not request.param:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return bool(request.param)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_appears_whole(tmp_path: Path) -> None:
    place = tmp_path / "x"
    with NewFile(place) as new:
        new.file.write(b"all of it")
        assert not place.exists()
        new.appear()
    assert place.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [place]


def test_without_appearing_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / "x"
    place.write_bytes(b"old")
    with NewFile(place) as new:
        new.file.write(b"half")
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_what_is_not_ready_is_its_owners(tmp_path: Path, has_nameless: bool) -> None:
    with NewFile(tmp_path / "x") as new:
        assert stat.S_IMODE(os.fstat(new.file.fileno()).st_mode) == 0o600
        # A kill now would leave what is here now.
        assert len(list(tmp_path.iterdir())) == (
            0 if has_nameless and hasattr(os, "O_TMPFILE") else 1
        )


def test_it_may_be_read_by_whoever_could_read_what_stood_there(tmp_path: Path) -> None:
    private, fresh, usual = (tmp_path / name for name in ("private", "fresh", "usual"))
    private.touch()
    private.chmod(0o640)
    usual.touch()
    for place in (private, fresh):
        with NewFile(place) as new:
            new.appear()
    assert mode_of(private) == 0o640
    assert mode_of(fresh) == mode_of(usual)


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NewFile(tmp_path / "nowhere" / "x")
