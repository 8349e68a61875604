"""The rail's ledger against what callers believe: each number, and what is nobody's fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorecard.ledger_file import read_ledger
from scorecard.payments import EXAMPLES, WINDOW_MS, PaymentsTruth, compare

Line = dict[str, Any]


def line(event: str, request: int | None, payment: str | None = None, **more: Any) -> Line:
    """A line of the ledger; all are alike and without a key unless they say otherwise."""
    usual = {"at_ms": 0.0, "attempt": 0, "intent": "a", "key": False, "fingerprint": "f"}
    return {"event": event, "request_id": request, "payment": payment, **usual, **more}


def commit(request: int | None, payment: str, **more: Any) -> Line:
    return line("committed", request, payment, **more)


def keyed(event: str, request: int, payment: str | None, key: str, **more: Any) -> Line:
    return line(event, request, payment, intent=key, key=True, **more)


def numbers(truth: PaymentsTruth) -> tuple[Any, ...]:
    """Intentions, success in percent, double charges, lost payments, ghost charges."""
    return (
        truth.payments,
        truth.payment_success,
        truth.double_charges,
        truth.lost_payments,
        truth.ghost_charges,
    )


CASES = [
    pytest.param([], {}, (0, None, 0, 0, 0), id="nothing"),
    pytest.param([commit(1, "A")], {1: True}, (1, 100, 0, 0, 0), id="as it should be"),
    pytest.param([commit(1, "A")], {1: False}, (1, 0, 0, 0, 1), id="a ghost"),
    pytest.param([], {1: True}, (1, 0, 0, 1, 0), id="lost"),
    pytest.param([], {1: False}, (1, 0, 0, 0, 0), id="failed, and known to have"),
    pytest.param([line("refused", 1, None, status=503)], {1: False}, (1, 0, 0, 0, 0), id="refused"),
    pytest.param(
        [commit(1, "A"), commit(1, "B", attempt=1)], {1: True}, (1, 0, 1, 0, 0), id="retried"
    ),
    pytest.param(
        [commit(1, "A"), commit(1, "B"), commit(1, "C")], {1: False}, (1, 0, 2, 0, 1), id="thrice"
    ),
    pytest.param(
        [keyed("committed", 1, "A", "k"), keyed("duplicate", 1, "A", "k", attempt=1)],
        {1: True},
        (1, 100, 0, 0, 0),
        id="retried with its key",
    ),
    pytest.param(
        [keyed("committed", 1, "A", "k"), keyed("duplicate", 2, "A", "k")],
        {1: False, 2: True},
        (1, 100, 0, 0, 0),
        id="retried with its key by another request",
    ),
    pytest.param(
        [keyed("refused", 1, None, "k", reason="unavailable"), keyed("committed", 2, "A", "k")],
        {1: False, 2: True},
        (1, 100, 0, 0, 0),
        id="refused, then made with the same key",
    ),
    pytest.param(
        [
            keyed("committed", 1, "A", "k"),
            keyed("refused", 2, None, "k", reason="key_reused", fingerprint="g"),
        ],
        {1: True, 2: False},
        (2, 50, 0, 0, 0),
        id="a key used for something else",
    ),
    pytest.param(
        [keyed("committed", 1, "A", "k"), keyed("committed", 2, "A", "k")],
        {1: True, 2: True},
        (1, 100, 0, 0, 0),
        id="a key that was forgotten is still one payment",
    ),
    pytest.param(
        [commit(1, "A"), commit(2, "B")], {1: True, 2: True}, (2, 100, 0, 0, 0), id="bought twice"
    ),
    pytest.param(
        [commit(1, "A"), commit(2, "B", at_ms=WINDOW_MS)],
        {1: False, 2: True},
        (1, 0, 1, 0, 0),
        id="made again by another request",
    ),
    pytest.param(
        [commit(1, "A"), commit(2, "B", at_ms=WINDOW_MS + 1)],
        {1: False, 2: True},
        (2, 50, 0, 0, 1),
        id="an equal one, but later",
    ),
    pytest.param(
        [commit(1, "A"), commit(2, "B", fingerprint="g")],
        {1: False, 2: True},
        (2, 50, 0, 0, 1),
        id="another one meanwhile",
    ),
    pytest.param(
        [commit(1, "A", fingerprint=None), commit(2, "B", fingerprint=None)],
        {1: False, 2: True},
        (2, 50, 0, 0, 1),
        id="too little said to be alike",
    ),
    pytest.param(
        [keyed("committed", 1, "A", "k"), keyed("committed", 2, "B", "l")],
        {1: False, 2: True},
        (1, 0, 1, 0, 0),
        id="made again under another key",
    ),
    pytest.param(
        [keyed("refused", 1, None, "k"), keyed("committed", 2, "B", "l")],
        {1: False, 2: True},
        (2, 50, 0, 0, 0),
        id="another key after nothing was taken",
    ),
    pytest.param(
        [line("refused", 1, None), commit(2, "B")],
        {1: False, 2: True},
        (1, 100, 0, 0, 0),
        id="tried again after nothing was taken",
    ),
    pytest.param([commit(1, "A"), commit(2, "B")], {2: True}, (1, 100, 0, 0, 0), id="no belief"),
    pytest.param(
        [commit(1, "A"), line("returned", 1, "A", told=False)],
        {1: True},
        (1, 0, 0, 1, 0),
        id="came back, and nobody said so",
    ),
    pytest.param(
        [commit(1, "A"), line("returned", 1, "A", told=True)],
        {1: True},
        (1, 0, 0, 0, 0),
        id="came back, and was called back",
    ),
    pytest.param(
        [commit(1, "A"), line("returned", 1, "A", told=False), line("return_told", 9, "A")],
        {1: True},
        (1, 0, 0, 0, 0),
        id="came back, and was looked up",
    ),
    pytest.param(
        [commit(1, "A"), line("returned", 1, "A", told=False)],
        {1: False},
        (1, 0, 0, 0, 0),
        id="a ghost that came back",
    ),
    pytest.param(
        [commit(1, "A"), line("reversed", 2, "A")],
        {1: True, 2: True},
        (1, 0, 0, 0, 0),
        id="reversed, which is no payment",
    ),
    pytest.param(
        [commit(1, "A"), line("reversal_refused", 2, "A")],
        {1: True, 2: False},
        (1, 100, 0, 0, 0),
        id="nor is a reversal that was refused",
    ),
    pytest.param(
        [commit(1, "A"), commit(1, "B"), line("reversed", 2, "A")],
        {1: True},
        (1, 100, 0, 0, 0),
        id="a double charge that was put right",
    ),
    pytest.param(
        [commit(None, "A"), commit(None, "B"), line("charged_again", None, "B", again_of="A")],
        {},
        (0, None, 1, 0, 0),
        id="seen by the rail alone",
    ),
    pytest.param(
        [commit(1, "A"), commit(2, "B"), line("charged_again", 2, "B", again_of="A")],
        {1: True, 2: True},
        (2, 100, 0, 0, 0),
        id="what the rail took for a repetition, while its caller knew",
    ),
]


@pytest.mark.parametrize(("lines", "beliefs", "wanted"), CASES)
def test_the_numbers_are(lines: list[Line], beliefs: dict[int, bool], wanted: Any) -> None:
    assert numbers(compare(lines, beliefs)) == wanted


def test_without_a_ledger_nothing_was_measured() -> None:
    assert compare(None, {1: True}) == PaymentsTruth()
    assert numbers(PaymentsTruth()) == (None,) * 5


def test_without_beliefs_only_the_rails_own_number_was_measured() -> None:
    truth = compare([commit(3, "A"), commit(3, "B"), commit(4, "C")], None)
    assert numbers(truth) == (None, None, 1, None, None)
    assert truth.examples == {"double_charges": (3,)}


def test_examples_are_the_first_few_requests() -> None:
    ghosts = [commit(n, f"G{n}", fingerprint=f"g{n}") for n in range(40)]
    doubles = [commit(50, "A"), commit(50, "B")]
    truth = compare([*ghosts, *doubles], {**dict.fromkeys(range(40), False), 50: True, 60: True})
    assert truth.examples == {
        "double_charges": (50,),
        "lost_payments": (60,),
        "ghost_charges": tuple(range(EXAMPLES)),
    }


events = st.builds(
    line,
    st.sampled_from(["committed", "duplicate", "refused", "returned", "reversed", "charged_again",
                     "unheard", "settled", "return_told", "reversal_refused", "something new"]),
    st.none() | st.integers(0, 6),
    st.sampled_from(["A", "B", "C", "D"]),
    at_ms=st.floats(0, 2e6),
    intent=st.sampled_from(["i", "j"]),
    key=st.booleans(),
    fingerprint=st.none() | st.sampled_from(["f", "g"]),
    again_of=st.sampled_from(["A", "B", "E"]),
    told=st.booleans(),
)  # fmt: skip


@given(st.lists(events, max_size=30), st.dictionaries(st.integers(0, 8), st.booleans()))
def test_any_ledger_adds_up(lines: list[Line], beliefs: dict[int, bool]) -> None:
    truth = compare(lines, beliefs)
    intentions, success, doubles, lost, ghosts = numbers(truth)
    assert 0 <= lost + ghosts <= intentions <= len(beliefs)
    commits = {each["payment"] for each in lines if each["event"] == "committed"}
    assert 0 <= doubles <= max(0, len(commits) - 1)
    assert success is None or 0 <= success <= 100 * (intentions - lost - ghosts) / intentions
    assert compare(iter(lines), beliefs) == truth


def test_a_million_payments_are_a_few_integers_each() -> None:
    """Not a time: the columns' own bytes, which is what grows with a run."""
    from scorecard.payments import _Lines

    lines = _Lines()
    for n in range(10_000):
        lines.add(commit(n, f"PAY-{n}"))
    columns = (lines.request, lines.payment, lines.key, lines.fingerprint, lines.at_ms)
    held = sum(column.itemsize * len(column) for column in columns) + len(lines.is_commit)
    assert held == 10_000 * 41
    assert not lines.undone
    assert not lines.reversals


def test_a_ledger_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b'{"event": "committed"}\n{"event": "settled"}\n{"event": "comm')
    assert [each["event"] for each in read_ledger(path)] == ["committed", "settled"]


@pytest.mark.parametrize("broken", [b"{", b"[]", b"{}", b'{"event": 5}', b"\xff", b""])
def test_a_broken_line_is_named(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "ledger.ndjson"
    path.write_bytes(b'{"event": "committed"}\n' + broken + b"\n")
    with pytest.raises(ValueError, match=r"ledger\.ndjson, line 2: "):
        list(read_ledger(path))
