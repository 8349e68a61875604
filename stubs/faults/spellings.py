"""Short ways to write common faults, made into the long one.

`{action: ACH_DOWN, at: 15m}`, `kill_pod svc-fee after: 12m`, `{network_jitter_ms: 50}`. What else
stands beside them (`for`, `probability` …) stays as it is. Floor 1, pure. Read next: `reader.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from switchboard.fault_reader import FaultReader, join, kind_of, nearest, shown

RESTART: Final = "30s"
"""How long it takes until a killed pod is there again, on the recorded clock."""
SLOW_MS: Final = 2_000
"""How much slower `<SERVICE>_SLOW` is; `ms` beside it says another number."""

ACTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "DOWN": {"kind": "down", "mode": "status_503"},
    "SLOW": {"kind": "latency", "ms": SLOW_MS},
}

_ACTION: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,62})_([A-Za-z]{1,20})")
_KILL: Final = re.compile(
    r"kill_pod:?\s+[\"']?([a-z0-9-]{1,63})[\"']?"
    r"(?:\s+after:?(?:\s+[\"']?([0-9a-z. ]{1,40})[\"']?)?)?"
)


def spell_out(raw: object, path: str, reader: FaultReader) -> Mapping[str, object] | None:
    """The long way to write it; None after a fault, which the reader then knows."""
    if isinstance(raw, str):
        return _kill_text(raw, path, reader)
    if not isinstance(raw, Mapping):
        hint = "{kind: down, target: ach, at: 15m, for: 5m}"
        reader.fault(path, f"a fault is a mapping such as {hint}, not {kind_of(raw)}")
        return None
    if "kind" in raw:
        return raw
    if "action" in raw:
        return _action(raw, path, reader)
    if "kill_pod" in raw:
        return _kill(raw, raw["kill_pod"])
    if "network_jitter_ms" in raw:
        return _jitter(raw)
    if len(raw) == 1 and str(next(iter(raw))).startswith("kill_pod "):
        # `chaos: {kill_pod svc-fee after: 12m}`: to YAML all that is before the colon is one key.
        ((words, after),) = raw.items()
        return _kill_text(f"{words} {after}", path, reader)
    return raw


def _action(
    raw: Mapping[str, object], path: str, reader: FaultReader
) -> Mapping[str, object] | None:
    word = raw["action"]
    found = _ACTION.fullmatch(word) if isinstance(word, str) else None
    if found is None or found[2].upper() not in ACTIONS:
        hint = nearest(found[2].upper() if found else "", ACTIONS)
        wrong = f"`{shown(word)}`" if isinstance(word, str) else kind_of(word)
        message = f"{wrong} is no action such as ACH_DOWN or SVC_SLOW; {hint}"
        reader.fault(join(path, "action"), message)
        return None
    rest = {key: value for key, value in raw.items() if key != "action"}
    service = found[1].lower().replace("_", "-")
    return {"target": service, **ACTIONS[found[2].upper()], **rest}


def _kill(raw: Mapping[str, object], service: object) -> Mapping[str, object]:
    rest = {key: value for key, value in raw.items() if key not in ("kill_pod", "after")}
    when = {"at": raw["after"]} if "after" in raw else {}
    return {
        "kind": "down", "mode": "reset", "restart_after_s": RESTART,
        "target": service, **when, **rest,
    }  # fmt: skip


def _kill_text(text: str, path: str, reader: FaultReader) -> Mapping[str, object] | None:
    found = _KILL.fullmatch(text.strip())
    if found is None:
        hint = "kill_pod svc-fee after: 12m, or write a mapping with kind and target"
        reader.fault(path, f"`{shown(text)}` is not understood; as a text only {hint}")
        return None
    return _kill({"after": found[2].strip()} if found[2] else {}, found[1])


def _jitter(raw: Mapping[str, object]) -> Mapping[str, object]:
    rest = {key: value for key, value in raw.items() if key != "network_jitter_ms"}
    most = raw["network_jitter_ms"]
    return {
        "kind": "latency", "dist": "uniform", "min_ms": 0, "max_ms": most,
        "target": "*", "id": "network-jitter", **rest,
    }  # fmt: skip
