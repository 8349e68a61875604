"""interlock.json of a gateway: signed, written as it runs and at its end.

What was ever declared as sandbox while it ran counts as declared; what was contacted in live mode
is production, and the document says so. Read next: `switchboard/interlock.py` (the document),
`switchboard/ledger.py` (what is counted), `supervisor.py` (who merges it).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hms_esr.canaries import CanaryWatch
from hms_esr.gateways.rules_keeper import RulesKeeper
from hms_esr.gateways.supervisor import Supervisor
from hms_esr.run_folder import home_folder
from hms_esr.voice import say
from scorecard.files import Losses, rfc3339, write_json
from switchboard.interlock import Declared, Signer, build_document, sign
from switchboard.rules import Rules
from switchboard.switch import ModeCell

FOLDER: Final = "switchboard"


def new_gateway_id(now: datetime) -> str:
    """`GATEWAY-20200315-093000-1f3a`: sorts by time, and two in one second do not clash."""
    return f"GATEWAY-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def default_interlock_file(env: Mapping[str, str], here: Path) -> Path:
    """`.esr/switchboard/interlock-<start>.json`, or under `$ESR_HOME`."""
    start = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    return home_folder(env, here) / FOLDER / f"interlock-{start}.json"


class Journal:
    """Keeps one interlock file up to date."""

    def __init__(
        self,
        path: Path,
        keeper: RulesKeeper,
        supervisor: Supervisor,
        mode: ModeCell,
        canaries: CanaryWatch,
        signer: Signer,
    ) -> None:
        self._path = path
        self._keeper = keeper
        self._supervisor = supervisor
        self._mode = mode
        self._canaries = canaries
        self._signer = signer
        self._id = new_gateway_id(datetime.now(UTC))
        self._declared = Declared.by(keeper.in_force.rules)
        self._losses = Losses(say)
        path.parent.mkdir(parents=True, exist_ok=True)

    def declare(self, rules: Rules) -> None:
        """Edited rules were taken: what they lead to counts as declared from now on."""
        self._declared |= Declared.by(rules)

    def document(self) -> dict[str, Any]:
        """The signed document as of now."""
        rules = self._keeper.in_force.rules
        document = build_document(
            run_id=self._id,
            door="gateway",
            mode=self._mode.read(),
            rules={"source": rules.source, "digest": rules.digest},
            declared=self._declared,
            rows=self._supervisor.ledger.to_json(),
            canaries=self._canaries.to_json(),
            written=rfc3339(time.time_ns()),
            tripped=self._supervisor.tripped,
        )
        return sign(document, self._signer)

    def write(self) -> None:
        """Write it; a disk that does not take it stops no traffic, and that is said once."""
        write_json(self._path, self.document(), self._losses)
