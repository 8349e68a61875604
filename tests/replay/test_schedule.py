from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay import schedule
from replay.plan import Plan
from replay.schedule import SPIKE_S, Pace, Recording, Spike, arrival_times_ns, build_plan

S = 1_000_000_000


def record(
    *requests: tuple[float, int],
    users: list[int] | None = None,
    playable: list[bool] | None = None,
) -> Recording:
    """requests: (recorded second, session); users: the user of each session, by default its own."""
    sessions = max((session for _, session in requests), default=-1) + 1
    owners = users if users is not None else list(range(sessions))
    return Recording(
        due_ns=np.array([round(at * S) for at, _ in requests], dtype=np.int64),
        session=np.array([session for _, session in requests], dtype=np.uint32),
        session_user=np.array(owners, dtype=np.uint32),
        user_names=[f"user-{number:04}" for number in range(max(owners, default=-1) + 1)],
        is_playable=np.array(playable or [True] * len(requests), dtype=bool),
    )


def entries(plan: Plan) -> list[tuple[float, int, str]]:
    """(wall second, row, name of the lane) of each request."""
    names = [plan.lanes.name[number] for number in plan.lane]
    return list(zip((plan.due_ns / S).tolist(), plan.row.tolist(), names, strict=True))


TWO_USERS = record((0, 0), (1, 1), (2, 0), (3, 2), (6, 1), users=[0, 1, 0])
"""user-0 has two sessions, rows 0 and 2, and then 3; user-1 has one, rows 1 and 4."""


def test_at_1x_the_plan_is_the_recording_and_a_user_is_a_lane() -> None:
    plan = build_plan(TWO_USERS, Pace())
    assert entries(plan) == [
        (0, 0, "user-0000"),
        (1, 1, "user-0001"),
        (2, 2, "user-0000"),
        (3, 3, "user-0000"),
        (6, 4, "user-0001"),
    ]
    assert plan.lanes.name == plan.lanes.original == ("user-0000", "user-0001")
    assert plan.lanes.gap_ns.tolist() == [3 * S // 2, 5 * S]
    assert plan.beyond == 0
    assert plan.trace_ns == 7.5 * S  # and one mean gap before another pass could begin


PACES = {
    "2x": (Pace(speed=2), [0, 0.5, 1, 1.5, 3]),
    "half": (Pace(speed=0.5), [0, 2, 4, 6, 12]),
    "max": (Pace(speed=math.inf), [0, 0, 0, 0, 0]),
    "sessions start twice as fast": (Pace(arrivals=2), [0, 0.5, 1.5, 2, 5.5]),
    "a window": (Pace(window_s=3), [0, 1, 2]),
    "a window at 2x is recorded time": (Pace(speed=2, window_s=3), [0, 0.5, 1]),
    "the first part": (Pace(first_s=2.5), [0, 1, 2]),
    "the smaller of window and first part": (Pace(window_s=2, first_s=3), [0, 1]),
    "a window longer than the trace": (Pace(window_s=100), [0, 1, 2, 3, 6]),
    "two passes": (Pace(passes=2), [0, 1, 2, 3, 6, 7.5, 8.5, 9.5, 10.5, 13.5]),
    "passes cut by the window": (Pace(passes=9, window_s=9), [0, 1, 2, 3, 6, 7.5, 8.5]),
    "passes as the window holds": (Pace(passes=None, window_s=9), [0, 1, 2, 3, 6, 7.5, 8.5]),
    "passes as the first part holds": (Pace(passes=None, first_s=8), [0, 1, 2, 3, 6, 7.5]),
}


@pytest.mark.parametrize(("pace", "due_s"), PACES.values(), ids=PACES)
def test_the_knobs(pace: Pace, due_s: list[float]) -> None:
    plan = build_plan(TWO_USERS, pace)
    assert [at for at, _, _ in entries(plan)] == due_s


def test_a_window_says_what_it_left_out() -> None:
    plan = build_plan(TWO_USERS, Pace(window_s=3))
    assert plan.beyond == 2
    assert plan.trace_ns == 3 * S


def test_each_further_pass_is_played_by_others() -> None:
    plan = build_plan(TWO_USERS, Pace(passes=3))
    assert len(set(plan.lanes.name)) == 6
    assert plan.lanes.name[:2] == ("user-0000", "user-0001")
    assert plan.lanes.original == ("user-0000", "user-0001") * 3
    assert plan.row.tolist() == [0, 1, 2, 3, 4] * 3


def test_arrivals_keep_the_gaps_inside_a_session() -> None:
    plan = build_plan(record((0, 0), (10, 1), (11, 1), (13, 1), (20, 2)), Pace(arrivals=10))
    assert [(at, row) for at, row, _ in entries(plan)] == [(0, 0), (1, 1), (2, 2), (2, 4), (4, 3)]


def test_what_is_not_playable_takes_no_part() -> None:
    playable = [False, True, True, False, True]
    recording = record((0, 0), (1, 1), (2, 0), (3, 2), (6, 1), users=[0, 1, 0], playable=playable)
    plan = build_plan(recording, Pace())
    assert entries(plan) == [(0, 1, "user-0001"), (1, 2, "user-0000"), (5, 4, "user-0001")]


@pytest.mark.parametrize("pace", [Pace(), Pace(users=5), Pace(passes=None), Pace(first_s=1)])
@pytest.mark.parametrize(
    "recording",
    [record(), record((0, 0), (1, 0), playable=[False, False])],
    ids=["no requests", "none playable"],
)
def test_nothing_to_play_is_an_empty_plan(recording: Recording, pace: Pace) -> None:
    plan = build_plan(recording, pace)
    assert len(plan) == 0
    assert plan.lanes.name == ()
    assert plan.trace_ns == 0
    assert len(plan.part(0, 2)) == 0


@pytest.mark.parametrize("pace", [Pace(), Pace(users=1), Pace(speed=0.5), Pace(arrivals=3)])
def test_one_request_is_a_plan(pace: Pace) -> None:
    plan = build_plan(record((5, 0)), pace)
    assert entries(plan) == [(0, 0, "user-0000")]
    assert plan.lanes.gap_ns.tolist() == [0]


@pytest.mark.parametrize("pace", [Pace(passes=3), Pace(users=3)])
def test_one_request_may_be_played_thrice(pace: Pace) -> None:
    plan = build_plan(record((5, 0)), pace)
    assert plan.row.tolist() == [0, 0, 0]
    assert len(set(plan.lanes.name)) == 3


TOO_LARGE = {
    "users": Pace(users=10**12),
    "requests of users": Pace(users=700),
    "passes": Pace(passes=10**9),
    "passes of users": Pace(users=10, passes=10**9),
    "a window that holds too many": Pace(passes=None, window_s=1e6),
}


@pytest.mark.parametrize("pace", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_plan_too_large_is_refused_before_it_is_made(
    pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "MAX_REQUESTS", 1_000)
    with pytest.raises(ValueError, match="more than 1,000: play fewer"):
        build_plan(TWO_USERS, pace)


@pytest.mark.parametrize("users", [None, 4])
def test_to_loop_without_end_is_refused(users: int | None) -> None:
    with pytest.raises(ValueError, match="say how long"):
        build_plan(TWO_USERS, Pace(passes=None, users=users))


def test_users_loop_window_after_window() -> None:
    pace = Pace(users=4, window_s=10, passes=None, first_s=25)
    once, looped = build_plan(TWO_USERS, Pace(users=4, window_s=10)), build_plan(TWO_USERS, pace)
    assert looped.trace_ns == 25 * S
    assert len(set(looped.lanes.name)) == len(looped.lanes.name)
    assert looped.lanes.name[: len(once.lanes.name)] == once.lanes.name
    seconds = np.histogram(looped.due_ns, [0, 10 * S, 20 * S, 25 * S])[0]
    assert seconds[0] == len(once)


def test_without_an_end_users_fill_their_window_once() -> None:
    pace = Pace(users=4, window_s=10, passes=None)
    assert entries(build_plan(TWO_USERS, pace)) == entries(
        build_plan(TWO_USERS, Pace(users=4, window_s=10))
    )


def surge(sessions: int) -> Recording:
    """Sessions of three requests whose starts come ever closer: at 0 .. 100 s."""
    starts = 100 * np.sqrt(np.arange(sessions) / sessions)
    at = np.sort(np.concatenate([starts, starts + 1.25, starts + 4]))
    order = np.argsort(np.concatenate([starts, starts + 1.25, starts + 4]), kind="stable")
    session = np.tile(np.arange(sessions), 3)[order]
    return record(*zip(at.tolist(), session.tolist(), strict=True))


@pytest.mark.parametrize("users", [40, 100, 250, 1_000])
@pytest.mark.parametrize("window_s", [None, 50.0, 1_000.0], ids=["as long", "cut", "stretched"])
def test_users_arrive_along_the_recorded_curve(users: int, window_s: float | None) -> None:
    recording = surge(100)
    plan = build_plan(recording, Pace(users=users, window_s=window_s, seed=7))
    first = np.full(len(plan.lanes.name), np.iinfo(np.int64).max)
    np.minimum.at(first, plan.lane, plan.due_ns)
    arrive_s = window_s or 100
    # Without a window the last to arrive, who stays for 4 s, plays to the end.
    assert plan.trace_ns / S == pytest.approx(window_s or 104, rel=0.02)
    cut = window_s is not None and window_s < 100
    # Recorded: of those that start in the first x of the trace, the share before y is (y / x)^2.
    for share in np.linspace(0.05, 1, 20):
        arrived = (first <= share * arrive_s * S).mean()
        assert arrived == pytest.approx(share**2, abs=0.03 + (0.02 if cut else 0)), share


@pytest.mark.parametrize("users", [1, 40, 100, 250])
def test_every_session_is_drawn_equally_often_and_whole(users: int) -> None:
    recording = surge(100)
    plan = build_plan(recording, Pace(users=users, window_s=1_000, seed=7))
    session = recording.session[plan.row]
    starts = Counter(session[np.unique(plan.lane, return_index=True)[1]].tolist())
    assert sum(starts.values()) == users
    assert set(starts.values()) <= {users // 100, -(-users // 100)}
    for lane in range(users):
        gaps = np.diff(plan.due_ns[plan.lane == lane])
        recorded = np.diff(recording.due_ns[plan.row[plan.lane == lane]])
        assert gaps.tolist() == recorded.tolist()
        assert len(set(session[plan.lane == lane].tolist())) == 1


def test_a_window_cuts_the_sessions_that_start_after_it() -> None:
    recording = record((0, 0), (1, 1), (2, 2), (50, 3), (60, 4))
    plan = build_plan(recording, Pace(users=30, window_s=10))
    assert set(plan.row.tolist()) == {0, 1, 2}
    assert plan.trace_ns == 10 * S
    assert plan.due_ns.max() < 10 * S


def test_requests_after_the_window_are_left_out_and_counted() -> None:
    plan = build_plan(record((0, 0), (9, 0), (10, 1), (19, 1)), Pace(users=20, window_s=15))
    assert len(plan) + plan.beyond == 40
    assert plan.beyond > 0


def test_a_users_sessions_are_other_users_when_drawn_on_their_own() -> None:
    plan = build_plan(TWO_USERS, Pace(users=6, window_s=100))
    assert len(set(plan.lanes.name)) == 6
    assert Counter(plan.lanes.original) == {"user-0000": 4, "user-0001": 2}
    assert {"user-0000", "user-0001"} < set(plan.lanes.name)


def test_same_seed_same_plan_other_seed_other_clones() -> None:
    first, again, other = (
        build_plan(surge(20), Pace(users=50, window_s=500, seed=seed)) for seed in (3, 3, 4)
    )
    assert entries(first) == entries(again)
    assert first.due_ns.tolist() != other.due_ns.tolist()
    mine = {n for n, o in zip(first.lanes.name, first.lanes.original, strict=True) if n != o}
    theirs = {n for n, o in zip(other.lanes.name, other.lanes.original, strict=True) if n != o}
    assert mine != theirs


def test_speed_changes_when_and_not_who() -> None:
    slow, fast = (
        build_plan(surge(20), Pace(users=50, window_s=500, speed=speed)) for speed in (1, 10)
    )
    assert fast.due_ns.tolist() == (slow.due_ns // 10).tolist()
    assert fast.row.tolist() == slow.row.tolist()
    assert fast.lanes.name == slow.lanes.name


RECORDINGS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 6), st.booleans()), min_size=1, max_size=40
)


def draw(rows: list[tuple[int, int, bool]], owners: list[int]) -> Recording:
    rows = sorted(rows, key=lambda row: row[0])
    return record(
        *((at, session) for at, session, _ in rows),
        users=owners[: max(session for _, session, _ in rows) + 1],
        playable=[playable for _, _, playable in rows],
    )


OWNERS = st.lists(st.integers(0, 4), min_size=7, max_size=7)
PACE = st.builds(
    Pace,
    speed=st.sampled_from([0.5, 1.0, 2.0, 7.0, math.inf]),
    arrivals=st.sampled_from([1.0, 3.0]),
    users=st.one_of(st.none(), st.integers(1, 25)),
    window_s=st.one_of(st.none(), st.integers(1, 90)),
    passes=st.integers(1, 3),
    seed=st.integers(0, 5),
)


@given(RECORDINGS, OWNERS, PACE)
def test_every_plan_is_whole(
    rows: list[tuple[int, int, bool]], owners: list[int], pace: Pace
) -> None:
    recording = draw(rows, owners)
    plan = build_plan(recording, pace)
    assert (np.diff(plan.due_ns) >= 0).all()
    assert (plan.due_ns >= 0).all()
    assert recording.is_playable[plan.row].all()
    assert len(set(plan.lanes.name)) == len(plan.lanes.name)
    assert sorted(set(plan.lane.tolist())) == list(range(len(plan.lanes.name)))
    owner = recording.session_user[recording.session[plan.row]]
    names = [recording.user_names[user] for user in owner.tolist()]
    assert [plan.lanes.original[lane] for lane in plan.lane.tolist()] == names
    for lane in range(len(plan.lanes.name)):
        mine = plan.row[plan.lane == lane]
        if pace.arrivals == 1.0:  # else sessions of one user may overlap
            assert (np.diff(mine.astype(np.int64)) > 0).all()
    if pace.is_paced:
        assert (plan.due_ns * pace.speed < plan.trace_ns).all()


@given(RECORDINGS, OWNERS, PACE, st.integers(1, 60))
def test_the_first_part_is_the_beginning_of_the_whole(
    rows: list[tuple[int, int, bool]], owners: list[int], pace: Pace, first_s: int
) -> None:
    recording = draw(rows, owners)
    whole = build_plan(recording, pace)
    first = build_plan(
        recording,
        Pace(pace.speed, pace.arrivals, pace.users, pace.window_s, first_s, pace.passes, pace.seed),
    )
    assert entries(first) == entries(whole)[: len(first)]
    if pace.is_paced:
        later = whole.due_ns[len(first) :] * pace.speed
        assert (later >= min(first_s * S, whole.trace_ns) - pace.speed).all()


@given(
    st.lists(st.integers(0, 2**60), min_size=1, max_size=30).map(sorted),
    st.one_of(st.integers(1, 10_000).map(float), st.sampled_from([0.25, 0.5, 1.5, 2.5])),
)
def test_due_is_recorded_time_over_speed(stamps: list[int], speed: float) -> None:
    recording = Recording(
        due_ns=np.array(stamps, dtype=np.int64),
        session=np.zeros(len(stamps), dtype=np.uint32),
        session_user=np.zeros(1, dtype=np.uint32),
        user_names=["ann"],
        is_playable=np.ones(len(stamps), dtype=bool),
    )
    due = build_plan(recording, Pace(speed=speed)).due_ns.tolist()
    exact = [math.floor((stamp - stamps[0]) / Fraction(speed)) for stamp in stamps]
    if speed.is_integer():
        assert due == exact
    else:  # a double holds 104 days of nanoseconds
        assert due == pytest.approx(exact, rel=2**-51, abs=1)


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=50),
    st.integers(1, 200),
    st.integers(0, 2**63),
)
def test_arrivals_ascend_inside_the_curve(starts: list[int], users: int, seed: int) -> None:
    curve = np.sort(np.array(starts, dtype=np.int64))
    curve -= curve[0]
    length = int(curve[-1]) + 1
    times = arrival_times_ns(curve, length, users, seed)
    assert len(times) == users
    assert (np.diff(times) >= 0).all()
    assert (times >= 0).all()
    assert (times <= length).all()
    # Stratified: never further from the curve than one draw's share and one session's.
    arrived = np.searchsorted(times, curve, side="left") / users
    recorded = np.searchsorted(curve, curve, side="left") / len(curve)
    assert (np.abs(arrived - recorded) <= 1 / users + 1 / len(curve) + 1e-9).all() or len(
        set(starts)
    ) < len(starts)


@pytest.mark.parametrize("users", [1, 5, 12])
def test_without_a_window_users_play_their_sessions_to_the_end(users: int) -> None:
    """Sessions that start together and go on for long are the rule in a short log."""
    starts = [(session / 100 + 2.0 * step, session) for step in range(6) for session in range(5)]
    plan = build_plan(record(*sorted(starts)), Pace(users=users, speed=4, seed=3))
    assert len(plan) == 6 * users
    assert plan.beyond == 0
    assert plan.due_ns[-1] <= plan.trace_ns / 4


@pytest.mark.parametrize("speed", [0.5, 1, 2, 7.3, 60, math.inf])
def test_the_moment_a_request_belongs_to_is_the_same_at_any_speed(speed: float) -> None:
    plan = build_plan(TWO_USERS, Pace(speed=speed, users=40, window_s=9, seed=5))
    usual = build_plan(TWO_USERS, Pace(users=40, window_s=9, seed=5))
    assert plan.at_ms.tolist() == usual.at_ms.tolist()
    assert usual.at_ms.tolist() == (usual.due_ns // 1_000_000).tolist()


@pytest.mark.parametrize("users", [None, 3])
def test_a_spike_comes_on_top_of_everybody_else(users: int | None) -> None:
    pace = Pace(users=users, window_s=60)
    usual = build_plan(TWO_USERS, pace)
    plan = build_plan(TWO_USERS, replace(pace, spike=Spike(at_s=20, size=50)))
    assert len(plan.lanes.name) == len(usual.lanes.name) + 50
    assert len(set(plan.lanes.name)) == len(plan.lanes.name)
    extra = set(plan.lanes.name) - set(usual.lanes.name)
    first: dict[str, float] = {}
    for at_s, _, name in entries(plan):
        first.setdefault(name, at_s)
    arrivals = sorted(first[name] for name in extra)
    assert arrivals[0] == 20
    assert 20 < arrivals[-1] < 20 + SPIKE_S
    kept = [(at_s, row) for at_s, row, name in entries(plan) if name not in extra]
    assert kept == [(at_s, row) for at_s, row, _ in entries(usual)]


def test_a_spike_is_cut_by_the_window_and_comes_again_in_every_pass() -> None:
    spike = Spike(at_s=2, size=4)
    cut = build_plan(TWO_USERS, Pace(window_s=4, spike=spike))
    assert max(at_s for at_s, _, _ in entries(cut)) < 4
    assert cut.beyond > 0
    alone = build_plan(TWO_USERS, Pace(spike=spike))
    assert len(alone) > len(TWO_USERS.due_ns)
    twice = build_plan(TWO_USERS, Pace(spike=spike, passes=2))
    assert len(twice) == 2 * len(alone)
    assert len(set(twice.lanes.name)) == 2 * len(set(alone.lanes.name))


def test_a_spike_too_large_to_plan_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "MAX_REQUESTS", 100)
    with pytest.raises(ValueError, match="more than 100"):
        build_plan(TWO_USERS, Pace(spike=Spike(at_s=0, size=90)))
