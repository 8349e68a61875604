"""From what a worker knows of an outcome to the whole row: due, lane, route, held, late.

Done in the parent, a second's worth at a time, so that the worker's hot path writes only what
nobody else knows.
"""

from __future__ import annotations

import numpy as np

from replay.engine import SENT_ROW
from replay.outcome import OUTCOME, Outcomes
from replay.plan import Column, PlanPart

LATE_NS = 10_000_000
"""A request may leave 10 ms after it could have, or 1 % of its user's mean gap, if that is more."""

LATE_SHARE_OF_GAP = 0.01


def complete_rows(
    payload: bytes, part: PlanPart, route_of_row: Column, gap_ns: Column, t0_ns: int, is_paced: bool
) -> Outcomes:
    """`OUTCOME` rows from a frame's payload of `SENT_ROW` rows; times count from `t0_ns`.

    part: the worker's plan part.   route_of_row: the tape's route column.
    gap_ns: mean wall gap of each lane.
    """
    sent = np.frombuffer(payload, dtype=SENT_ROW)
    position = sent["position"]
    rows = np.zeros(len(sent), dtype=OUTCOME)
    rows["index"] = part.index[position]
    rows["lane"] = part.lane[position]
    rows["route"] = route_of_row[part.row[position]]
    for name in ("status", "failure", "held", "bytes"):
        rows[name] = sent[name]
    rows["retries"] = sent["retries"]
    rows["due_ns"] = part.due_ns[position]
    rows["sent_ns"] = sent["sent_ns"] - t0_ns
    rows["done_ns"] = sent["done_ns"] - t0_ns
    held = sent["held"] == 1
    rows["ready_ns"] = np.where(held, sent["ready_ns"] - t0_ns, rows["due_ns"])
    if is_paced:
        allowed = np.maximum(LATE_NS, LATE_SHARE_OF_GAP * gap_ns[rows["lane"]])
        rows["late"] = rows["sent_ns"] - rows["ready_ns"] > allowed
    return rows
