"""A service definition as data, turned into a Service: every fault of it at once, with lines.

Floor 1, pure: reading YAML is somebody else's. Read next: `route_reader.py`, `route.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import orjson

from stubs.definitions.error import DefinitionError
from stubs.definitions.parts import parse_part
from stubs.definitions.route_reader import RouteKit, parse_route
from stubs.definitions.sandbox import TemplateSandbox
from stubs.definitions.states import Machine, checked_value
from stubs.definitions.view import Views
from stubs.service import Handler, Service, Store, StubRoute, Surroundings
from switchboard.errors import Fault
from switchboard.fault_reader import FaultReader, LineOf, join, kind_of, shown

SERVICE_KEYS: Final = ("service", "title", "hosts", "logic", "data", "state", "routes")
STATE_KEYS: Final = ("key", "initial", "states")
MAX_ROUTES: Final = 10_000
MAX_MACHINES: Final = 100
MAX_STATES: Final = 100
MAX_HOSTS: Final = 100
MAX_VALUES: Final = 200_000
MAX_DEPTH: Final = 60
MAX_FAULTS: Final = 100
MAX_TITLE_CHARS: Final = 200

_LABEL: Final = re.compile(r"[a-z][a-z0-9]{0,30}")
_HOST: Final = re.compile(
    r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?){0,10}"
)
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")


class Logic(Protocol):
    """What a bundled service's Python gives: functions by name, and what they remember."""

    @property
    def handlers(self) -> Mapping[str, Handler]: ...

    @property
    def stores(self) -> Sequence[Store]: ...


def parse_definition(
    raw: object,
    *,
    source: str,
    line_of: LineOf,
    logic: Logic | None = None,
    surroundings: Surroundings | None = None,
) -> Service:
    """The service. Raises DefinitionError with every fault; `source` names the file in it.

    logic: what `handler` names.   surroundings: kept for services that are made of settings.
    """
    reader = FaultReader(line_of)
    service = None
    if not isinstance(raw, Mapping):
        reader.fault("", f"must be a mapping with {', '.join(SERVICE_KEYS)}, not {kind_of(raw)}")
    elif _is_bounded(raw, reader):
        service = _parse_service(raw, reader, logic)
    if reader.faults or service is None:
        raise DefinitionError(f"{source} is no service definition", _shortened(reader.faults))
    return service


def _parse_service(raw: object, reader: FaultReader, logic: Logic | None) -> Service:
    fields = reader.mapping(raw, "", SERVICE_KEYS)
    name = _parse_name(fields, reader)
    title = reader.text(fields, "", "title", name)
    if len(title) > MAX_TITLE_CHARS or not title.isprintable():
        reader.fault("title", f"must be one line of up to {MAX_TITLE_CHARS} characters")
    data = _parse_data(fields.get("data", {}), reader)
    machines = _parse_machines(fields.get("state", {}), reader)
    _check_logic(fields, reader, logic)
    kit = RouteKit(
        reader,
        TemplateSandbox(machines, data),
        Views(),
        machines,
        data,
        {} if logic is None else logic.handlers,
    )
    routes = _parse_routes(fields, kit)
    own: Sequence[Store] = () if logic is None else logic.stores
    stores = (*own, *machines.values(), *kit.turns)
    return Service(name, title, routes, _parse_hosts(fields, reader), stores)


def _parse_name(fields: Mapping[str, object], reader: FaultReader) -> str:
    name = reader.text(fields, "", "service")
    if "service" in fields and isinstance(fields["service"], str) and not _LABEL.fullmatch(name):
        hint = "lower-case letters and digits without a hyphen, such as svc"
        reader.fault("service", f"{shown(name)!r} is no service's name; write {hint}")
    return name


def _parse_hosts(fields: Mapping[str, object], reader: FaultReader) -> tuple[str, ...]:
    hosts = []
    items = reader.items(fields, "", "hosts")
    if len(items) > MAX_HOSTS:
        reader.fault("hosts", f"there are up to {MAX_HOSTS} hosts")
    for path, raw in items[:MAX_HOSTS]:
        if not isinstance(raw, str) or not _HOST.fullmatch(raw.lower()):
            reader.fault(path, "must be a host's name such as svc.hms.example")
        else:
            hosts.append(raw.lower())
    return tuple(hosts)


def _parse_data(raw: object, reader: FaultReader) -> dict[str, Any]:
    """The constants as plain JSON values, each key once a word."""
    if not isinstance(raw, Mapping):
        reader.fault("data", f"must be a mapping of names to values, not {kind_of(raw)}")
        return {}
    try:
        data: dict[str, Any] = orjson.loads(orjson.dumps(raw))
    except TypeError as error:
        reader.fault("data", f"must hold JSON values: {shown(error)}")
        return {}
    return data


def _parse_machines(raw: object, reader: FaultReader) -> dict[str, Machine]:
    if not isinstance(raw, Mapping):
        reader.fault("state", f"must be a mapping of names to states, not {kind_of(raw)}")
        return {}
    if len(raw) > MAX_MACHINES:
        reader.fault("state", f"there are up to {MAX_MACHINES} states")
    machines = {}
    for name, below in list(raw.items())[:MAX_MACHINES]:
        path = join("state", shown(name))
        if not isinstance(name, str) or not _WORD.fullmatch(name):
            reader.fault(path, "a state's name is a word of letters, digits and underscores")
            continue
        machine = _parse_machine(name, below, path, reader)
        if machine is not None:
            machines[name] = machine
    return machines


def _parse_machine(name: str, raw: object, path: str, reader: FaultReader) -> Machine | None:
    fields = reader.mapping(raw, path, STATE_KEYS)
    states = None
    if "states" in fields:
        states = [value for at, value in reader.items(fields, path, "states")]
        if not states or len(states) > MAX_STATES:
            reader.fault(join(path, "states"), f"must list 1 to {MAX_STATES} states")
    if "key" not in fields:
        hint = "say whose state it is, such as path.application, tenant, or service for one for all"
        reader.fault(join(path, "key"), f"key is missing; {hint}")
    part = reader.checked(join(path, "key"), fields.get("key", "service"), parse_part)
    if part is None:
        # So that what names this state is not a fault of its own.
        part = parse_part("service")
    machine = Machine(name, part, fields.get("initial"), states)
    try:
        (machine.checked if states else checked_value)(fields.get("initial"))
    except ValueError as error:
        reader.fault(join(path, "initial"), str(error))
    return machine


def _check_logic(fields: Mapping[str, object], reader: FaultReader, logic: Logic | None) -> None:
    if "logic" not in fields:
        return
    if not isinstance(fields["logic"], str):
        reader.fault("logic", f"must be the name of a service, not {kind_of(fields['logic'])}")
    elif logic is None:
        reader.fault(
            "logic", "only the services that come with the product have logic; leave it out"
        )


def _parse_routes(fields: Mapping[str, object], kit: RouteKit) -> tuple[StubRoute, ...]:
    reader = kit.reader
    if "routes" not in fields:
        reader.fault("routes", "routes is missing; a service answers something")
        return ()
    items = reader.items(fields, "", "routes")
    if isinstance(fields["routes"], list | tuple) and not items:
        reader.fault("routes", "must have at least one route")
    if len(items) > MAX_ROUTES:
        reader.fault("routes", f"there are up to {MAX_ROUTES:,} routes")
    routes: list[StubRoute] = []
    for path, raw in items[:MAX_ROUTES]:
        if len(reader.faults) > MAX_FAULTS:
            break
        routes += parse_route(raw, path, kit)
    kit.link_siblings()
    return tuple(routes)


def _is_bounded(raw: object, reader: FaultReader) -> bool:
    """Whether reading it can be left to recursion. Finds values inside themselves, too."""
    left: list[tuple[object, int]] = [(raw, 0)]
    seen = 0
    while left:
        value, depth = left.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_VALUES:
            limit = f"{MAX_VALUES:,} values, nested {MAX_DEPTH} deep"
            reader.fault("", f"a definition has up to {limit}")
            return False
        if isinstance(value, Mapping):
            left.extend((below, depth + 1) for below in value.values())
        elif isinstance(value, list | tuple):
            left.extend((below, depth + 1) for below in value)
    return True


def _shortened(faults: Sequence[Fault]) -> Sequence[Fault]:
    if len(faults) <= MAX_FAULTS:
        return faults
    return (*faults[:MAX_FAULTS], Fault("", None, "reading stopped here, after too many faults"))
