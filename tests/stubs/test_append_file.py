from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from stubs.append_file import AppendFile
from stubs.records import LedgerFile


def test_pieces_follow_one_another(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "a")
    file.append(b"one")
    file.append(b"two")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert file.lost == 0


def test_what_is_lost_is_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = AppendFile(tmp_path / "a")

    def no_room(descriptor: int, piece: bytes) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(os, "write", no_room)
        for _ in range(3):
            file.append(b"piece")
    assert file.lost == 3
    assert [record.getMessage() for record in caplog.records] == [
        "a cannot be written (No space left on device); what is lost is counted as `lost`"
    ]
    file.append(b"after")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"after"


def test_half_a_piece_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one width would all be shifted by it."""
    file = AppendFile(tmp_path / "a")
    file.append(b"first")
    write = os.write

    def half(descriptor: int, piece: bytes) -> int:
        return write(descriptor, piece[: len(piece) // 2])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        file.append(b"second")
    file.append(b"third")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"firstthird"
    assert file.lost == 1


def test_a_ledger_counts_its_own(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    ledger = LedgerFile(Path("/dev/full"))
    ledger.record("ledger", {"event": "committed"})
    ledger.record("gossip", {"event": "of no interest"})
    assert ledger.lost == 1
    ledger.close()
