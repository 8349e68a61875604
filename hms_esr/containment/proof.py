"""The jail's own interlock: dials that had no route, and canaries that did not get out. Pure.

The doors' interlocks say what came to them; this one says that there was no other way.
Read next: `switchboard/interlock.py`, docs/interlock.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hms_esr.canaries import Canary
from hms_esr.containment.probe import TEST_NET
from switchboard.interlock import Declared, Signer, build_document, sign
from switchboard.rules import SANDBOX, Rules

JAIL = "jail"
NO_ROUTE = "(no route)"


def build_proof(
    *,
    run_id: str,
    rules: Rules,
    canaries: Sequence[Canary],
    rounds: int,
    no_route: int,
    way: str,
    written: str,
    signer: Signer,
) -> dict[str, Any]:
    """The signed document of a command that has ended.

    rounds: how often all canaries were asked, every time in vain.   no_route: dials that the kernel
    had no way for.   way: how the jail was made.   written: RFC 3339.
    """
    refused = [
        {"host": NO_ROUTE, "rule": "no-route", "door": JAIL, "attempts": no_route, "clients": {}}
    ]
    document = build_document(
        run_id=run_id,
        door=JAIL,
        mode=SANDBOX,
        rules={"source": rules.source, "digest": rules.digest},
        declared=Declared.by(rules),
        rows={"contacted": [], "refused": refused if no_route else []},
        canaries={"rounds": rounds, "results": [*_results(canaries, written)]},
        written=written,
        more={"jail": way},
    )
    return sign(document, signer)


def _results(canaries: Sequence[Canary], written: str) -> list[dict[str, Any]]:
    always = [Canary(host, port, "TEST-NET") for host, port in TEST_NET]
    asked = {canary.target: canary for canary in (*always, *canaries)}
    return [
        {
            "target": target,
            "why": canary.why,
            "addresses": [],
            "outcome": "contained",
            "at": written,
        }
        for target, canary in asked.items()
    ]
