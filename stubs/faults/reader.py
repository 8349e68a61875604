"""Faults as people write them, every mistake at once: path, line, and the word that was meant.

Floor 1, pure. Read next: `envelope.py`, `spellings.py`, `contradictions.py`; `mapping.py` is the
way back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from stubs.faults.contradictions import find_contradictions
from stubs.faults.envelope import ENVELOPE, FIELD_OF
from stubs.faults.fault import Fault
from stubs.faults.kind import FaultKind
from stubs.faults.kinds import FAULT_KINDS as FAULT_KINDS
from stubs.faults.mapping import fault_mapping as fault_mapping
from stubs.faults.parameters import (
    REQUIRED,
    Parameter,
    parameters_of,
)
from stubs.faults.spellings import spell_out
from stubs.faults.target_reader import parse_target
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join, nearest, shown

MAX_FAULTS: Final = 1_000


def parse_faults(
    raw: object, *, source: str, line_of: LineOf, path: str = "chaos"
) -> tuple[Fault, ...]:
    """The faults of a timetable: a list of them, or a single one.

    Raises ScenarioError with everything that is wrong, also with two faults that contradict.
    """
    reader = FaultReader(line_of)
    entries = _entries(raw, path, reader)
    faults: list[Fault] = []
    where: list[str] = []
    for at, entry in entries:
        fault = parse_fault(entry, at, reader, {each.id for each in faults})
        if fault is not None:
            faults.append(fault)
            where.append(at)
    for later, message in find_contradictions(faults):
        reader.fault(where[later], message)
    if reader.faults:
        raise ScenarioError(f"{source} cannot be played", reader.faults)
    return tuple(faults)


def parse_fault(
    raw: object, path: str, reader: FaultReader, taken: Collection[str] = ()
) -> Fault | None:
    """One fault, or None when something is wrong with it, which the reader then knows.

    taken: ids that it must not have.
    """
    before = len(reader.faults)
    spelled = spell_out(raw, path, reader)
    if spelled is None:
        return None
    kind_class = _read_kind(spelled, path, reader)
    if kind_class is None:
        return None
    rows = parameters_of(kind_class)
    words = ["kind", "target", *(row.name for row in (*rows, *ENVELOPE))]
    reader.mapping(spelled, path, words)
    target = parse_target(spelled, path, reader)
    values = _read_rows(ENVELOPE, spelled, path, reader)
    kind = _build(kind_class, _read_rows(rows, spelled, path, reader), path, reader, before)
    if "id" not in values:
        values["id"] = _free_id(f"{target.service.strip('*') or 'all'}-{kind_class.NAME}", taken)
    elif values["id"] in taken:
        reader.fault(join(path, "id"), f"two faults have the id {shown(values['id'])}")
    if kind is None or len(reader.faults) > before:
        return None
    return Fault(kind=kind, target=target, **values)


def _entries(raw: object, path: str, reader: FaultReader) -> list[tuple[str, object]]:
    if raw is None:
        return []
    if not isinstance(raw, list | tuple):
        return [(path, raw)]
    if len(raw) > MAX_FAULTS:
        reader.fault(path, f"has {len(raw):,} faults; up to {MAX_FAULTS:,} fit")
    return [(f"{path}[{index}]", entry) for index, entry in enumerate(raw[:MAX_FAULTS])]


def _read_kind(raw: Mapping[str, object], path: str, reader: FaultReader) -> type[FaultKind] | None:
    word = raw.get("kind")
    if isinstance(word, str) and word in FAULT_KINDS:
        return FAULT_KINDS[word]
    if "kind" not in raw:
        reader.fault(path, f"kind is missing; {nearest('', FAULT_KINDS)}")
    else:
        wrong = word[:80] if isinstance(word, str) else ""
        message = f"`{shown(wrong)}` is not a kind of fault; {nearest(wrong, FAULT_KINDS)}"
        reader.fault(join(path, "kind"), message)
    return None


def _read_rows(
    rows: tuple[Parameter, ...], raw: Mapping[str, object], path: str, reader: FaultReader
) -> dict[str, Any]:
    """The values that were given, by the names of their fields."""
    values: dict[str, Any] = {}
    for row in rows:
        if row.name in raw:
            try:
                values[FIELD_OF.get(row.name, row.name)] = row.reads(raw[row.name])
            except ValueError as error:
                reader.fault(join(path, row.name), str(error))
        elif row.default == REQUIRED:
            reader.fault(join(path, row.name), f"{row.name} is missing: {row.meaning}")
    return values


def _build(
    kind_class: type[FaultKind],
    values: Mapping[str, Any],
    path: str,
    reader: FaultReader,
    before: int,
) -> FaultKind | None:
    if len(reader.faults) > before:  # a parameter that is wrong would be reported again
        return None
    try:
        return kind_class(**values)
    except ValueError as error:
        reader.fault(path, str(error))
        return None


def _free_id(wanted: str, taken: Collection[str]) -> str:
    if wanted not in taken:
        return wanted
    return next(name for n in range(2, len(taken) + 3) if (name := f"{wanted}-{n}") not in taken)
