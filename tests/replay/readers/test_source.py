from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.files import STDIN
from replay.readers.source import BLOCK, MAX_LINE, Source, TraceFile, find_files, identity
from switchboard.errors import TraceError

TEXT = b"".join(b"line %d\n" % i for i in range(100_000))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def bzip2(data: bytes) -> bytes:
    return bz2.compress(data, 1)  # in small blocks


def read(path: Path) -> tuple[list[bytes | None], str | None, int]:
    lines: list[bytes | None] = []
    with Source(TraceFile(path, path.name)) as source:
        for first, batch in source.batches():
            assert first == len(lines) + 1
            lines += batch
        return lines, source.damage, source.damaged_line


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        zstd,
        lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
        lambda data: zstd(data[:1000]) + zstd(data[1000:]),
        lambda data: b"\x50\x2a\x4d\x18\x02\x00\x00\x00hi" + zstd(data),
        lambda data: gzip.compress(data) + b"\0" * 700,
        lambda data: b"\xef\xbb\xbf" + data,
        bz2.compress,
        lambda data: bz2.compress(data[:1000]) + bz2.compress(b"") + bz2.compress(data[1000:]),
        lambda data: bz2.compress(data) + b"\0" * 700,
        lzma.compress,
        lambda data: lzma.compress(data[:1000]) + lzma.compress(b"") + lzma.compress(data[1000:]),
        lambda data: lzma.compress(data, preset=9) + b"\0" * 700,
        lambda data: b"\xff\xfe" + data.decode().encode("utf-16-le"),
        lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
        lambda data: data.decode().encode("utf-16-le"),
        lambda data: data.decode().encode("utf-16-be"),
        lambda data: gzip.compress(data.decode().encode("utf-16")),
    ],
    ids=[
        "plain",
        "gzip",
        "zstd",
        "members",
        "frames",
        "skippable",
        "padded",
        "BOM",
        "bzip2",
        "streams",
        "padded bzip2",
        "xz",
        "streams of xz",
        "padded xz",
        "UTF-16 LE",
        "UTF-16 BE",
        "LE without BOM",
        "BE without BOM",
        "gzip of UTF-16",
    ],
)
def test_what_lies_packed_is_read_whatever_its_name(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(pack(TEXT))
    lines, damage, _ = read(path)
    assert lines == TEXT.split(b"\n")[:-1]
    assert damage is None


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=200),
    pack=st.sampled_from([bytes, gzip.compress, zstd, bz2.compress, xz]),
    repeat=st.sampled_from([1, 4_000]),
)
def test_any_bytes_come_back_as_lines(
    data: bytes,
    pack: Callable[[bytes], bytes],
    repeat: int,
) -> None:
    whole = b"{" + data * repeat  # a first byte that is no magic
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(pack(whole))
        lines, damage, _ = read(path)
    expected = whole.split(b"\n")
    assert lines == (expected if expected[-1] else expected[:-1])
    assert damage is None


@pytest.mark.parametrize("pack", [gzip.compress, zstd, bzip2, xz])
@pytest.mark.parametrize("damage", ["truncated", "damaged"])
def test_what_stands_before_the_damage_is_used(
    tmp_path: Path, pack: Callable[[bytes], bytes], damage: str
) -> None:
    path = tmp_path / "x"
    packed = bytearray(pack(b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(20_000))))
    if damage == "truncated":
        del packed[-len(packed) // 3 :]
    else:
        packed[len(packed) // 2 : len(packed) // 2 + 64] = b"\xff" * 64
    path.write_bytes(packed)
    lines, found, line = read(path)
    assert len(lines) > 100
    assert found is not None
    assert found.startswith("file ends early (")
    assert line == len(lines) + 1


@pytest.mark.parametrize("level", range(1, 10))
def test_a_bzip2_is_told_by_its_mark(tmp_path: Path, level: int) -> None:
    (tmp_path / "x").write_bytes(bz2.compress(b"a\nb\n", level))
    assert read(tmp_path / "x") == ([b"a", b"b"], None, 0)


def test_a_line_that_begins_like_a_bzip2_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"BZh9 GET /\n")
    assert read(tmp_path / "x")[0] == [b"BZh9 GET /"]


@pytest.mark.parametrize("pack", [gzip.compress, zstd, bz2.compress, xz])
def test_a_bomb_stays_small(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "x").write_bytes(pack(b"\n" * 30_000_000))
    with Source(TraceFile(tmp_path / "x", "x")) as source:
        tracemalloc.start()
        try:
            size = sum(len(block) for block in iter(source.stream().read, b""))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert size == 30_000_000
    assert peak < 40_000_000


def test_an_xz_that_asks_for_much_memory_gets_none(tmp_path: Path) -> None:
    huge = [{"id": lzma.FILTER_LZMA2, "dict_size": 192 * 1024 * 1024, "mode": lzma.MODE_FAST}]
    path = tmp_path / "x"
    path.write_bytes(lzma.compress(b"a\n", filters=huge, format=lzma.FORMAT_XZ))
    assert read(path)[1] == "file ends early (damaged xz)"


def test_utf_16_that_ends_inside_a_character_was_cut(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("eins\nzwei".encode("utf-16")[:-1])
    assert read(tmp_path / "x") == ([b"eins"], "file ends early (inside a UTF-16 character)", 2)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 3 * BLOCK), max_size=12))
def test_a_stream_gives_what_it_is_asked_for(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(TEXT)
        with Source(TraceFile(path, "x")) as source:
            stream, whole = source.stream(), io.BytesIO(TEXT)
            for size in sizes:
                assert stream.read(size) == whole.read(size)
            assert b"".join(iter(stream.read, b"")) == whole.read()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_format_that_needs_a_file_gets_one(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(TEXT))
    with Source(TraceFile(path, "x")) as source:
        source.head()
        copy = source.as_file()
        assert copy.read_bytes() == TEXT
        assert source.as_file() == copy
        assert (copy == path) is (pack is bytes)
        assert source.source_file().sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert copy.exists() is (pack is bytes)


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """What the process then has for standard input."""

    def pipe(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


def test_standard_input_is_read_once_and_has_no_size(piped: Callable[[bytes], None]) -> None:
    piped(gzip.compress(TEXT))
    (file,) = find_files([STDIN])
    assert (file.name, file.size(), file.asked_for) == ("standard input", None, True)
    with Source(file) as source:
        assert source.as_file().read_bytes() == TEXT
        assert source.source_file().bytes == len(gzip.compress(TEXT))
    assert not file.path.exists()
    assert identity(STDIN) is None


def test_standard_input_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo")
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with Source(find_files([STDIN])[0]) as source:
            assert list(source.batches()) == [(1, [b"one"]), (2, [b"two"])]


def test_standard_input_beside_a_file(tmp_path: Path, piped: Callable[[bytes], None]) -> None:
    piped(b"x")
    (tmp_path / "a.log").write_bytes(b"y")
    assert [file.name for file in find_files([STDIN, tmp_path / "a.log"])] == [
        "standard input",
        "a.log",
    ]
    with pytest.raises(TraceError, match="can be read only once"):
        find_files([STDIN, STDIN])


def test_there_must_be_a_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(TraceError, match="there is no standard input"):
        find_files([STDIN])[0].open()


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    leader, terminal = os.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(TraceError, match="standard input is a terminal"):
            find_files([STDIN])[0].open()
    os.close(leader)


def test_a_file_is_another_once_it_changes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a")
    before = identity(tmp_path / "x")
    assert before == identity(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"ab")
    assert identity(tmp_path / "x") != before


def test_bytes_after_the_end_of_a_gzip_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"a\n") + b"more")
    assert read(path) == ([b"a"], "file ends early (damaged gzip)", 2)


@pytest.mark.parametrize("last", [b"", b"after\n"], ids=["at the end", "with a line after it"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_a_line_without_end_is_passed_over(
    tmp_path: Path, pack: Callable[[bytes], bytes], last: bytes
) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(b"before\n" + b"x" * (MAX_LINE + 1) + (b"\n" + last if last else b"")))
    lines, _, _ = read(path)
    assert lines == [b"before", None, *([b"after"] if last else [])]


def test_the_longest_line_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a\n" + b"x" * MAX_LINE + b"\nb")
    lines, _, _ = read(path)
    assert [len(line or b"") for line in lines] == [1, MAX_LINE, 1]


def test_looking_ahead_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(TEXT)
    with Source(TraceFile(path, "x")) as source:
        assert source.head() == TEXT[:BLOCK]
        assert source.whole(BLOCK) is None
        assert source.whole(MAX_LINE) == TEXT
        assert sum(len(batch) for _, batch in source.batches()) == 100_000


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_size_and_hash_are_those_of_the_file(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(TEXT))
    with Source(TraceFile(path, "name")) as source:
        found = source.source_file()
    assert found.path == "name"
    assert found.bytes == path.stat().st_size
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_is_read_in_the_order_people_count(tmp_path: Path) -> None:
    for name in ("e-10.json", "e-9.json", "b/2/x", "b/10/x", ".hidden", ".git/x", "a.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    names = [file.name for file in find_files([tmp_path])]
    assert names == ["a.log", "b/2/x", "b/10/x", "e-9.json", "e-10.json"]


def test_names_are_relative_to_what_the_files_share(tmp_path: Path) -> None:
    for name in ("one/a.log", "two/b.log"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("{}")
    files = find_files([tmp_path / "two" / "b.log", tmp_path / "one"])
    assert [(file.name, file.asked_for) for file in files] == [
        ("two/b.log", True),
        ("one/a.log", False),
    ]
    found = find_files([tmp_path / "two" / "b.log", tmp_path / "one"], were_found=True)
    assert [file.asked_for for file in found] == [False, False]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such trace"),
        (lambda path: path.mkdir(), "holds no file to read"),
        (lambda path: path.symlink_to("/dev/null"), "is not a file or a folder"),
    ],
    ids=["missing", "empty folder", "device"],
)
def test_nothing_to_read_is_one_clear_sentence(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "x")
    with pytest.raises(TraceError, match=message):
        find_files([tmp_path / "x"])


def test_no_sources_at_all() -> None:
    with pytest.raises(TraceError, match="no trace files"):
        find_files([])
