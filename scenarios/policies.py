"""A policy of the anonymiser inside a scenario: as it is written down again.

Floor 2, pure. `replay/anonymise/policy_reader.py` reads it; docs/anonymise.md has its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from replay.anonymise.policy import BUILT_IN, Policy, Rule


def policy_mapping(policy: Policy) -> Mapping[str, Any] | Literal[True]:
    """The policy as YAML would hold it; reading that gives an equal one."""
    if policy == BUILT_IN:
        return True
    return {"name": policy.name, **{rule.pattern: _said(rule) for rule in policy.rules}}


def _said(rule: Rule) -> str | dict[str, str]:
    return {"do": rule.action, "kind": rule.kind} if rule.kind else rule.action
