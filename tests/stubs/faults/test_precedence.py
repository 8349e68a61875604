"""Which of several faults decides, by the table of docs/faults.md and by property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.faults.course import USUAL, CallbackTwist, Course, Cut, Hold, Pacing
from stubs.faults.dns import Dns
from stubs.faults.down import Down
from stubs.faults.duplicate_delivery import DuplicateDelivery
from stubs.faults.empty import Empty
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.ghost_commit import GhostCommit
from stubs.faults.hang import Hang
from stubs.faults.kind import FaultKind
from stubs.faults.kinds import FAULT_KINDS
from stubs.faults.late_settlement import LateSettlement
from stubs.faults.latency import Latency
from stubs.faults.loss import Loss
from stubs.faults.malformed import Malformed
from stubs.faults.out_of_order_callback import OutOfOrderCallback
from stubs.faults.quota import Quota
from stubs.faults.reset import Reset
from stubs.faults.slow_close import SlowClose
from stubs.faults.stale_read import StaleRead
from stubs.faults.throttle import Throttle
from stubs.faults.tls import Tls
from stubs.faults.truncate import Truncate
from tests.stubs.faults.examples import an_ask
from tests.stubs.faults.strategies import KINDS

DECIDING: Mapping[str, FaultKind] = {
    "dns": Dns(),
    "down": Down(),
    "tls": Tls(),
    "reset": Reset(),
    "quota": Quota(limit=0),
    "error": Error(),
    "ghost_commit": GhostCommit(),
    "hang": Hang(),
    "empty": Empty(),
    "truncate": Truncate(),
    "malformed": Malformed(),
}
"""Each says how a request ends, the strongest first."""

RANKS = list(DECIDING)
PAIRS = [(one, two) for at, one in enumerate(RANKS) for two in RANKS[at + 1 :]]
STALLS = tuple((packet, 0.2) for packet in range(64))


def course_of(*kinds: FaultKind, **ask: Any) -> Course:
    """Of faults that are called after their kinds."""
    return course_of_faults([Fault(kind.NAME, kind) for kind in kinds], **ask)


def course_of_faults(faults: Sequence[Fault], **ask: Any) -> Course:
    return Chaos(1, RecordedClock(Anchor(0), lambda: 0), faults).course(an_ask(**ask))


@pytest.mark.parametrize(("stronger", "weaker"), PAIRS)
def test_the_strongest_decides_alone(stronger: str, weaker: str) -> None:
    one, two = DECIDING[stronger], DECIDING[weaker]
    assert course_of(one, two) == course_of(two, one) == course_of(one)
    assert course_of(one).faults == (stronger,)


@pytest.mark.parametrize("name", [name for name in RANKS if name not in ("truncate", "malformed")])
@pytest.mark.parametrize(
    "kind", [Throttle(bytes_per_s=9.0), Loss(percent=1.0), SlowClose()], ids=lambda kind: kind.NAME
)
def test_the_bytes_of_an_answer_are_left_alone_by_what_decides(name: str, kind: FaultKind) -> None:
    assert course_of(DECIDING[name], kind) == course_of(DECIDING[name])


@pytest.mark.parametrize(
    ("kinds", "course"),
    [
        pytest.param(
            (Throttle(bytes_per_s=9.0), Loss(percent=1.0), Truncate()),
            Course(
                ("throttle", "loss", "truncate"),
                pacing=Pacing(9.0, 1460, stalls=STALLS),
                cut=Cut("close", "response", fraction=0.5),
            ),
            id="throttle, loss and truncate",
        ),
        pytest.param(
            (Throttle(bytes_per_s=9.0), Malformed(), SlowClose(delay_ms=5.0)),
            Course(
                ("throttle", "malformed", "slow_close"),
                pacing=Pacing(9.0),
                garble="json",
                close_delay_s=0.005,
            ),
            id="throttle, malformed and slow_close",
        ),
        pytest.param(
            (Truncate(), SlowClose()),
            Course(("truncate",), cut=Cut("close", "response", fraction=0.5)),
            id="truncate without slow_close",
        ),
        pytest.param(
            (GhostCommit(), DuplicateDelivery(), LateSettlement(lag_s=1.0), StaleRead(lag_s=2.0)),
            Course(
                ("ghost_commit", "duplicate_delivery", "late_settlement", "stale_read"),
                asks=2,
                cut=Cut("reset", "response", after_bytes=0),
                settle_lag_ms=1000.0,
                stale_ms=2000.0,
            ),
            id="ghosts go with what happens inside",
        ),
        pytest.param(
            (Reset(phase="response"), OutOfOrderCallback()),
            Course(
                ("reset", "out_of_order_callback"),
                cut=Cut("reset", "response", 0.0, 0),
                callbacks=CallbackTwist(is_shuffled=True),
            ),
            id="a reset in the answer lets the service call back",
        ),
        pytest.param(
            (Hang(for_s=1.0, then="respond"), DuplicateDelivery()),
            Course(("hang", "duplicate_delivery"), asks=2, hold=Hold(1.0, "respond")),
            id="a late answer",
        ),
        pytest.param(
            (Hang(), DuplicateDelivery(), StaleRead(), OutOfOrderCallback(), LateSettlement()),
            Course(("hang",), asks=0, hold=Hold(None, "close")),
            id="nothing inside a service that is not asked",
        ),
        pytest.param(
            (Down(), Latency(ms=40.0)),
            Course(("down", "latency"), asks=0, cut=Cut("reset"), before_s=0.04),
            id="latency always",
        ),
        pytest.param(
            (Down(restart_after_s=90.0, cold_start_ms=800.0), Hang()),
            Course(("down", "hang"), asks=0, hold=Hold(None, "close"), before_s=0.8),
            id="a service that warms up is up",
        ),
    ],
)
def test_what_goes_together(kinds: tuple[FaultKind, ...], course: Course) -> None:
    assert course_of(*kinds) == course
    assert course_of(*kinds[::-1]) == course


def test_of_equals_the_later_to_begin_decides_then_the_first_id() -> None:
    def errors(*rows: tuple[str, int, float]) -> int:
        faults = [
            Fault(name, Error(status=status), at_ms=at_ms, max_active=9)
            for name, status, at_ms in rows
        ]
        answers = [course_of_faults(order).answer for order in (faults, faults[::-1])]
        assert answers[0] is not None
        assert answers[0] == answers[1]
        return answers[0].status

    assert errors(("a", 500, 0.0), ("b", 503, 1.0)) == 503
    assert errors(("a", 500, 0.0), ("b", 503, 0.0)) == 500


def test_latencies_add_up() -> None:
    faults = [Fault(name, Latency(ms=ms)) for name, ms in (("a", 10.0), ("b", 20.0), ("c", 0.0))]
    course = course_of_faults(faults)
    assert course.before_s == pytest.approx(0.03)
    assert course.faults == ("a", "b")


MANY = st.lists(st.one_of(list(KINDS.values())), max_size=6)


@given(MANY, st.randoms(use_true_random=False))
def test_the_order_of_writing_never_matters(kinds: list[FaultKind], random: Any) -> None:
    faults = [
        Fault(f"f{at}", kind, at_ms=float(at % 2), max_active=9) for at, kind in enumerate(kinds)
    ]
    shuffled = list(faults)
    random.shuffle(shuffled)
    assert course_of_faults(faults) == course_of_faults(shuffled)


@given(MANY)
def test_whoever_touches_changes_something_and_nobody_else_does(kinds: list[FaultKind]) -> None:
    faults = [Fault(f"f{at}", kind, max_active=9) for at, kind in enumerate(kinds)]
    course = course_of_faults(faults)
    ranks = {fault.id: fault.kind.RANK for fault in faults}
    assert [ranks[name] for name in course.faults] == sorted(ranks[name] for name in course.faults)
    touching = [fault for fault in faults if fault.id in course.faults]
    assert course_of_faults(touching) == course
    assert (course is USUAL) == (not course.faults)


def test_the_table_has_every_kind() -> None:
    adding = {
        "throttle", "loss", "slow_close", "duplicate_delivery", "out_of_order_callback",
        "late_settlement", "stale_read", "clock_skew", "latency",
    }  # fmt: skip
    assert adding | DECIDING.keys() == FAULT_KINDS.keys()
    assert [name for name in FAULT_KINDS if name in DECIDING] == RANKS
