from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay import people
from replay.people import IDLE_NS, NONE, Known, UserRefs, idle_gaps, number_people, renumber
from replay.tape import TapeWriter

NAMES = st.sampled_from([None, "a", "b", "c", "d", "x" * 300])


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=40),
    cached=st.sampled_from([1, 2, 1_000]),
)
def test_names_are_one_however_often_the_cache_was_emptied(
    rows: list[tuple[str | None, str | None, str | None]],
    cached: int,
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        TapeWriter(Path(folder) / "tape") as writer,
    ):
        patch.setattr(people, "CACHED", cached)
        refs = UserRefs()
        user_ref, session_ref = [], []
        for user, session, client in rows:
            user_ref.append(refs.user(user, session, client))
            session_ref.append(NONE if session is None else refs.session(session))
        refs.spill(writer, everything=True)
        writer.close_files()
        known = Known(writer.path, "users")
        found = number_people(
            np.array(user_ref, np.uint32),
            np.array(session_ref, np.uint32),
            known,
            Known(writer.path, "sessions"),
            np.zeros(0, np.uint8),
        )
        names = list(people.user_names(found.ref_of_user, known))
    expected, expected_names = plainly(rows)
    assert list(zip(found.session_user[found.session], found.session, strict=True)) == expected
    assert names == expected_names


def plainly(
    rows: list[tuple[str | None, str | None, str | None]],
) -> tuple[list[tuple[int, int]], list[str]]:
    """The same numbers by a plain loop over all of it in memory."""
    users: dict[object, int] = {}
    sessions: dict[object, int] = {}
    names: list[str] = []
    numbers = []
    counts = {"client": 0, "anonymous": 0}
    for place, (name, session, client) in enumerate(rows):
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
        numbers.append((user, sessions.setdefault((user, session), len(sessions))))
    return numbers, names


def test_renumber_goes_by_first_appearance() -> None:
    ids, old = renumber(np.array([2, 0, 2, 1], np.uint32), 3)
    assert ids.tolist() == [0, 1, 0, 2]
    assert old.tolist() == [2, 0, 1]


def test_idle_gaps_are_each_users_own() -> None:
    user = np.array([0, 1, 0, 0, 1], np.uint32)
    due = np.array([0, 1, IDLE_NS, 2 * IDLE_NS + 1, 2 * IDLE_NS + 2], np.int64)
    splits = np.ones(5, np.uint8)
    assert idle_gaps(user, due, splits).tolist() == [0, 0, 0, 1, 1]
    assert idle_gaps(user, due, np.array([1, 1, 1, 0, 1], np.uint8)).tolist() == [0, 0, 0, 0, 1]


def test_no_client_reaches_the_disk(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "tape") as writer:
        refs = UserRefs()
        refs.user(None, None, "203.0.113.9")
        refs.spill(writer, everything=True)
        for path in writer.path.iterdir():
            assert b"203.0.113.9" not in path.read_bytes()
