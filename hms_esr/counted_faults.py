"""Which requests of a plan a counting fault comes to, decided before the run begins.

"The first 100", "every third", "100 a minute": at the gateway these would depend on which of two
requests happened to come first. A run knows its plan, so the counting is done here, in plan order,
and any speed and any number of workers hit the same requests. A fault that counts by a header
cannot be counted beforehand; the gateway then counts as requests come.
Read next: `stubs/faults/counted.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from replay.building.places import service_tag
from replay.plan import Plan
from replay.prepare import rename
from replay.tape import Tape
from stubs.faults.counted import Row, choose_counted
from stubs.faults.fault import Fault
from stubs.faults.target import split_route

NameRoute = Callable[[str, str, str], str]
"""From service, method and recorded path template to the name that the stub's route has."""

_TENANT = re.compile(rb"\r\nx-(?:esr-tenant|tenant-id):[ \t]*([^\r]*?)[ \t]*\r\n", re.IGNORECASE)


def choose_requests(
    faults: Sequence[Fault], tape: Tape, plan: Plan, name_route: NameRoute
) -> tuple[Fault, ...]:
    """The faults, those that count with the ids they come to."""
    chosen: list[Fault] = []
    for fault in faults:
        if fault.is_counting and not fault.target.headers:
            ids = choose_counted(fault, plan_rows(tape, plan, name_route, fault))
            fault = replace(fault, chosen=frozenset(ids))
        chosen.append(fault)
    return tuple(chosen)


def count_planned(fault: Fault, tape: Tape, plan: Plan, name_route: NameRoute) -> int:
    """How many requests of the plan the fault is about: due in its time, and fitting its target.

    Draws, counts and headers are not looked at, so it touches this many at the most.
    """
    return sum(_fits(fault, row) for row in plan_rows(tape, plan, name_route, fault))


def is_met(fault: Fault, tape: Tape, plan: Plan, name_route: NameRoute) -> bool:
    """Whether there is any; a target that nobody fits is a mistake."""
    return any(_fits(fault, row) for row in plan_rows(tape, plan, name_route, fault))


def _fits(fault: Fault, row: Row) -> bool:
    path = row.path or split_route(row.route)[1]
    return fault.target.fits_names(row.service, row.route, path, row.method, row.tenant)


def plan_rows(tape: Tape, plan: Plan, name_route: NameRoute, fault: Fault) -> Iterator[Row]:
    """The plan's requests in due order, as the fault sees them; only those of its window."""
    info = tape.info
    names: dict[tuple[int, int], tuple[str, str, str]] = {}
    # Heads are looked into only for who asks for them: it takes a while.
    scope = getattr(fault.kind, "scope", None)
    is_by_tenant = fault.target.tenant is not None or scope == "tenant"
    inside = (plan.at_ms >= fault.at_ms) & (plan.at_ms < fault.ends_ms)
    for index in inside.nonzero()[0].tolist():
        row = int(plan.row[index])
        place = int(tape.host[row]), int(tape.route[row])
        known = names.get(place)
        if known is None:
            route = info.routes[place[1]]
            service = service_tag(info.hosts[place[0]], route)
            name = name_route(service, route.method, route.template)
            known = names[place] = (service, name, route.method)
        service, name, method = known
        yield Row(
            request_id=index,
            at_ms=float(plan.at_ms[index]),
            service=service,
            route=name,
            method=method,
            tenant=_tenant(tape, row) if is_by_tenant else "",
            key=plan.lanes.name[int(plan.lane[index])],
            path=_path(tape, plan, index) if fault.target.route is not None else "",
        )


def _path(tape: Tape, plan: Plan, index: int) -> str:
    """The path as it will be sent: with the clone's name in place of the recorded user's."""
    row, lane = int(plan.row[index]), int(plan.lane[index])
    begin = int(tape.offset[row])
    line = bytes(tape.blob[begin : begin + int(tape.split[row])])
    names = plan.lanes.original[lane].encode(), plan.lanes.name[lane].encode()
    if names[0] != names[1]:
        line = rename(line, b"", *names)[0]
    return line.split(b" ", 2)[1].partition(b"?")[0].decode("latin-1")


def _tenant(tape: Tape, row: int) -> str:
    begin, length = int(tape.offset[row]), int(tape.length[row])
    head = bytes(tape.blob[begin : begin + length]).partition(b"\r\n\r\n")[0] + b"\r\n"
    found = _TENANT.search(head)
    return found.group(1).decode("latin-1") if found else ""
