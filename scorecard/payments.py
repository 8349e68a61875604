"""What became of payments: the rail's ledger compared with what callers believe.

Requests, keys and payments that belong to one intention are joined into one group; then each group
is judged: believed or not, and how many of its payments stand. docs/ach.md has the rules in words.
Floor 2, pure; memory is a few integers for each line of the ledger.
Read next: `ledger_file.py` (the lines), `beliefs.py` (the other side).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from switchboard.seeded import text64

WINDOW_MS: Final = 600_000.0
"""An equal payment this soon (recorded time) after one that failed is its repetition."""
EXAMPLES: Final = 10

Ints = npt.NDArray[np.int64]

_ASKED: Final = frozenset({"committed", "duplicate", "refused"})
_REVERSALS: Final = frozenset({"reversed", "reversal_duplicate", "reversal_refused"})
_NOBODY: Final = -1


@dataclass(frozen=True, slots=True)
class PaymentsTruth:
    """What the ledger says of what callers believe. None is what nobody measured.

    payments: intentions whose callers heard how they ended, or gave up.
    payment_success: percent of those that are believed made and stand in the ledger exactly once.
    double_charges: standing payments beyond the first of an intention.
    lost_payments: believed made, while nothing stands and nobody told the caller.
    ghost_charges: believed failed, while a payment stands.
    examples: by the name of a number, the request ids of the first few.
    """

    payments: int | None = None
    payment_success: float | None = None
    double_charges: int | None = None
    lost_payments: int | None = None
    ghost_charges: int | None = None
    examples: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def compare(
    events: Iterable[Mapping[str, Any]] | None,
    beliefs: Mapping[int, bool] | None,
    *,
    window_ms: float = WINDOW_MS,
) -> PaymentsTruth:
    """The truth about a run's payments.

    events: the ledger's lines in their order, None when there was no ledger.   beliefs: by request
    id, whether its caller was told in the end that the payment was made; None when nobody asked.
    """
    if events is None:
        return PaymentsTruth()
    lines = _Lines()
    for event in events:
        lines.add(event)
    return _judge(_Groups(lines, beliefs or {}, window_ms), has_beliefs=beliefs is not None)


class _Lines:
    """The ledger as columns of integers, one row for each request that asked for a payment."""

    def __init__(self) -> None:
        self.request = array("q")
        self.payment = array("Q")
        self.key = array("Q")
        self.fingerprint = array("Q")
        self.at_ms = array("d")
        self.is_commit = array("B")
        self.again: list[tuple[int, int]] = []
        self.undone: dict[int, bool] = {}
        """Payments that came back or were reversed, and whether their callers know."""
        self.reversals: set[int] = set()
        """Requests that asked for a reversal: they are no payments."""

    def add(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        payment = _hashed(event.get("payment"))
        if kind in _ASKED:
            self._add_row(event, kind, payment)
        elif kind == "charged_again":
            self.again.append((_hashed(event["again_of"]), payment))
        elif kind == "returned":
            self.undone[payment] = bool(event.get("told"))
        elif kind == "return_told" or kind == "reversed":
            self.undone[payment] = True
        if kind in _REVERSALS and event.get("request_id") is not None:
            self.reversals.add(event["request_id"])

    def _add_row(self, event: Mapping[str, Any], kind: str, payment: int) -> None:
        request = event.get("request_id")
        # A key that was used for something else says nothing about what this one is.
        has_key = event.get("key") and event.get("reason") != "key_reused"
        self.request.append(_NOBODY if request is None else request)
        self.payment.append(payment)
        self.key.append(_hashed(event["intent"]) if has_key else 0)
        self.fingerprint.append(_hashed(event.get("fingerprint")))
        self.at_ms.append(event.get("at_ms") or 0.0)
        self.is_commit.append(kind == "committed")


class _Groups:
    """Which requests and payments are one intention. A node is a request, a payment or a key."""

    def __init__(self, lines: _Lines, beliefs: Mapping[int, bool], window_ms: float) -> None:
        self.lines = lines
        self.beliefs = {
            request: told for request, told in beliefs.items() if request not in lines.reversals
        }
        known = np.fromiter(self.beliefs, dtype=np.int64, count=len(self.beliefs))
        self._requests = np.unique(np.concatenate([known, np.asarray(lines.request)]))
        self.payments = np.unique(np.asarray(lines.payment, dtype=np.uint64))
        keys = np.unique(np.asarray(lines.key, dtype=np.uint64))
        self._first_payment = len(self._requests)
        self._first_key = self._first_payment + len(self.payments)
        self._parent = array("q", range(self._first_key + len(keys)))
        self._request_of = np.searchsorted(self._requests, np.asarray(lines.request))
        self._payment_of = self._nodes(self.payments, lines.payment, self._first_payment)
        self._key_of = self._nodes(keys, lines.key, self._first_key)
        self._join_lines()
        self._join_repetitions(window_ms)
        self._join_told_repetitions()

    def of_request(self, request: int) -> int:
        return self._find(int(np.searchsorted(self._requests, request)))

    def of_payment(self, number: int) -> int:
        """The group of the payment at a position of `payments`."""
        return self._find(self._first_payment + number)

    def committed(self) -> Ints:
        """Positions in `payments` of what was really taken."""
        is_commit = np.asarray(self.lines.is_commit, dtype=bool)
        return np.unique(self._payment_of[is_commit]) - self._first_payment

    def _nodes(self, known: npt.NDArray[np.uint64], of: array[int], first: int) -> Ints:
        return first + np.searchsorted(known, np.asarray(of, dtype=np.uint64)).astype(np.int64)

    def _join_lines(self) -> None:
        lines = self.lines
        for row, request in enumerate(lines.request):
            node = self._request_of[row] if request != _NOBODY else self._payment_of[row]
            if lines.payment[row]:
                self._join(node, self._payment_of[row])
            if lines.key[row] and (request != _NOBODY or lines.payment[row]):
                self._join(node, self._key_of[row])

    def _join_repetitions(self, window_ms: float) -> None:
        """Join a request whose caller believes that it failed with the next one like it."""
        lines = self.lines
        prints = np.asarray(lines.fingerprint, dtype=np.uint64)
        order = np.lexsort((np.asarray(lines.at_ms), prints))
        before = None
        for row in order.tolist():
            if not lines.fingerprint[row] or lines.request[row] == _NOBODY:
                continue
            if before is not None and self._is_repetition(before, row, window_ms):
                self._join(self._request_of[before], self._request_of[row])
            before = row

    def _is_repetition(self, before: int, row: int, window_ms: float) -> bool:
        lines = self.lines
        is_alike = lines.fingerprint[before] == lines.fingerprint[row]
        is_other = lines.request[before] != lines.request[row]
        if not is_alike or not is_other:
            return False
        if self.beliefs.get(lines.request[before]) is not False:
            return False
        if lines.at_ms[row] - lines.at_ms[before] > window_ms:
            return False
        # Two keys are two intentions, unless what was taken under the first was never heard of.
        return bool(lines.payment[before]) or not (lines.key[before] or lines.key[row])

    def _join_told_repetitions(self) -> None:
        """Join what the rail saw charged again, where its caller's belief is not known."""
        lines = self.lines
        positions = {payment: at for at, payment in enumerate(self.payments.tolist())}
        if not lines.again:
            return
        asked_by = dict(zip(lines.payment, lines.request, strict=True))
        for earlier, later in lines.again:
            is_there = earlier in positions and later in positions
            if is_there and asked_by[earlier] not in self.beliefs:
                first = self._first_payment
                self._join(first + positions[earlier], first + positions[later])

    def _join(self, one: int, other: int) -> None:
        one, other = self._find(int(one)), self._find(int(other))
        self._parent[max(one, other)] = min(one, other)

    def _find(self, node: int) -> int:
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node


def _judge(groups: _Groups, *, has_beliefs: bool) -> PaymentsTruth:
    standing: dict[int, int] = {}
    is_explained: set[int] = set()
    for number in groups.committed().tolist():
        group = groups.of_payment(number)
        told = groups.lines.undone.get(int(groups.payments[number]))
        standing[group] = standing.get(group, 0) + (told is None)
        if told:
            is_explained.add(group)
    believed: dict[int, bool] = {}
    first_request: dict[int, int] = {}
    for request, is_told in groups.beliefs.items():
        group = groups.of_request(request)
        believed[group] = believed.get(group, False) or is_told
        first_request[group] = min(request, first_request.get(group, request))
    doubles = {group: count - 1 for group, count in standing.items() if count > 1}
    examples = {"double_charges": _examples(doubles, _any_request(groups, doubles, first_request))}
    if not has_beliefs:
        return PaymentsTruth(double_charges=sum(doubles.values()), examples=examples)
    lost = [
        group
        for group, is_believed in believed.items()
        if is_believed and not standing.get(group) and group not in is_explained
    ]
    ghosts = [group for group, told in believed.items() if not told and standing.get(group)]
    made = sum(told and standing.get(group) == 1 for group, told in believed.items())
    examples["lost_payments"] = _examples(lost, first_request)
    examples["ghost_charges"] = _examples(ghosts, first_request)
    return PaymentsTruth(
        payments=len(believed),
        payment_success=100.0 * made / len(believed) if believed else None,
        double_charges=sum(doubles.values()),
        lost_payments=len(lost),
        ghost_charges=len(ghosts),
        examples=examples,
    )


def _any_request(
    groups: _Groups, wanted: Mapping[int, int], known: Mapping[int, int]
) -> dict[int, int]:
    """A request of each wanted group, from the ledger where there is no belief."""
    found = {group: known[group] for group in wanted if group in known}
    if len(found) < len(wanted):
        for request in groups.lines.request:
            group = groups.of_request(request) if request != _NOBODY else _NOBODY
            if group in wanted and group not in known:
                found[group] = min(request, found.get(group, request))
    return found


def _examples(groups: Iterable[int], request_of: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(sorted(request_of[group] for group in groups if group in request_of)[:EXAMPLES])


def _hashed(value: object) -> int:
    """A text as an integer that is not 0; 0 for none."""
    return text64(value) or 1 if isinstance(value, str) else 0
