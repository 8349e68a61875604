from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Tally
from replay.building import numbering, people
from replay.building.numbering import IDLE_NS, People, user_names
from replay.building.row_file import PLACED, ROWS, SPILLED, Rows, read_chunks
from replay.building.rows import Rows as RowSink
from replay.readers.entry import INFERRED
from replay.tape import TapeWriter

NAMES = st.sampled_from([None, "a", "b", "c", "d", "x" * 300, "é" * 150])
GAPS = st.sampled_from([0, 1, IDLE_NS, IDLE_NS + 1])
Named = tuple[str | None, str | None, str | None, int, bool]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(NAMES, NAMES, NAMES, GAPS, st.booleans()), min_size=1, max_size=40),
    cached=st.sampled_from([1, 2, 1_000]),
    chunk=st.sampled_from([1, 3, 1_000]),
    span=st.sampled_from([1, 1 << 20]),
)
def test_numbers_go_by_first_appearance_whatever_was_held(
    rows: list[Named], cached: int, chunk: int, span: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        TapeWriter(Path(folder) / "tape") as writer,
    ):
        patch.setattr(people, "CACHED", cached)
        patch.setattr(numbering, "_SPAN", span)
        sink, at = RowSink(writer, Tally()), 0
        for user, session, client, gap, inferred in rows:
            at += gap
            marks = INFERRED if inferred else 0
            sink.add_request(
                1, at, "GET", "", "/", user, session, None, "", b"", None, None, client, marks
            )
        sink.close()
        writer.close_files()
        found = People(
            has_sessions=any(row[1] is not None for row in rows),
            has_inferred=any(row[4] for row in rows),
        )
        sessions: list[int] = []
        users: list[int] = []
        for part in read_chunks(writer.path / ROWS, SPILLED, chunk):
            session_of, new_users = found.number(part)
            sessions += session_of.tolist()
            users += new_users.tolist()
        names = list(user_names(writer.path, found))
    assert ([(users[session], session) for session in sessions], names) == plainly(rows)
    assert found.sessions == len(users)


def plainly(rows: list[Named]) -> tuple[list[tuple[int, int]], list[str]]:
    """The same numbers by a plain loop over all of it in memory."""
    users: dict[object, int] = {}
    current: dict[tuple[int, str | None], int] = {}
    last: dict[int, int] = {}
    names: list[str] = []
    numbers = []
    counts = {"client": 0, "anonymous": 0}
    now = sessions = 0
    for place, (name, session, client, gap, inferred) in enumerate(rows):
        now += gap
        keyed = (("u", name), ("s", session), ("c", client))
        key: object = next((pair for pair in keyed if pair[1] is not None), place)
        if key not in users:
            users[key] = len(users)
            if name is not None or session is not None:
                names.append((name or session or "")[:200])
            else:
                kind = "anonymous" if client is None else "client"
                counts[kind] += 1
                names.append(f"{kind}-{counts[kind]}")
        user = users[key]
        is_idle = inferred and now - last.get(user, now) > IDLE_NS
        if (user, session) not in current or is_idle:
            current[user, session] = sessions
            sessions += 1
        last[user] = now
        numbers.append((user, current[user, session]))
    return numbers, names


def rows_of(users: list[int], times: list[int], inferred: list[int]) -> Rows:
    rows = np.zeros(len(users), PLACED)
    rows["user"], rows["time"] = users, times
    rows["marks"] = np.array(inferred, np.uint8) * INFERRED
    return rows


def test_idle_gaps_are_each_users_own() -> None:
    users, times = [7, 9, 7, 7, 9], [0, 1, IDLE_NS, 2 * IDLE_NS + 1, 2 * IDLE_NS + 2]
    for inferred, expected in (
        ([1, 1, 1, 1, 1], [0, 1, 0, 2, 3]),
        ([1, 1, 1, 0, 1], [0, 1, 0, 0, 2]),
    ):
        found = People(has_sessions=False, has_inferred=True)
        assert found.number(rows_of(users, times, inferred))[0].tolist() == expected
