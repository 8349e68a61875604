"""From recorded time to due time: pure arithmetic over a tape's columns.

Three knobs, never confused. `speed` compresses recorded time, so every gap shrinks. `users` makes
that many sessions, sampled from the tape, arrive along the tape's own arrival curve, stretched or
cut to the window; each keeps its inner gaps. `arrivals` compresses session starts and leaves the
gaps inside a session alone. Everything random is hash(seed, position), so one seed is one plan.

One pass is drafted, repeated as often as asked, cut to the window and put in due order.
Read next: `plan.py` (what comes out), `identity.py` (what clones are called).
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
NS_PER_MS = 1_000_000
MAX_REQUESTS = 50_000_000
"""A plan is columns in memory while it is made; more than this is refused rather than tried."""

_DRAW_ARRIVAL = 1
_DRAW_SESSION = 2
_DRAW_SPIKE = 3

SPIKE_S = 10
"""A spike's users arrive within ten recorded seconds, evenly: at once, yet not in one instant."""


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
class Spike:
    """`size` more sessions that arrive, one close upon the other, from `at_s` of recorded time."""

    at_s: float
    size: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How a recording is played.

    speed: recorded seconds per wall second; `math.inf` sends as fast as answers allow.
    arrivals: the same for session starts only.
    users: sessions to play, or None for the recording as it is.
    window_s: recorded seconds that `users` arrive over; without users, an upper bound.
    first_s: play only the first seconds of the window, at unchanged rate.
    passes: how often the whole is played, each time by new clones, or None for as often as the
    window (of `first_s`, else `window_s`) holds.   spike: users who come on top, in every pass.
    """

    speed: float = 1.0
    arrivals: float = 1.0
    users: int | None = None
    window_s: float | None = None
    first_s: float | None = None
    passes: int | None = 1
    seed: int = 0
    spike: Spike | None = None

    @property
    def is_paced(self) -> bool:
        return not math.isinf(self.speed)


@dataclass(frozen=True, slots=True)
class _Draft:
    """Requests not yet in due order; times are recorded nanoseconds from the run's start.

    Requests of a lane stand in their recorded order.
    """

    due_ns: Column
    row: Column
    lane: Column
    session: Column
    """Session of each lane."""
    clone: Column
    """0 where a lane is the recorded user itself."""
    length_ns: int
    """When the next pass may begin."""
    window_ns: int | None = None
    """Nothing is sent after this."""


def build_plan(recording: Recording, pace: Pace) -> Plan:
    """The plan for playing `recording` at `pace`.

    Raises ValueError, in one sentence, when the pace asks for the impossible.
    """
    recording = _only_playable(recording)
    if len(recording.due_ns) == 0:
        none = np.zeros(0, dtype=np.int64)
        return _finish(recording, _Draft(none, none, none, none, none, 0, 0), pace)
    if pace.users is not None:
        draft = _draw_sessions(recording, pace, pace.users)
    else:
        draft = _as_recorded(recording, pace)
    if pace.spike is not None:
        draft = _add_spike(recording, pace, pace.spike, draft)
    return _finish(recording, _repeat(draft, pace), pace)


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
    """Every user as recorded, a lane each, however many sessions a user has."""
    due_ns, session = np.asarray(recording.due_ns), np.asarray(recording.session)
    due_ns = due_ns - due_ns[0]
    if pace.arrivals != 1.0:
        due_ns = _compress_starts(due_ns, session, pace.arrivals)
    _check_size(len(due_ns))
    users = len(recording.user_names)
    return _Draft(
        due_ns=due_ns,
        row=_rows(recording),
        lane=recording.session_user[session].astype(np.int64),
        session=_first_position(recording.session_user, users),
        clone=np.zeros(users, dtype=np.int64),
        length_ns=int(due_ns.max()) + _mean_gap_ns(due_ns),
        window_ns=_ns(pace.window_s),
    )


def _draw_sessions(recording: Recording, pace: Pace, users: int) -> _Draft:
    """`users` sessions, each drawn from the recording, arriving along its own arrival curve."""
    _check_size(users)
    sessions = _Sessions.of(recording)
    start_ns = sessions.start_ns
    curve = np.sort(start_ns) - start_ns.min()
    length_ns = int(curve[-1]) + _mean_gap_ns(curve)
    window_ns = _ns(pace.window_s) or length_ns
    # A window longer than the trace stretches the curve; a shorter one cuts it, and the sessions.
    curve, length_ns = curve[curve < window_ns], min(length_ns, window_ns)
    in_window = np.flatnonzero(start_ns - start_ns.min() < window_ns)
    choice, clone = _choose_sessions(len(in_window), users, pace.seed)
    arrive_ns = arrival_times_ns(curve, length_ns, users, pace.seed) * (window_ns / length_ns)
    arrive_ns = (arrive_ns / pace.arrivals).astype(np.int64)
    draft = sessions.play(in_window[choice], clone, arrive_ns, window_ns)
    if pace.window_s is None:
        # Nobody asked for an end: the last session to arrive is played to its own.
        draft = replace(draft, length_ns=int(draft.due_ns.max()) + 1)
    return draft


@dataclass(frozen=True, slots=True)
class _Sessions:
    """The recording, session by session: where each starts, and how many requests it has."""

    recording: Recording
    order: Column
    starts: Column
    counts: Column
    due_ns: Column

    @classmethod
    def of(cls, recording: Recording) -> _Sessions:
        order = np.argsort(recording.session, kind="stable")
        by_session = np.asarray(recording.session)[order]
        starts = np.flatnonzero(np.r_[True, by_session[1:] != by_session[:-1]])
        counts = np.diff(np.r_[starts, len(order)])
        return cls(recording, order, starts, counts, np.asarray(recording.due_ns)[order])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def start_ns(self) -> Column:
        """When each session begins."""
        return np.asarray(self.due_ns[self.starts])

    def play(self, drawn: Column, clone: Column, arrive_ns: Column, length_ns: int) -> _Draft:
        """The drawn sessions, a lane each, each beginning when it arrives."""
        count = self.counts[drawn]
        _check_size(int(count.sum()))
        lane = np.repeat(np.arange(len(drawn), dtype=np.int64), count)
        within = np.arange(len(lane)) - np.repeat(np.cumsum(count) - count, count)
        at = self.starts[drawn][lane] + within
        return _Draft(
            due_ns=arrive_ns[lane] + self.due_ns[at] - self.start_ns[drawn][lane],
            row=_rows(self.recording)[self.order[at]],
            lane=lane,
            session=np.asarray(self.recording.session)[self.order[self.starts[drawn]]],
            clone=clone,
            length_ns=length_ns,
        )


def _add_spike(recording: Recording, pace: Pace, spike: Spike, draft: _Draft) -> _Draft:
    """The draft, and on top of it the spike's users, each a clone of a recorded one."""
    _check_size(spike.size)
    sessions = _Sessions.of(recording)
    # Numbers of clones that nobody else has: none of the draft's, nor a recorded user's own, 0.
    first = int(draft.clone.max(initial=0)) + 1
    choice, clone = _choose_sessions(len(sessions), spike.size, pace.seed ^ _DRAW_SPIKE)
    begins_ns = int(spike.at_s * NS_PER_S)
    arrive_ns = begins_ns + np.arange(spike.size, dtype=np.int64) * (
        SPIKE_S * NS_PER_S // spike.size
    )
    added = sessions.play(choice, clone + first, arrive_ns, draft.length_ns)
    _check_size(len(draft.due_ns) + len(added.due_ns))
    # The spike's users, too, are played to their end, unless the window is over before.
    end_ns = max(draft.length_ns, int(added.due_ns.max()) + 1)
    return replace(
        draft,
        due_ns=np.r_[draft.due_ns, added.due_ns],
        row=np.r_[draft.row, added.row],
        lane=np.r_[draft.lane, added.lane + len(draft.session)],
        session=np.r_[draft.session, added.session],
        clone=np.r_[draft.clone, added.clone],
        length_ns=min(_ns(pace.window_s) or end_ns, end_ns),
    )


def _repeat(draft: _Draft, pace: Pace) -> _Draft:
    """The draft, pass after pass, each further one played by clones with their own identity."""
    passes = _passes(pace, draft)
    if passes == 1:
        return draft
    _check_size(len(draft.due_ns) * passes)
    number = np.arange(passes, dtype=np.int64)
    shift = np.repeat(number, len(draft.due_ns))
    lanes = len(draft.session)
    return replace(
        draft,
        due_ns=np.tile(draft.due_ns, passes) + shift * draft.length_ns,
        row=np.tile(draft.row, passes),
        lane=np.tile(draft.lane, passes) + shift * lanes,
        session=np.tile(draft.session, passes),
        clone=np.tile(draft.clone, passes) + np.repeat(number, lanes) * (draft.clone.max() + 1),
        length_ns=draft.length_ns * passes,
    )


def _passes(pace: Pace, draft: _Draft) -> int:
    """How many passes there are to play before the window or the first part of it is over."""
    ends_ns = [ns for ns in (_ns(pace.first_s), draft.window_ns) if ns is not None]
    if not ends_ns and pace.passes is None:
        if pace.window_s is None:
            raise ValueError("to loop without end is not possible: say how long with a duration")
        ends_ns = [draft.length_ns]
    held = -(-min(ends_ns) // draft.length_ns) if ends_ns else pace.passes
    return max(1, min(n for n in (held, pace.passes) if n is not None))


def arrival_times_ns(curve: Column, length_ns: int, users: int, seed: int) -> Column:
    """When each of `users` arrives: draws from the curve's own distribution, ascending.

    curve: recorded session starts in ns from the first, ascending, shape (sessions,).
    The draws are stratified (one a quantile band), so the curve's shape survives even with few.
    """
    draws = (np.arange(users) + unit_array(seed, _DRAW_ARRIVAL, np.arange(users))) / users
    quantiles = np.arange(len(curve) + 1) / len(curve)
    times: Column = np.interp(draws, quantiles, np.r_[curve, length_ns].astype(np.float64))
    return times


def _choose_sessions(sessions: int, users: int, seed: int) -> tuple[Column, Column]:
    """Which session each user plays, and which clone of it: every session equally often."""
    laps = -(-users // sessions)
    lap = np.repeat(np.arange(laps, dtype=np.int64), sessions)
    session = np.tile(np.arange(sessions, dtype=np.int64), laps)
    key = mix64_array(seed, _DRAW_SESSION, lap * sessions + session)
    order = np.lexsort((key, lap))[:users]
    return session[order], lap[order]


def _finish(recording: Recording, draft: _Draft, pace: Pace) -> Plan:
    ends_ns = (draft.length_ns, draft.window_ns, _ns(pace.first_s))
    limit_ns = min(end for end in ends_ns if end is not None)
    inside = np.flatnonzero(draft.due_ns < limit_ns)
    # Stable, so that requests of a lane that are due at once keep their recorded order.
    order = inside[np.argsort(draft.due_ns[inside], kind="stable")]
    recorded_ns = draft.due_ns[order]
    wall_ns = _wall_ns(recorded_ns, pace.speed)
    lanes, lane = _lanes(recording, draft, draft.lane[order], wall_ns, pace.seed)
    return Plan(
        due_ns=wall_ns,
        at_ms=recorded_ns // NS_PER_MS,
        row=draft.row[order].astype(np.uint32),
        lane=lane.astype(np.uint32),
        lanes=lanes,
        beyond=len(draft.due_ns) - len(inside),
        unplayable={},
        trace_ns=limit_ns,
    )


def _wall_ns(due_ns: Column, speed: float) -> Column:
    """floor(due / speed), exact for whole speeds however long the trace is; 0 at `max`."""
    if math.isinf(speed):
        return np.zeros_like(due_ns)
    if float(speed).is_integer():
        return due_ns // int(speed)
    return np.asarray(due_ns / speed).astype(np.int64)


def _lanes(
    recording: Recording, draft: _Draft, lane: Column, wall_ns: Column, seed: int
) -> tuple[Lanes, Column]:
    """Names and gaps of the lanes that play, renumbered by first appearance."""
    first = _first_position(lane, len(draft.session), missing=len(lane))
    used = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(lane))]
    rank = np.empty(len(first), dtype=np.int64)
    rank[used] = np.arange(len(used))
    dense = rank[lane]
    session = draft.session[used]
    user = recording.session_user[session]
    original = tuple(recording.user_names[index] for index in user.tolist())
    clone = _clone_numbers(recording, session, draft.clone[used])
    names = clone_names(original, clone.tolist(), seed, recording.user_names)
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
    return np.asarray(nth[session] + clone * sessions)


def _gaps_ns(lane: Column, wall_ns: Column, lanes: int) -> Column:
    count = np.bincount(lane, minlength=lanes)
    first, last = np.zeros((2, lanes), dtype=np.int64)
    # Due times ascend, and of several assignments to one place the last stays.
    first[lane[::-1]] = wall_ns[::-1]
    last[lane] = wall_ns
    return np.asarray((last - first) // np.maximum(count - 1, 1))


def _first_position(numbers: Column, count: int, missing: int = 0) -> Column:
    """Where each of 0..count first stands in `numbers`; `missing` for those that do not."""
    first = np.full(count, missing, dtype=np.int64)
    # Of several assignments to one place the last stays.
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def _compress_starts(due_ns: Column, session: Column, arrivals: float) -> Column:
    start = np.full(int(session.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(start, session, due_ns)
    start_ns = start[session]
    return np.asarray((start_ns / arrivals).astype(np.int64) + due_ns - start_ns)


def _rows(recording: Recording) -> Column:
    if recording.row is not None:
        return recording.row
    return np.arange(len(recording.due_ns), dtype=np.int64)


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
