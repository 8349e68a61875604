"""The words a scenario file is made of: the keys it may hold, and those it may hold some day.

Floor 2, pure tables. A reserved key is refused by name until it is served, never silently ignored.
Read next: `slo.py` for the words inside `slo`, then `spec.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

KEYS: Final[Mapping[str, str]] = {
    "id": "the scenario's name: letters, digits, _ and -",
    "source": "where its requests come from: replay_logs",
    "log_path": "the recorded log: a file, a folder or a glob",
    "speed": "how fast recorded time passes: 0.5x, 2x, 60x, max",
    "users": "how many users play, cloned or sampled from the recorded ones",
    "duration": "the window of recorded time: 20s, 30m, 1h30m",
    "target": "an environment, a URL, or one service to flood alone",
    "arrivals": "how much closer together sessions start, with their inner gaps kept: 2x",
    "seed": "the number from which everything random is decided",
    "slo": "objectives that the run must keep, such as p95_ms: 800",
    "chaos": "faults on cue: what goes wrong at the stubs, when, and for how long",
    "after": "when the words of `chaos: kill_pod svc-fee` come true: 12m",
    "network_jitter_ms": "every answer of the stubs is up to so many milliseconds later",
    "script": "faults by their old names: [{action: ACH_DOWN, at: 15m}]",
    "stubs": "who answers in the embedded sandbox, and how",
    "retry": "how callers try again when a request fails",
    "spike": "a spike of users, in one key: {spike_at: 10m, spike_size: 8000}",
    "spike_at": "when a spike of users comes on top: 10m",
    "spike_size": "how many they are: 8000",
    "anonymise": "what becomes of personal data in the log: true, or a policy",
    "hitl_skip": "human checkpoints approve by themselves: true",
    "notes": "a remark for people",
}

SCRIPTED: Final = "scripted and synthetic users cannot be played yet"
_POLICY: Final = "policy stress tests cannot be run yet"
_SANDBOX: Final = "sandbox cities cannot be built yet"
_PROBES: Final = "probes cannot be read yet"

RESERVED: Final[Mapping[str, str]] = {
    "scenario": SCRIPTED,
    "name": SCRIPTED,
    "citizens": SCRIPTED,
    "actors": SCRIPTED,
    "load_profile": SCRIPTED,
    "routes": "routes are named from the trace; naming them here is not possible yet",
    "probes": _PROBES,
    "metrics": _PROBES,
    "track_legal_blocks": _PROBES,
    "population": _POLICY,
    "policy_draft": _POLICY,
    "snowball": _POLICY,
    "changes": _SANDBOX,
    "box": _SANDBOX,
    "days": _SANDBOX,
}
OTHER_STORIES: Final = frozenset(
    {"scenario", "name", "citizens", "actors", "load_profile", "policy_draft", "changes"}
)
"""With one of these the author never meant to replay a log, so no log_path is asked for."""


def unserved(key: str) -> str:
    """What to say of a key that no scenario may hold now: not there yet, or the nearest word."""
    if key in RESERVED:
        return f"is not there yet: {RESERVED[key]}"
    near = get_close_matches(key.lower(), [*KEYS, *RESERVED], 1, 0.6)
    meant = f"did you mean `{near[0]}`?" if near else f"the keys are {', '.join(KEYS)}"
    return f"is not a key of a scenario; {meant}"


def not_asked_for(mapping: Mapping[Any, Any]) -> set[str]:
    """Keys whose absence is no fault of its own, since the file was never about a log."""
    if mapping.get("source") != "synthetic" and mapping.keys().isdisjoint(OTHER_STORIES):
        return set()
    return {key for key in ("id", "log_path") if key not in mapping}
