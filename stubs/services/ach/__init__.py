"""HMS-ACH: payments, with the rules of the rail. docs/ach.md describes it, ach.yml has the routes.

Floor 1. Read next: `logic.py`, `payments.py`, `ledger.py`.
"""

from __future__ import annotations

from stubs.services.ach.logic import AchLogic as AchLogic
from stubs.services.ach.logic import make_logic as make_logic
