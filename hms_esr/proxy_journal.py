"""interlock.json of an interceptor: signed, written as it runs and at its end.

Read next: `gateways/journal.py` (the gateway's), `switchboard/interlock.py` (the document).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hms_esr.canaries import CanaryWatch
from hms_esr.gateways.journal import new_gateway_id
from hms_esr.gateways.rules_keeper import RulesKeeper
from hms_esr.voice import say
from scorecard.files import Losses, rfc3339, write_json
from switchboard.interlock import Declared, Signer, build_document, sign
from switchboard.ledger import Ledger
from switchboard.rules import Rules
from switchboard.switch import Switch


class ProxyJournal:
    """Keeps one interlock file up to date."""

    def __init__(
        self,
        path: Path,
        keeper: RulesKeeper,
        switch: Switch,
        ledger: Ledger,
        canaries: CanaryWatch,
        signer: Signer,
    ) -> None:
        self._path = path
        self._keeper = keeper
        self._switch = switch
        self._ledger = ledger
        self._canaries = canaries
        self._signer = signer
        self._id = new_gateway_id(datetime.now(UTC)).replace("GATEWAY", "PROXY", 1)
        self._declared = Declared.by(keeper.in_force.rules)
        self._losses = Losses(say)
        path.parent.mkdir(parents=True, exist_ok=True)

    def declare(self, rules: Rules) -> None:
        """Edited rules were taken: what they lead to counts as declared from now on."""
        self._declared |= Declared.by(rules)

    def document(self) -> Mapping[str, Any]:
        """The signed document as of now."""
        rules = self._keeper.in_force.rules
        document = build_document(
            run_id=self._id,
            door="proxy",
            mode=self._switch.mode,
            rules={"source": rules.source, "digest": rules.digest},
            declared=self._declared,
            rows=self._ledger.to_json(),
            canaries=self._canaries.to_json(),
            written=rfc3339(time.time_ns()),
            tripped=self._switch.tripped,
        )
        return sign(document, self._signer)

    def write(self) -> None:
        """Write it; a disk that does not take it stops no traffic, and that is said once."""
        write_json(self._path, dict(self.document()), self._losses)
