"""Outcome rows for tests: each test says only what matters to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from replay.outcome import OUTCOME, Outcomes

MakeRows = Callable[..., Outcomes]

MS = 1_000_000


def make_rows(*requests: dict[str, Any], **same: Any) -> Outcomes:
    """One row a dict; times in ms, `sent` defaults to due and `done` to 10 ms after sent."""
    rows = np.zeros(len(requests), OUTCOME)
    for i, request in enumerate(requests):
        fields = {"index": i, "lane": i, "status": 200, "due": 0.0, **same, **request}
        due = fields.pop("due")
        ready = fields.pop("ready", due)
        sent = fields.pop("sent", ready)
        done = fields.pop("done", sent + 10)
        times = {"due_ns": due, "ready_ns": ready, "sent_ns": sent, "done_ns": done}
        for name, milliseconds in times.items():
            rows[name][i] = round(milliseconds * MS)
        if fields.get("failure"):
            fields["status"] = 0
        if fields.pop("never", False):
            rows["sent_ns"][i] = -1
        for name, value in fields.items():
            rows[name][i] = value
    return rows


@pytest.fixture(name="make_rows")
def make_rows_fixture() -> MakeRows:
    return make_rows
