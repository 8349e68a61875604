"""The rules of HMS-ESQ: a small table, each row one question about what is to be done.

They stand for the laws that they name as a sandbox's walls stand for a street: near enough to
rehearse with, and no legal advice. Floor 1, pure. Read next: `esq.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Verdict = Literal["allow", "deny", "review"]

REPORTED_USD: Final = 10_000
LONGEST_KEPT_DAYS: Final = 7 * 365
CONSENT_AGE: Final = 13

# What nobody can have (areas 000, 666 and 900 to 999) is made-up data, as a sandbox should have it.
_SSN: Final = re.compile(
    r"(?<![0-9-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![0-9-])"
)
_HEALTH: Final = frozenset({"diagnosis", "health", "medical", "medication", "treatment"})
_EDUCATION: Final = frozenset({"disciplinary", "education", "grades", "transcript"})
_CARE: Final = frozenset({"operations", "payment", "treatment"})
_DISCLOSING: Final = frozenset({"disclose", "export", "publish", "sell", "send", "share"})
_ADVERSE: Final = frozenset({"deny", "reject", "revoke", "terminate"})
_AGENTS: Final = frozenset({"agent", "agt", "agx", "bot", "model"})


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked about, as far as it could be read; texts are in lower case."""

    action: str = ""
    purpose: str = ""
    actor: str = ""
    data: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    has_consent: bool = False
    has_human: bool = False
    age: float | None = None
    amount_usd: float | None = None
    kept_days: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Of those that meet a case the first in the table decides."""

    name: str
    law: str
    verdict: Verdict
    reason: str
    meets: Callable[[Case], bool]


RULES: Final = (
    Rule(
        "PII-1",
        "Privacy Act",
        "deny",
        "a Social Security number stands in clear text",
        lambda case: any(_SSN.search(text) for text in case.texts),
    ),
    Rule(
        "HIPAA-1",
        "HIPAA",
        "deny",
        "health data is disclosed without consent, and not for care",
        lambda case: (
            _discloses(case, _HEALTH) and not case.has_consent and case.purpose not in _CARE
        ),
    ),
    Rule(
        "FERPA-1",
        "FERPA",
        "deny",
        "education records are disclosed without consent",
        lambda case: _discloses(case, _EDUCATION) and not case.has_consent,
    ),
    Rule(
        "COPPA-1",
        "COPPA",
        "deny",
        f"data of a child under {CONSENT_AGE} is used without a parent's consent",
        lambda case: case.age is not None and case.age < CONSENT_AGE and not case.has_consent,
    ),
    Rule(
        "AUTO-1",
        "Due process",
        "review",
        "an agent decides against a citizen, and no person has looked",
        lambda case: case.actor in _AGENTS and case.action in _ADVERSE and not case.has_human,
    ),
    Rule(
        "BSA-1",
        "Bank Secrecy Act",
        "review",
        f"more than {REPORTED_USD:,} dollars are moved",
        lambda case: case.amount_usd is not None and case.amount_usd > REPORTED_USD,
    ),
    Rule(
        "KEEP-1",
        "Records schedule",
        "review",
        f"it is kept longer than {LONGEST_KEPT_DAYS:,} days",
        lambda case: case.kept_days is not None and case.kept_days > LONGEST_KEPT_DAYS,
    ),
)
NO_RULE: Final = "NONE"


def _discloses(case: Case, kinds: frozenset[str]) -> bool:
    return case.action in _DISCLOSING and not kinds.isdisjoint(case.data)


def read_case(fields: Mapping[str, Any]) -> Case:
    """A case from a body; what is of another kind than it should be is not there."""
    raw_data = fields.get("data")
    kinds = raw_data if isinstance(raw_data, list | dict) else [raw_data]
    return Case(
        _word(fields.get("action")),
        _word(fields.get("purpose")),
        _word(fields.get("actor")),
        frozenset(word for word in map(_word, kinds) if word),
        tuple(_texts_in(fields)),
        fields.get("consent") is True,
        fields.get("human") is True,
        _number(fields.get("age")),
        _number(fields.get("amount_usd", fields.get("amount"))),
        _number(fields.get("retention_days")),
    )


def _word(value: object) -> str:
    return value.strip().lower()[:100] if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and -1e15 < value < 1e15 else None  # type: ignore[operator,return-value]


def _texts_in(fields: Mapping[str, Any]) -> list[str]:
    """Every text of the body, however deep."""
    left: list[Any] = [fields]
    texts: list[str] = []
    while left:
        value = left.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return texts
