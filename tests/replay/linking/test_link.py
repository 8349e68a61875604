from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Tally
from replay.building.compile import build_tape
from replay.building.rows import Rows
from replay.building.spill_files import SpillFiles
from replay.gate.findings import Findings
from replay.linking import link
from replay.linking.link import LinkSpill, linked_rows, read_links, write_links
from replay.readers.entry import Entry, Sink
from replay.readers.through import Through
from replay.tape import Tape
from switchboard.errors import TraceError

PATHS = st.text(max_size=12)
LINKS = st.tuples(st.integers(0, 9), st.integers(0, 9), PATHS, PATHS)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINKS, min_size=1, max_size=20), st.sampled_from([1, 3, 100]))
def test_links_come_back_by_the_rows_they_link(
    links: list[tuple[int, int, str, str]], at_once: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "_WRITTEN_AT_ONCE", at_once)
        files, spill = SpillFiles(Path(folder)), LinkSpill()
        for number, each in enumerate(links):
            spill.add(*each)
            if number % 3 == 0:
                spill.spill(files)
        spill.spill(files)
        rows = linked_rows(Path(folder)).reshape(-1, 2)
        write_links(files, rows, rows[:, 1] + np.uint32(100))
        files.close_files()
        found = list(read_links(Path(folder) / link.LINKS))
    expected = sorted(links, key=lambda each: (each[1], each[0]))
    assert found == [(to + 100, start, a, to, b) for start, to, a, b in expected]


def test_links_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MAX_LINKS", 2)
    spill = LinkSpill()
    for _ in range(3):
        spill.add(0, 1, "a", "b")
    assert (spill.count, spill.left_out) == (2, 1)
    spill = LinkSpill()
    spill.add(0, 1, "a" * 1_001, "b")
    assert (spill.count, spill.left_out) == (0, 1)


class EachToTheNext(Through):
    """Links every entry to the one that came before it in the trace."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self._rows = rows

    needs_whole = True

    def add(self, line: int, entry: Entry) -> None:
        row = self._rows.rows
        super().add(line, entry)
        assert self._rows.rows == row + 1
        if row:
            self._rows.add_link(row - 1, row, f"answer.$.{row - 1}", f"url.{row}")


def chain(rows: Rows, tally: Tally, findings: Findings) -> Sink:
    return EachToTheNext(rows)


def write_log(path: Path, seconds: list[int]) -> Path:
    lines = [
        f'{{"ts":{(1_584_273_600 + at) * 10**9},"method":"GET","url":"/{at}","user":"u{at % 2}"}}'
        for at in seconds
    ]
    path.write_text("\n".join(lines))
    return path


def test_links_of_a_tape_name_its_own_rows(tmp_path: Path) -> None:
    # Rows 0, 1, 2, 3 of the trace are rows 3, 0, 1, 2 of the tape.
    log = write_log(tmp_path / "x", [30, 1, 2, 4])
    info = build_tape([log], tmp_path / "tape", chain=chain)
    with Tape.open(tmp_path / "tape") as tape:
        found = list(tape.links())
        assert info.links == tape.info.links == 3
        assert [(each.from_row, each.to_row) for each in found] == [(3, 0), (0, 1), (1, 2)]
        assert [each.answer for each in found] == ["answer.$.0", "answer.$.1", "answer.$.2"]
        assert [each.session for each in found] == [tape.session[each.to_row] for each in found]
    again = build_tape([log], tmp_path / "again", chain=chain)
    assert again == info
    names = {path.name for path in (tmp_path / "tape").iterdir()}
    assert "links.ndjson" in names
    for name in names:
        assert (tmp_path / "tape" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_tape_with_links_that_are_damaged_says_so(tmp_path: Path) -> None:
    build_tape([write_log(tmp_path / "x", [1, 2])], tmp_path / "tape", chain=chain)
    (tmp_path / "tape" / "links.ndjson").write_bytes(b"{}\n")
    with Tape.open(tmp_path / "tape") as tape, pytest.raises(TraceError, match=r"links\.ndjson"):
        list(tape.links())


def test_a_tape_without_links_has_none(tmp_path: Path) -> None:
    build_tape([write_log(tmp_path / "x", [1, 2])], tmp_path / "tape")
    with Tape.open(tmp_path / "tape") as tape:
        assert list(tape.links()) == []
    assert not (tmp_path / "tape" / "links.ndjson").exists()
