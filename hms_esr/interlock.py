"""The interlock of a run: every address contacted, everything refused, the canaries; signed.

Counted from what workers report as sent, not from what was meant to be. Recorded hosts appear only
as names that something stood in for; none of them is ever resolved or dialled.
Read next: `switchboard/interlock.py` (the document), `signing.py`, `canaries.py`, `verify.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

import numpy as np

from hms_esr.canaries import CanaryWatch
from hms_esr.canary_ways import rfc3339_now
from hms_esr.preparation import Preparation
from hms_esr.sandbox import Sandbox
from replay.outcome import Outcomes
from scenarios.rules_files import read_rules
from scorecard.card import Production
from switchboard.environment import Upstream
from switchboard.errors import GuardError
from switchboard.guard import check_address
from switchboard.hosts import host_of
from switchboard.interlock import Declared, Signer, build_document, sign
from switchboard.ledger import Ledger
from switchboard.rewrite import choose_upstream
from switchboard.rules import Rules

INTERLOCK_FILE: Final = "interlock.json"
BOUND_FILES: Final = (
    "scorecard.json", "certificate.json", "outcomes-*.parquet",
    "faults.json", "touches.rows", "ledger.ndjson",
)  # fmt: skip
"""What the signature covers beside the document itself."""
NO_HOST: Final = "(no host)"
UNMAPPED: Final = "unmapped-host"
_BLOCK: Final = 1024 * 1024


class Mark(TypedDict):
    """A file's length, so that an endless one need not be read, and its hash."""

    bytes: int
    sha256: str


def read_canary_rules(env: Mapping[str, str], cwd: Path) -> Rules | None:
    """The rules that `$ESR_RULES` names: a replay asks the canaries that they ask for.

    Raises RuleError.
    """
    named = env.get("ESR_RULES")
    return read_rules(cwd / named) if named else None


class Interlock:
    """Counts requests by recorded host as they are reported. One a run.

    signer: None where no key could be had; the document then says that it is not signed.
    """

    def __init__(
        self,
        prep: Preparation,
        run_id: str = "",
        *,
        signer: Signer | None = None,
        rules: Rules | None = None,
        canaries: CanaryWatch | None = None,
    ) -> None:
        self._prep = prep
        self._run_id = run_id
        self._signer = signer
        self._rules = rules
        self._canaries = canaries
        self._sent = np.zeros(len(prep.tape.info.hosts), dtype=np.int64)
        self._refused = [_refused(host, count) for host, count in prep.unmapped.items()]
        self._sandbox: Sandbox | None = None

    def open(self, sandbox: Sandbox) -> None:
        """What the run is allowed to contact."""
        self._sandbox = sandbox

    def fold(self, rows: Outcomes) -> None:
        """Add outcomes; what never left contacted nobody."""
        index = rows["index"][rows["sent_ns"] >= 0]
        host = self._prep.tape.host[self._prep.plan.row[index]]
        self._sent += np.bincount(host, minlength=len(self._sent))

    def production(self) -> Production:
        """What the scorecard says of it."""
        told = self.to_json()
        return {
            "connections": told["connections_to_production"],
            "refused": told["attempts_refused"],
        }

    def seal(self, files: Mapping[str, Mark], tripped: str | None = None) -> dict[str, Any]:
        """interlock.json. files: marks of the files that it vouches for, by name."""
        told = {**self.to_json(tripped), "files": dict(files)}
        return {**told, "signature": None} if self._signer is None else sign(told, self._signer)

    def to_json(self, tripped: str | None = None) -> dict[str, Any]:
        """The document, unsigned; addresses are those that were dialled."""
        prep = self._prep
        ledger = Ledger()
        ledger.merge({"contacted": list(self._contacted()), "refused": self._refused})
        environment = prep.aim.environment
        printout = repr(environment)  # which shows no secret
        return build_document(
            run_id=self._run_id,
            door="replay",
            mode="sandbox",
            rules={
                "source": environment.source,
                "digest": hashlib.sha256(printout.encode(errors="replace")).hexdigest(),
            },
            declared=self._declared(),
            rows=ledger.to_json(),
            canaries=self._canaries.to_json() if self._canaries is not None else None,
            written=rfc3339_now(),
            tripped=tripped,
            more={
                "environment": prep.aim.name,
                "canary_rules": self._rules.digest if self._rules is not None else None,
                "redirects_followed": 0,
            },
        )

    def _contacted(self) -> Iterator[dict[str, Any]]:
        if self._sandbox is None:
            return
        hosts = self._prep.tape.info.hosts
        for number in np.flatnonzero(self._sent).tolist():
            name = self._upstream_of(hosts[number]).name
            target = self._sandbox.targets[name]
            yield {
                "upstream": name,
                "address": target.host,
                "port": target.port,
                "asked": hosts[number] or NO_HOST,
                "requests": int(self._sent[number]),
            }

    def _declared(self) -> Declared:
        """The targets that the guard lets pass, asked once more and now."""
        denied = self._rules.deny_networks if self._rules is not None else ()
        if self._sandbox is None:
            return Declared(denied=denied)
        sandbox = self._sandbox
        passing = (
            (target.host, target.port)
            for upstream in sandbox.environment.upstreams
            if _is_allowed(sandbox, upstream, (target := sandbox.targets[upstream.name]).host)
        )
        return Declared(frozenset(passing), denied)

    def _upstream_of(self, authority: str) -> Upstream:
        host = host_of(authority) if authority else ""
        upstream = choose_upstream(host, self._prep.aim.environment)
        if upstream is None:
            raise AssertionError(f"a request for {authority!r} was sent although nothing maps it")
        return upstream


def _is_allowed(sandbox: Sandbox, upstream: Upstream, address: str) -> bool:
    try:
        check_address(sandbox.environment, upstream, address)
    except GuardError:
        return False
    return True


def _refused(host: str, count: int) -> dict[str, Any]:
    return {
        "host": host or NO_HOST,
        "rule": UNMAPPED,
        "door": "replay",
        "attempts": count,
        "clients": {"trace": count},
    }


def marks_of(folder: Path) -> dict[str, Mark]:
    """The mark of each file of a run that the interlock vouches for. Raises OSError."""
    paths = sorted(path for pattern in BOUND_FILES for path in folder.glob(pattern))
    return {path.name: mark_of(path) for path in paths}


def mark_of(path: Path) -> Mark:
    """What a file is known again by. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}
