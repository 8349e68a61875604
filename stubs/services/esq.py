"""HMS-ESQ: says whether something may be done, and which rule decided; see esq.yml.

The same case has the same verdict, whoever asks and when. Floor 1, pure.
Read next: `esq_rules.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from stubs.service import Answer, Asked, Surroundings, answer_json, text_of
from stubs.services.esq_rules import NO_RULE, RULES, Rule, read_case
from stubs.services.logic import ServiceLogic, Settings
from switchboard.fault_reader import nearest

ALLOWED: Final = Rule(NO_RULE, "", "allow", "no rule speaks against it", lambda case: True)


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    settings = Settings(surroundings, "esq", ("off",))
    off = [word for word in settings.text("off").replace(",", " ").split() if word]
    known = [rule.name for rule in RULES]
    for name in off:
        if name not in known:
            settings.fault("off", f"there is no rule {name:.40}; {nearest(name, known)}")
    settings.check()
    desk = Desk([rule for rule in RULES if rule.name not in off])
    handlers = {"check": desk.check, "rules": desk.show_rules, "hits": desk.show_hits}
    return ServiceLogic(handlers, (desk.counts,))


class VerdictCounts:
    """How often each rule decided; a store that is as small as the table."""

    name = "verdicts"

    def __init__(self) -> None:
        self.by_rule: Counter[str] = Counter()

    def snapshot(self, limit: int) -> dict[str, Any]:
        return dict(self.by_rule.most_common(max(limit, 0)))

    def put(self, key: str, value: Any) -> None:
        raise ValueError("verdicts are counted by POST /check, not set from outside")

    def reset(self) -> None:
        self.by_rule.clear()


class Desk:
    """Where cases are decided."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self.counts = VerdictCounts()

    def check(self, asked: Asked) -> Answer:
        """POST /check."""
        fields = asked.json()
        case = read_case(fields)
        hits = [rule for rule in self._rules if rule.meets(case)]
        decided = hits[0] if hits else ALLOWED
        self.counts.by_rule[decided.name] += 1
        return answer_json(
            200,
            subject=text_of(fields.get("citizen", fields.get("subject"))),
            verdict=decided.verdict,
            rule=decided.name,
            law=decided.law,
            reason=decided.reason,
            hits=[rule.name for rule in hits],
            env="sandbox",
        )

    def show_rules(self, asked: Asked) -> Answer:
        """GET /rules."""
        rows = [
            {"rule": rule.name, "law": rule.law, "verdict": rule.verdict, "when": rule.reason}
            for rule in self._rules
        ]
        return answer_json(200, rules=rows, env="sandbox")

    def show_hits(self, asked: Asked) -> Answer:
        """GET /hits: how many cases were not simply allowed, and by which rules."""
        decided = {name: n for name, n in self.counts.by_rule.items() if name != NO_RULE}
        total = self.counts.by_rule.total()
        return answer_json(
            200, checked=total, hits=sum(decided.values()), by_rule=decided, env="sandbox"
        )
