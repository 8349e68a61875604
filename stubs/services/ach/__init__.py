"""HMS-ACH: payments, with the rules of the rail. docs/ach.md describes it.

`make_ach` is the service as Python routes; `make_logic` is what ach.yml, which describes the same
routes, is read with. Floor 1. Read next: `logic.py`, `payments.py`, `ledger.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stubs.latency import LogNormal
from stubs.service import Service, StubRoute, Surroundings
from stubs.services.ach.logic import AchLogic as AchLogic
from stubs.services.ach.logic import build_logic
from stubs.services.ach.logic import make_logic as make_logic


def make_ach(surroundings: Surroundings | None = None) -> Service:
    """The service. Without surroundings nobody keeps its ledger, and its settings are the usual.

    Raises ScenarioError when the settings are wrong.
    """
    logic = make_logic(surroundings) if surroundings else build_logic(_forget, {})
    of = logic.handlers
    return Service(
        "ach",
        "HMS-ACH, payments",
        (
            StubRoute("POST", "/payments", of["pay"], LogNormal(80, 450)),
            StubRoute("GET", "/payments/{payment}", of["look_up"], LogNormal(30, 160)),
            StubRoute("POST", "/payments/{payment}/reversal", of["reverse"], LogNormal(80, 450)),
            StubRoute("POST", "/prenotes", of["prenote"], LogNormal(60, 300)),
            StubRoute("GET", "/ledger", of["ledger"], LogNormal(20, 100)),
            StubRoute("GET", "/returns", of["returns"], LogNormal(20, 100)),
        ),
        stores=logic.stores,
    )


def _forget(kind: str, event: Mapping[str, Any]) -> None:
    """Nobody keeps the ledger."""
