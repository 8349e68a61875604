from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.building import segments
from replay.building.reading import Piece, pieces_of
from replay.building.segments import plan_parts
from replay.building.stretch import StretchOfFile
from replay.readers.access_log import COMMON
from replay.readers.source import Source, TraceFile

LINE = '10.0.0.1 - - [17/May/2015:10:00:00 +0000] "GET / HTTP/1.1" 200 1'
Lines = list[tuple[int, bytes | None]]


def read_all(parts: list[list[Piece]]) -> Lines:
    """Every line with its number, part by part."""
    found: Lines = []
    for piece in (piece for part in parts for piece in part):
        source = (
            Source(piece.file)
            if piece.stretch is None
            else StretchOfFile(piece.file, piece.stretch)
        )
        with source:
            for first, lines in source.batches():
                found += enumerate(lines, first)
    return found


@settings(max_examples=80, deadline=None)
@given(
    files=st.lists(
        st.lists(st.sampled_from([b"", b"a", b"bb\r", b"x" * 30]), max_size=12), max_size=3
    ),
    is_ended=st.booleans(),
    has_bom=st.booleans(),
    workers=st.integers(1, 5),
)
def test_every_line_is_in_one_part_with_its_number(
    files: list[list[bytes]], is_ended: bool, has_bom: bool, workers: int
) -> None:
    first = LINE.encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "LEAST_BYTES", 80)
        found = []
        for number, lines in enumerate(files):
            path = Path(folder) / f"{number}.log"
            text = b"\n".join([first, *lines]) + b"\n" * is_ended
            path.write_bytes(b"\xef\xbb\xbf" * has_bom + text)
            found.append(TraceFile(path, path.name))
        pieces = pieces_of(found, {})
        parts = plan_parts(pieces, workers, None)
        assert len(parts) <= workers
        assert read_all(parts) == read_all([pieces])


def trace_file(tmp_path: Path, content: bytes) -> list[Piece]:
    path = tmp_path / "x"
    path.write_bytes(content)
    return pieces_of([TraceFile(path, "x")], {})


LOG = f"{LINE}\n".encode() * 40
EVENT = {"ts": 1_584_273_600_000_000_000, "method": "GET", "url": "/"}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (LOG, 3),
        (f"{json.dumps(EVENT)}\n".encode() * 40, 3),
        (f"{json.dumps({**EVENT, 'delay': 5})}\n".encode() * 40, 1),
        (gzip.compress(LOG, 0), 1),
        (LOG.decode().encode("utf-16"), 1),
        (json.dumps({"log": {"entries": [], "x": "y" * 3_000}}).encode(), 1),
        (b"no trace of any kind\n" * 200, 1),
        (LOG.replace(b"\n", b" "), 1),
    ],
    ids=["log", "events", "delays", "gzip", "UTF-16", "HAR", "text", "one line"],
)
def test_only_lines_that_stand_alone_are_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, parts: int
) -> None:
    monkeypatch.setattr(segments, "LEAST_BYTES", 1_000)
    pieces = trace_file(tmp_path, content)
    planned = plan_parts(pieces, 3, None)
    assert len(planned) == parts
    if parts == 1:
        assert planned == [pieces]


def test_small_traces_and_single_workers_are_one_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pieces = trace_file(tmp_path, LOG)
    assert plan_parts(pieces, 3, COMMON) == [pieces]
    monkeypatch.setattr(segments, "LEAST_BYTES", 1_000)
    assert plan_parts(pieces, 1, COMMON) == [pieces]
    assert len(plan_parts(pieces, 3, COMMON)) == 3
