"""Latencies learned from a trace, as a file keeps them: one model a route.

    {"schema": "esr.latencies/1",
     "routes": [{"service": "ach", "method": "POST", "template": "/payments", "latency": {...}}]}

Floor 1, pure. Read next: `reader.py`; `hms_esr/stubs_learn.py`, which writes such files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.latency.mapping import latency_mapping
from stubs.latency.model import AnyModel
from stubs.latency.reader import parse_latency
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join

SCHEMA: Final = "esr.latencies/1"
ENTRY_KEYS: Final = ("service", "method", "template", "latency", "count", "check")
"""`count` and `check` are for people: how many waits it is from, and how well it fits."""
MAX_ROUTES: Final = 10_000
MAX_FAULTS: Final = 100

Key = tuple[str, str, str]
Latencies = Mapping[Key, AnyModel]


def parse_latencies(
    value: object, *, source: str = "the latencies", line_of: LineOf = lambda _path: None
) -> Latencies:
    """Models by (service, method, template), in the file's order.

    Raises ScenarioError with every fault, which calls the file `source`.
    """
    reader = FaultReader(line_of)
    found = _read(value, reader)
    if reader.faults:
        raise ScenarioError(f"{source} cannot be used", reader.faults[:MAX_FAULTS])
    return found


def _read(value: object, reader: FaultReader) -> dict[Key, AnyModel]:
    raw = reader.mapping(value, "", ("schema", "routes"))
    if not isinstance(value, Mapping):
        return {}
    if raw.get("schema") != SCHEMA:
        reader.fault("schema", f"must be {SCHEMA}: this is no file of latencies, or of another age")
    if "routes" not in raw:
        reader.fault("routes", "routes is missing")
    items = reader.items(raw, "", "routes")
    if len(items) > MAX_ROUTES:
        reader.fault("routes", f"there are {len(items):,} routes, and at most {MAX_ROUTES:,} fit")
        return {}
    found: dict[Key, AnyModel] = {}
    for path, item in items:
        _read_entry(item, path, reader, found)
    return found


def _read_entry(raw: object, path: str, reader: FaultReader, found: dict[Key, AnyModel]) -> None:
    entry = reader.mapping(raw, path, ENTRY_KEYS)
    if not isinstance(raw, Mapping):
        return
    service, method, template = (
        reader.text(entry, path, key) for key in ("service", "method", "template")
    )
    if "latency" not in entry:
        reader.fault(join(path, "latency"), "latency is missing")
        return
    model = parse_latency(entry["latency"], join(path, "latency"), reader)
    if (service, method, template) in found:
        reader.fault(path, "is the second entry of this service, method and template")
    found[service, method, template] = model


def latencies_by_place(latencies: Latencies) -> dict[str, dict[str, Any]]:
    """The models as mappings by route, `svc GET /profiles/{id}`, as a gateway is configured.

    What a tape keeps together under no method and path of their own has no place.
    """
    return {
        f"{service} {method} {template}": latency_mapping(model)
        for (service, method, template), model in latencies.items()
        if method and template.startswith("/") and " " not in template
    }


def choose_latency(
    latencies: Latencies, service: str, method: str, template: str
) -> AnyModel | None:
    """The learned model for a stub's route, or None.

    A trace knows `/profiles/{id}` where the stub says `/profiles/{citizen}`: what stands in braces
    does not matter. Where a trace spelt identifiers out, the first route that fits stands for all.
    """
    exact = latencies.get((service, method, template))
    if exact is not None:
        return exact
    segments = template.split("/")
    fitting = [
        (_literal_count(learned), model)
        for (at, verb, learned), model in latencies.items()
        if at == service and method in (verb, "ANY") and _fits(segments, learned.split("/"))
    ]
    return min(fitting, key=lambda each: each[0])[1] if fitting else None


def _fits(wanted: list[str], learned: list[str]) -> bool:
    """Whether a recorded template is one that requests of the wanted one would have."""
    return len(wanted) == len(learned) and all(
        "{" in want or want == have for want, have in zip(wanted, learned, strict=True)
    )


def _literal_count(template: str) -> int:
    return sum("{" not in segment for segment in template.split("/"))
