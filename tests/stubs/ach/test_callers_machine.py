"""Callers in any order: whatever gets lost on the way, ledger and beliefs add up.

Each payer pays one thing at a time over a wire that loses answers, delivers twice, or says that it
paid what it never asked for. The model counts what became of each intention by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from scorecard.payments import compare
from tests.stubs.ach.rail import DAY_MS, Rail

PAYERS = st.integers(0, 2)
KEYS = st.sampled_from(["none", "same", "fresh"])
WIRES = st.sampled_from(["heard", "lost", "made up error", "down"])


@dataclass
class Wanted:
    """One thing that a payer wants to pay once."""

    keys: str
    request: int
    attempt: int = 0
    requests: list[int] = field(default_factory=list)
    payments: set[str] = field(default_factory=set)
    is_asked: bool = False
    is_heard: bool = False
    was_told_a_lie: bool = False


class Callers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rail = Rail("2026-11-23 12:00")
        self.rail.ledger.watch()
        self.all: list[Wanted] = []
        self.current: dict[int, Wanted] = {}
        self.beliefs: dict[int, bool] = {}
        self.next_request = 0

    @rule(payer=PAYERS, keys=KEYS, is_new=st.booleans(), wire=WIRES, times=st.integers(1, 2))
    def pay(self, payer: int, keys: str, is_new: bool, wire: str, times: int) -> None:
        """The first attempt, or the next one while the caller has heard of none."""
        wanted = self.current.get(payer)
        if wanted is None or wanted.is_heard:
            wanted = self.begin(payer, keys)
        else:
            self.retry(wanted, is_new_request=is_new and wanted.is_asked)
        if wire == "down" and not wanted.is_asked:
            return
        wire = "lost" if wire == "down" else wire
        self.deliver(payer, wanted, times)
        wanted.is_heard = wire == "heard"
        self.beliefs[wanted.request] = wanted.is_heard
        if wire != "heard":
            status = 503 if wire == "made up error" else 0
            self.rail.told(
                wanted.request, attempt=wanted.attempt, status=status, delivered=status > 0
            )

    @rule(payer=PAYERS)
    def lie(self, payer: int) -> None:
        """A fault says 201 to a payment that never reached the rail."""
        wanted = self.current.get(payer)
        if wanted is not None and not wanted.is_heard:
            return
        wanted = self.begin(payer, "none")
        wanted.is_heard = wanted.was_told_a_lie = True
        self.beliefs[wanted.request] = True
        self.rail.told(wanted.request, status=201, delivered=True)

    @rule(seconds=st.integers(0, 60))
    def wait(self, seconds: int) -> None:
        self.rail.now_ms += seconds * 1000

    @rule()
    def sleep_over_it(self) -> None:
        """Longer than likeness counts: what was not heard of by now is left."""
        self.rail.now_ms += 3 * DAY_MS
        self.current.clear()

    def begin(self, payer: int, keys: str) -> Wanted:
        wanted = Wanted(keys, self.take_number())
        wanted.requests.append(wanted.request)
        self.beliefs[wanted.request] = False
        self.all.append(wanted)
        self.current[payer] = wanted
        return wanted

    def retry(self, wanted: Wanted, *, is_new_request: bool) -> None:
        wanted.attempt += 1
        if is_new_request:
            wanted.request, wanted.attempt = self.take_number(), 0
            wanted.requests.append(wanted.request)
            self.beliefs[wanted.request] = False

    def deliver(self, payer: int, wanted: Wanted, times: int) -> None:
        first = wanted.requests[0]
        fresh = f"{first} {wanted.request} {wanted.attempt}"
        key = {"none": "", "same": f"key {first}", "fresh": fresh}[wanted.keys]
        body = {"citizen": f"C-{payer}", "amount": 12, "account": "2"}
        for _ in range(times):
            before = len(self.rail.lines)
            self.rail.pay(body, request=wanted.request, attempt=wanted.attempt, key=key)
            asked = [line for line in self.rail.lines[before:] if line["event"] == "committed"]
            wanted.payments.update(line["payment"] for line in asked)
        wanted.is_asked = True

    def take_number(self) -> int:
        self.next_request += 1
        return self.next_request

    @invariant()
    def a_key_never_pays_twice(self) -> None:
        assert all(len(each.payments) <= 1 for each in self.all if each.keys == "same")

    @invariant()
    def the_ledger_counts_what_the_model_counts(self) -> None:
        ledger = self.rail.ledger
        assert ledger.double_charges == self.surplus()
        assert ledger.ghost_charges == self.ghosts()
        assert ledger.lost_payments == sum(each.was_told_a_lie for each in self.all)

    @invariant()
    def the_comparison_counts_what_the_model_counts(self) -> None:
        truth = compare(self.rail.lines, self.beliefs)
        made = sum(each.is_heard and len(each.payments) == 1 for each in self.all)
        assert truth.payments == len(self.all)
        assert truth.double_charges == self.surplus()
        assert truth.ghost_charges == self.ghosts()
        assert truth.lost_payments == sum(each.was_told_a_lie for each in self.all)
        assert truth.payment_success == (100 * made / len(self.all) if self.all else None)

    @invariant()
    def the_money_adds_up(self) -> None:
        ledger = self.rail.ledger
        believed = sum(each.is_heard and bool(each.payments) for each in self.all)
        standing = believed + self.ghosts() + self.surplus()
        assert ledger.cents["standing"] == 1200 * standing
        assert ledger.cents["committed"] == 1200 * ledger.counts["committed"]

    def surplus(self) -> int:
        return sum(max(0, len(each.payments) - 1) for each in self.all)

    def ghosts(self) -> int:
        return sum(bool(each.payments) and not each.is_heard for each in self.all)


TestCallers = Callers.TestCase
