"""The numbers of a run as they grow, and the verdict at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hms_esr.preparation import Preparation
from hms_esr.trace_words import trace_facts
from replay.fleet import WorkerUsage
from replay.outcome import Outcomes
from scenarios.units import format_speed
from scorecard.beliefs import Beliefs
from scorecard.card import (
    Moment,
    Production,
    RunFacts,
    Scorecard,
    State,
    snapshot,
)
from scorecard.certificate import Certificate, Course, Verdict, certify, verdict
from scorecard.payments import PaymentsTruth
from scorecard.slo import slo_named
from scorecard.tally import Lap, Tally


class Judge:
    """Folds outcomes and says what they mean. One a run."""

    def __init__(self, prep: Preparation, run_id: str) -> None:
        plan, scenario = prep.plan, prep.scenario
        self._prep = prep
        account = prep.tape.info.account
        self._facts = RunFacts(
            run_id=run_id,
            scenario=scenario.id,
            speed=format_speed(scenario.speed),
            planned=len(plan),
            skipped=account.skipped_total + account.dropped_total + sum(plan.unplayable.values()),
            workers=prep.options.workers,
            slos=tuple(slo_named(slo.name, slo.limit) for slo in scenario.slo),
            trace=trace_facts(prep),
        )
        self._told = Beliefs(len(plan), prep.tape.route[plan.row], prep.tape.info.routes)
        self._tally = Tally(
            prep.tape.info.routes,
            len(plan.lanes.name),
            "open" if prep.pace.is_paced else "max",
            int(plan.due_ns[-1]),
        )

    def fold(self, rows: Outcomes) -> None:
        """Add outcomes, in the order their lanes had them."""
        self._tally.fold(rows)
        self._told.fold(rows)

    @property
    def beliefs(self) -> Mapping[int, bool]:
        """Of each payment that was sent, whether its caller was told that it succeeded."""
        return self._told.of_payments

    def lap(self, elapsed_s: float) -> Lap:
        """What happened since the last time this was asked."""
        return self._tally.lap(elapsed_s)

    def card(
        self, state: State, elapsed_s: float, production: Production | None = None
    ) -> Scorecard:
        """The scorecard of a run that is not over. production: what the interlock counted."""
        moment = Moment(state, elapsed_s, self._trace_s(elapsed_s), production=production)
        return snapshot(self._facts, self._tally, moment)

    def conclude(
        self,
        state: State,
        elapsed_s: float,
        usages: Sequence[WorkerUsage],
        lost: Sequence[int],
        production: Production | None = None,
        payments: PaymentsTruth | None = None,
        broken: str | None = None,
    ) -> tuple[Scorecard, Certificate]:
        """The final scorecard and the certificate. payments: what the ledger says of them.

        broken: what broke beneath the run and ended it; such a run is void.
        """
        cpu_s = _sum([usage.cpu_s for usage in usages])
        course = Course(
            planned=self._facts.planned,
            elapsed_s=elapsed_s,
            speed=self._facts.speed,
            stopped=state == "aborted" or broken is not None,
            workers=self._facts.workers,
            lost_workers=len(lost),
            cpu_s=cpu_s,
            broken=broken,
        )
        certificate = certify(self._tally, course)
        now = Moment(state, elapsed_s, self._trace_s(elapsed_s), payments=payments)
        results = snapshot(self._facts, self._tally, now)["slo"]
        final: Verdict | None
        final, reason = verdict(certificate, results)
        if state == "aborted" and not self._tally.sent:
            final, reason = None, "it was stopped before anything was sent"
        moment = Moment(
            state,
            elapsed_s,
            self._trace_s(elapsed_s),
            verdict=final,
            reason=reason,
            cpu_s=cpu_s,
            rss_mb=_sum([usage.rss_mb for usage in usages]),
            production=production,
            payments=payments,
        )
        return snapshot(self._facts, self._tally, moment), certificate

    def _trace_s(self, elapsed_s: float) -> float:
        """How much recorded time has been played; by requests where there is no clock."""
        planned_s = self._prep.plan.trace_ns / 1e9
        if self._prep.pace.is_paced:
            return min(planned_s, elapsed_s * self._prep.pace.speed)
        return planned_s * self._tally.sent / max(1, self._facts.planned)


def _sum(numbers: Sequence[float | None]) -> float | None:
    """None when one of them was not measured."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None
