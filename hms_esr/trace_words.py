"""What a report says of the trace behind it: each entry's fate, and what was let through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hms_esr.preparation import Preparation
from replay.coverage import compare, describe_coverage
from replay.tape import ANONYMISER
from scorecard.card import trace_of


def coverage_of(prep: Preparation) -> dict[str, Any]:
    """How far what is sent is from what was recorded, in figures and in `notes` for people."""
    tape, plan = prep.tape, prep.plan
    names = [route.name for route in tape.info.routes]
    sent = tape.route[plan.row]
    coverage = compare(tape.route, sent, tape.due_ns, np.sort(plan.due_ns), names)
    return {**coverage.to_json(), "notes": list(describe_coverage(coverage))}


def trace_facts(prep: Preparation) -> dict[str, Any]:
    """The `trace` of a scorecard: the account, what was done about people, and the coverage."""
    return {
        **trace_of(prep.tape.info.account),
        "anonymiser": prep.tape.info.anonymiser,
        "coverage": coverage_of(prep),
    }


def describe_trace(trace: Mapping[str, Any]) -> tuple[str, ...]:
    """Lines for the end of a report. trace: a scorecard's, perhaps of an earlier release."""
    if "entries" not in trace:
        return ()
    lines = [f"trace  {describe_account(trace)}"]
    done = trace.get("anonymiser", ANONYMISER)
    lines += [f"personal data  {done}"] if done != ANONYMISER else []
    lines += [f"let through by --allow-kind: {found}" for found in list_allowed(trace)]
    lines += [f"not as recorded: {note}" for note in trace.get("coverage", {}).get("notes", ())]
    return tuple(lines)


def describe_account(account: Mapping[str, Any]) -> str:
    """`10,000 entries (combined): 9,998 used; skipped bad stamp: 2 (first: a.log line 7)`."""
    entries = account["entries"]
    text = f"{entries:,} {'entry' if entries == 1 else 'entries'}"
    text += f" ({account['format']})" if account["format"] else ""
    text += f": {account['used']:,} used"
    if account["skipped"]:
        text += f"; skipped {list_counts(account['skipped'])}"
        examples = account.get("examples", ())
        if examples:
            text += f" (first: {examples[0]['file']} line {examples[0]['line']})"
    if account.get("dropped"):
        text += f"; left out by filters {list_counts(account['dropped'])}"
    if account["stamps"] != "exact":
        text += f"; stamps {account['stamps']}"
    if account["out_of_order"]:
        text += f"; {account['out_of_order']:,} out of order, sorted"
    return text


def list_allowed(account: Mapping[str, Any]) -> tuple[str, ...]:
    """`1 email, 3 ssn`: what the leak gate found and was told to let through, if anything."""
    found: Mapping[str, int] = account.get("found") or {}
    return (", ".join(f"{n:,} {kind}" for kind, n in found.items()),) if found else ()


def list_counts(counts: Mapping[str, int]) -> str:
    """`bad stamp: 2, not JSON: 1`."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items())
