"""From recorded time to due time: pure arithmetic over a tape's columns.

Three knobs, never confused. `speed` compresses recorded time, so every gap shrinks. `users` makes
that many sessions, sampled from the tape, arrive along the tape's own arrival curve, stretched or
cut to the window; each keeps its inner gaps. `arrivals` compresses session starts and leaves the
gaps inside a session alone. Everything random is hash(seed, position), so one seed is one plan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from replay.identity import clone_names
from replay.plan import Column, Lanes, Plan
from replay.seeds import mix64_array, unit_array

NS_PER_S = 1_000_000_000
MAX_REQUESTS = 50_000_000
"""A plan is columns in memory while it is made; more than this is refused rather than tried."""

_DRAW_ARRIVAL = 1
_DRAW_SESSION = 2


@dataclass(frozen=True, slots=True)
class Recording:
    """What the schedule needs of a tape. Columns of shape (requests,), in due order.

    due_ns: recorded nanoseconds from the tape's start, ascending.
    session: index into session_user.   session_user: index into user_names.
    is_playable: False for requests that must not be sent.
    """

    due_ns: Column
    session: Column
    session_user: Column
    user_names: Sequence[str]
    is_playable: Column
    row: Column | None = None
    """Tape rows of the columns; None while they are all of them."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a recording is played.

    speed: recorded seconds per wall second; `math.inf` sends as fast as answers allow.
    arrivals: the same for session starts only.
    users: sessions to play, or None for the recording as it is.
    window_s: recorded seconds that `users` arrive over; without users, an upper bound.
    first_s: play only the first seconds of the window, at unchanged rate.
    passes: how often the recording is played, or None for as often as the window holds.
    """

    speed: float = 1.0
    arrivals: float = 1.0
    users: int | None = None
    window_s: float | None = None
    first_s: float | None = None
    passes: int | None = 1
    seed: int = 0

    @property
    def is_paced(self) -> bool:
        return not math.isinf(self.speed)


@dataclass(frozen=True, slots=True)
class _Draft:
    """Requests not yet in due order; times are recorded nanoseconds from the run's start."""

    due_ns: Column
    row: Column
    lane: Column
    session: Column
    """Session of each lane."""
    clone: Column
    """0 where a lane is the recorded user itself."""
    window_ns: int


def build_plan(recording: Recording, pace: Pace) -> Plan:
    """The plan for playing `recording` at `pace`.

    Raises ValueError, in one sentence, when the pace asks for the impossible.
    """
    recording = _only_playable(recording)
    if len(recording.due_ns) == 0:
        draft = _Draft(*(np.zeros(0, np.int64) for _ in range(5)), window_ns=0)
    elif pace.users is not None:
        draft = _draw_sessions(recording, pace, pace.users)
    else:
        draft = _as_recorded(recording, pace)
    return _finish(recording, draft, pace)


def _only_playable(recording: Recording) -> Recording:
    """Requests that are not played take no part in the arrival curve or in a lane."""
    if recording.is_playable.all():
        return recording
    keep = np.flatnonzero(recording.is_playable)
    return replace(
        recording,
        due_ns=recording.due_ns[keep],
        session=recording.session[keep],
        is_playable=recording.is_playable[keep],
        row=keep,
    )


def _as_recorded(recording: Recording, pace: Pace) -> _Draft:
    """Every user as recorded; each further pass is played by clones with their own identity."""
    due_ns, session = np.asarray(recording.due_ns), np.asarray(recording.session)
    due_ns = due_ns - due_ns[0]
    if pace.arrivals != 1.0:
        due_ns = _compress_starts(due_ns, session, pace.arrivals)
    length_ns = int(due_ns.max()) + _mean_gap_ns(due_ns)
    window_ns = _ns(pace.window_s)
    passes = _passes(pace, length_ns)
    _check_size(len(due_ns) * passes)
    users = len(recording.user_names)
    lane = recording.session_user[session]
    shift = np.repeat(np.arange(passes, dtype=np.int64), len(due_ns))
    first_session = np.zeros(users, dtype=np.int64)
    first_session[recording.session_user[::-1]] = np.arange(len(recording.session_user))[::-1]
    return _Draft(
        due_ns=np.tile(due_ns, passes) + shift * length_ns,
        row=np.tile(_rows(recording), passes),
        lane=np.tile(lane, passes) + shift * users,
        session=np.tile(first_session, passes),
        clone=np.repeat(np.arange(passes, dtype=np.int64), users),
        window_ns=window_ns if window_ns is not None else length_ns * passes,
    )


def _draw_sessions(recording: Recording, pace: Pace, users: int) -> _Draft:
    """`users` sessions, each drawn from the recording, arriving along its own arrival curve."""
    order = np.argsort(recording.session, kind="stable")
    by_session = np.asarray(recording.session)[order]
    starts = np.flatnonzero(np.r_[True, by_session[1:] != by_session[:-1]])
    counts = np.diff(np.r_[starts, len(order)])
    due_ns = np.asarray(recording.due_ns)[order]
    start_ns = due_ns[starts]

    drawn, clone = _choose_sessions(len(starts), users, pace.seed)
    _check_size(int(counts[drawn].sum()))
    curve = np.sort(start_ns) - start_ns.min()
    length_ns = int(curve[-1]) + _mean_gap_ns(curve)
    window_ns = _ns(pace.window_s) or length_ns
    arrive_ns = arrival_times_ns(curve, length_ns, users, pace.seed) * (window_ns / length_ns)
    arrive_ns = (arrive_ns / pace.arrivals).astype(np.int64)

    count = counts[drawn]
    lane = np.repeat(np.arange(users, dtype=np.int64), count)
    within = np.arange(len(lane)) - np.repeat(np.cumsum(count) - count, count)
    at = starts[drawn][lane] + within
    return _Draft(
        due_ns=arrive_ns[lane] + due_ns[at] - start_ns[drawn][lane],
        row=_rows(recording)[order[at]],
        lane=lane,
        session=by_session[starts][drawn],
        clone=clone,
        window_ns=window_ns,
    )


def arrival_times_ns(curve: Column, length_ns: int, users: int, seed: int) -> Column:
    """When each of `users` arrives: draws from the curve's own distribution, ascending.

    curve: recorded session starts in ns from the first, ascending, shape (sessions,).
    The draws are stratified (one a quantile band), so the curve's shape survives even with few.
    """
    draws = (np.arange(users) + unit_array(seed, _DRAW_ARRIVAL, np.arange(users))) / users
    quantiles = np.arange(len(curve) + 1) / len(curve)
    return np.interp(draws, quantiles, np.r_[curve, length_ns].astype(np.float64))


def _choose_sessions(sessions: int, users: int, seed: int) -> tuple[Column, Column]:
    """Which session each user plays, and which clone of it: every session equally often."""
    laps = -(-users // sessions)
    lap = np.repeat(np.arange(laps, dtype=np.int64), sessions)
    session = np.tile(np.arange(sessions, dtype=np.int64), laps)
    key = mix64_array(seed, _DRAW_SESSION, lap * sessions + session)
    order = np.lexsort((key, lap))[:users]
    return session[order], lap[order]


def _finish(recording: Recording, draft: _Draft, pace: Pace) -> Plan:
    limit_ns = min(draft.window_ns, _ns(pace.first_s) or draft.window_ns)
    inside = draft.due_ns < limit_ns
    due_ns, row, lane = draft.due_ns[inside], draft.row[inside], draft.lane[inside]
    order = np.lexsort((row, lane, due_ns))
    due_ns, row, lane = due_ns[order], row[order], lane[order]
    wall_ns = (due_ns / pace.speed).astype(np.int64) if pace.is_paced else np.zeros_like(due_ns)
    lanes = _lanes(recording, draft, lane, wall_ns, pace.seed)
    return Plan(
        due_ns=wall_ns,
        row=row.astype(np.uint32),
        lane=lanes[1].astype(np.uint32),
        lanes=lanes[0],
        beyond=int(len(inside) - inside.sum()),
        unplayable={},
        trace_ns=int(limit_ns),
    )


def _lanes(
    recording: Recording, draft: _Draft, lane: Column, wall_ns: Column, seed: int
) -> tuple[Lanes, Column]:
    """Names and gaps of the lanes that play, renumbered by first appearance."""
    used, first, dense = np.unique(lane, return_index=True, return_inverse=True)
    rank = np.empty(len(used), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(used))
    dense = rank[dense]
    used = used[np.argsort(first, kind="stable")]
    session = draft.session[used]
    user = recording.session_user[session]
    original = tuple(recording.user_names[index] for index in user.tolist())
    clone = _clone_numbers(recording, session, draft.clone[used])
    names = clone_names(original, clone.tolist(), seed)
    return Lanes(names, original, _gaps_ns(dense, wall_ns, len(used))), dense


def _clone_numbers(recording: Recording, session: Column, clone: Column) -> Column:
    """0 for one lane a user at most: a user's further sessions are other users when played on
    their own, since nothing keeps them in order."""
    sessions = len(recording.session_user)
    order = np.argsort(recording.session_user, kind="stable")
    owner = recording.session_user[order]
    begins = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    counts = np.diff(np.r_[begins, sessions])
    nth = np.empty(sessions, dtype=np.int64)
    nth[order] = np.arange(sessions) - np.repeat(begins, counts)
    return nth[session] + clone * sessions


def _gaps_ns(lane: Column, wall_ns: Column, lanes: int) -> Column:
    count = np.bincount(lane, minlength=lanes)
    first = np.full(lanes, np.iinfo(np.int64).max)
    last = np.zeros(lanes, dtype=np.int64)
    np.minimum.at(first, lane, wall_ns)
    np.maximum.at(last, lane, wall_ns)
    return np.where(count > 1, (last - first) // np.maximum(count - 1, 1), 0)


def _compress_starts(due_ns: Column, session: Column, arrivals: float) -> Column:
    start = np.full(int(session.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(start, session, due_ns)
    start_ns = start[session]
    return (start_ns / arrivals).astype(np.int64) + due_ns - start_ns


def _rows(recording: Recording) -> Column:
    if recording.row is not None:
        return recording.row
    return np.arange(len(recording.due_ns), dtype=np.int64)


def _passes(pace: Pace, length_ns: int) -> int:
    if pace.passes is not None:
        return pace.passes
    window_ns = _ns(pace.first_s if pace.first_s is not None else pace.window_s)
    if window_ns is None:
        raise ValueError("to loop without end is not possible: say how long with a duration")
    return max(1, -(-window_ns // length_ns))


def _check_size(requests: int) -> None:
    if requests > MAX_REQUESTS:
        raise ValueError(
            f"this plan has {requests:,} requests, more than {MAX_REQUESTS:,}: "
            "play fewer users, a shorter duration or fewer passes"
        )


def _mean_gap_ns(ascending_ns: Column) -> int:
    """What separates the end of one pass from the start of the next; never 0."""
    return max(1, int(ascending_ns.max()) // max(1, len(ascending_ns) - 1))


def _ns(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * NS_PER_S)
