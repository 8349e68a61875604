"""Faults on cue: every way in which a scenario may ask for one, as one timetable.

`chaos` is a list of faults, or the words `kill_pod svc-fee` with `after` beside them;
`network_jitter_ms` is a fault on everything; and a `script` may say `{action: ACH_DOWN, at: 15m}`.
Floor 2, pure. Read next: `stubs/faults/reader.py`, which knows the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.faults.fault import Fault
from stubs.faults.mapping import fault_mapping
from stubs.faults.reader import parse_faults
from switchboard.errors import EsrError
from switchboard.fault_reader import FaultReader, LineOf, kind_of

CUE_KEYS: Final = ("chaos", "after", "network_jitter_ms", "script")
SCRIPT_HINT: Final = (
    "only faults such as {action: ACH_DOWN, at: 15m} can be scripted yet; "
    "scripted users cannot be played"
)


def read_cues(
    given: Mapping[str, object], source: str, line_of: LineOf, reader: FaultReader
) -> tuple[Fault, ...]:
    """The faults of a scenario's keys, in the order they stand; the reader remembers mistakes."""
    wanted: list[tuple[str, object]] = []
    chaos = given.get("chaos", [])
    if isinstance(chaos, str):
        words = f"{chaos} after: {given['after']}" if "after" in given else chaos
        wanted.append(("chaos", words))
    else:
        if "after" in given:
            reader.fault("after", "goes with words, as in `chaos: kill_pod svc-fee`")
        items = chaos if isinstance(chaos, list | tuple) else [chaos]
        one = "chaos" if not isinstance(chaos, list | tuple) else None
        wanted += [(one or f"chaos[{at}]", item) for at, item in enumerate(items)]
    if "network_jitter_ms" in given:
        jitter = {"network_jitter_ms": given["network_jitter_ms"]}
        wanted.append(("network_jitter_ms", jitter))
    wanted += _script(given, reader)
    return _parse(wanted, source, line_of, reader)


def cues_mapping(faults: tuple[Fault, ...]) -> dict[str, Any]:
    """The `chaos` key; none without faults."""
    return {"chaos": [fault_mapping(fault) for fault in faults]} if faults else {}


def _script(given: Mapping[str, object], reader: FaultReader) -> list[tuple[str, object]]:
    if "script" not in given:
        return []
    script = given["script"]
    if not isinstance(script, list | tuple):
        reader.fault("script", f"must be a list, not {kind_of(script)}; {SCRIPT_HINT}")
        return []
    found: list[tuple[str, object]] = []
    for at, item in enumerate(script):
        if isinstance(item, Mapping) and _is_fault(item.get("action")):
            found.append((f"script[{at}]", item))
        else:
            reader.fault(f"script[{at}]", SCRIPT_HINT)
    return found


def _is_fault(action: object) -> bool:
    return isinstance(action, str) and action.upper().endswith(("_DOWN", "_SLOW"))


def _parse(
    wanted: list[tuple[str, object]], source: str, line_of: LineOf, reader: FaultReader
) -> tuple[Fault, ...]:
    """All of them at once, since whether two contradict shows only side by side."""
    places = [place for place, _ in wanted]

    def line_of_item(path: str) -> int | None:
        head, _, rest = path.partition("]")
        number = head.removeprefix("cues[")
        if head == path or not number.isdigit() or int(number) >= len(places):
            return line_of(path)
        return line_of(places[int(number)] + rest)

    try:
        items = [item for _, item in wanted]
        return parse_faults(items, source=source, line_of=line_of_item, path="cues")
    except EsrError as error:
        for fault in getattr(error, "faults", ()):
            head, _, rest = fault.path.partition("]")
            number = head.removeprefix("cues[")
            is_item = number.isdigit() and int(number) < len(places)
            reader.fault(places[int(number)] + rest if is_item else "chaos", fault.message)
        return ()
