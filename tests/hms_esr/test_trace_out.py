"""Where traces are written: whole files, devices and pipes, and what is said without room."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pytest
import zstandard

from hms_esr.exits import UsageError
from hms_esr.scratch import ScratchError
from hms_esr.trace_out import STDOUT, choose_out, is_stream, open_out
from tests.hms_esr.full_disk import files_no_larger_than

DATA = b"some of it " * 1000


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, data: bytes = DATA, error: BaseException | None = None) -> None:
    with open_out(choose_out(name)) as out:
        out.write(data)
        if error is not None:
            raise error


def test_a_name_says_how_it_is_packed(tmp_path: Path) -> None:
    for name in ("x", "x.gz", "x.zst"):
        write(name)
    assert (tmp_path / "x").read_bytes() == DATA
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == DATA
    with zstandard.ZstdDecompressor().stream_reader((tmp_path / "x.zst").read_bytes()) as packed:
        assert packed.read() == DATA


def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    # By a link: were it replaced, the machine's own would be spared.
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    assert is_stream(choose_out("null"))
    write("null")
    assert null.readlink() == Path("/dev/null")
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(UsageError, match=r"--out full cannot be written: No space left"):
        write("full")
    assert full.is_symlink()


def test_a_pipe_is_written_to_once_all_is_well(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write("pipe")
    reader.join(10)
    assert read == [DATA]
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.gz"
    link.symlink_to("real/x")
    write("link.gz")
    assert link.is_symlink()
    assert (tmp_path / "real" / "x").read_bytes() == DATA
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["x"]


@pytest.mark.parametrize("name", ["x", "x.gz", "x.zst"])
def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"old")
    with (
        pytest.raises(UsageError, match=f"--out {name} cannot be written: File too large"),
        files_no_larger_than(1000),
    ):
        write(name, os.urandom(400_000))
    assert (tmp_path / name).read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_room_to_wait_in_says_where() -> None:
    with (
        pytest.raises(ScratchError, match=r"cannot write what goes out to /.*TMPDIR"),
        files_no_larger_than(1000),
    ):
        write(STDOUT, os.urandom(400_000))


def test_an_error_of_somebody_else_is_not_taken_for_ours(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        write("x", error=PermissionError(13, "the log cannot be read"))
    assert not list(tmp_path.iterdir())


def test_nothing_is_printed_of_what_fails(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(STDOUT, error=KeyboardInterrupt())
    write(STDOUT, b"all")
    assert capsysbinary.readouterr().out == b"all"


def test_names_of_standard_output_mean_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [choose_out(name) for name in ("-", "/dev/stdout", "/dev/fd/1")] == [STDOUT] * 3
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(UsageError, match="closed"):
        choose_out("/dev/stdout")


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "no path"), ("a\0b", "no path"), (".", "is a folder"), ("no/x", "there is no folder no")],
)
def test_a_place_that_cannot_be_is_named(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choose_out(name)


def test_a_reader_that_left_has_what_it_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    gone = io.TextIOWrapper(os.fdopen(writing, "wb"))
    monkeypatch.setattr(sys, "stdout", gone)
    write(STDOUT)
    gone.close()
