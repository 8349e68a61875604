"""A fault as JSON values: for a gateway's settings, the admin API, and `esr chaos list`.

Floor 1, pure. `reader.py` is the way back.
"""

from __future__ import annotations

from typing import Any

from stubs.faults.durations import format_ms
from stubs.faults.envelope import ENVELOPE, FIELD_OF
from stubs.faults.fault import Fault
from stubs.faults.parameters import Parameter, parameters_of


def fault_mapping(fault: Fault) -> dict[str, Any]:
    """The fault as JSON values, of which `parse_fault` makes an equal one."""
    mapping: dict[str, Any] = {"id": fault.id, "kind": fault.kind.NAME}
    mapping["target"] = fault.target.mapping()
    for row in ENVELOPE:
        value = getattr(fault, FIELD_OF.get(row.name, row.name))
        if not _is_default(value, row) or row.name == "at":
            mapping[row.name] = row.writes(value)
    for row in parameters_of(type(fault.kind)):
        value = getattr(fault.kind, row.name)
        if not _is_default(value, row):
            mapping[row.name] = row.writes(value)
    return mapping


def _is_default(value: object, row: Parameter) -> bool:
    if row.writes is format_ms and not value:
        return True
    return value is None or value == row.default
