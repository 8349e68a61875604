"""Calls about faults: the timetable as it stands, and injecting and clearing some while it runs.

A fault is written as in a scenario. What is injected begins now unless it says `at`, which may also
be `now` or `+30s` from now. Either all faults of a call are taken or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from stubs.admin.desk import Desk
from stubs.admin.messages import CallError, check_query, read_json, refuse_faults, reply
from stubs.faults.contradictions import find_contradictions
from stubs.faults.durations import parse_ms
from stubs.faults.fault import Fault
from stubs.faults.mapping import fault_mapping
from stubs.faults.reader import MAX_FAULTS, parse_fault
from stubs.faults.spellings import spell_out
from switchboard.errors import ScenarioError
from switchboard.fault_reader import FaultReader, LineOf, join, nearest, shown

MOST_HELD: Final = 1_000
"""In the timetable at a time, over ones included."""
_WHERE: Final = "chaos"


async def list_faults(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    return reply({"now_ms": desk.clock.now_ms(), "faults": _rows(desk)})


async def show_fault(desk: Desk, request: Request) -> Response:
    wanted = request.path_params["fault"]
    for row in _rows(desk):
        if row["id"] == wanted:
            return reply(row)
    raise _no_fault(desk, wanted)


async def add_faults(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    raw = await read_json(request)
    _forget_over(desk)
    faults = read_injected(raw, desk.clock.now_ms(), desk.chaos.faults)
    return _inject(desk, faults)


async def put_faults(desk: Desk, request: Request) -> Response:
    """The timetable is these faults, and no others."""
    check_query(request, ())
    faults = read_injected(await read_json(request), desk.clock.now_ms(), ())
    desk.chaos.clear()
    return _inject(desk, faults)


async def delete_fault(desk: Desk, request: Request) -> Response:
    wanted = request.path_params["fault"]
    if not _holds(desk, wanted):
        raise _no_fault(desk, wanted)
    desk.chaos.remove(wanted)
    return reply({"cleared": [wanted]})


async def delete_faults(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    cleared = [fault.id for fault in desk.chaos.faults]
    desk.chaos.clear()
    return reply({"cleared": cleared})


async def clear_faults(desk: Desk, request: Request) -> Response:
    """Those that the body names, `{"ids": [...]}`; without a body all of them."""
    check_query(request, ())
    if request.headers.get("content-length", "0") == "0" and not await request.body():
        return await delete_faults(desk, request)
    raw = await read_json(request)
    ids = raw.get("ids") if isinstance(raw, dict) and set(raw) == {"ids"} else None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise CallError(422, "No ids", 'send {"ids": ["ach-down"]}, or no body to clear them all')
    for wanted in ids:
        if not _holds(desk, wanted):
            raise _no_fault(desk, wanted)
    for wanted in ids:
        desk.chaos.remove(wanted)
    return reply({"cleared": ids})


def read_injected(
    raw: object, now_ms: float, held: Sequence[Fault] = (), *, line_of: LineOf = lambda _: None
) -> tuple[Fault, ...]:
    """The faults of a call, one or a list or `{"chaos": [...]}`.

    Raises CallError with everything that is wrong, also with one that contradicts a fault that is
    held already.
    """
    root = ""
    if isinstance(raw, Mapping) and set(raw) == {_WHERE}:
        raw, root = raw[_WHERE], _WHERE
    items = raw if isinstance(raw, list) else [raw]
    if not items or len(items) > MAX_FAULTS:
        raise CallError(422, "No faults", f"send one fault, or a list of 1 to {MAX_FAULTS:,}")
    reader = FaultReader(line_of)
    faults: list[Fault] = []
    where: list[str] = []
    for index, item in enumerate(items):
        path = f"{root}[{index}]" if isinstance(raw, list) else root
        taken = {each.id for each in (*held, *faults)}
        fault = _read_one(item, path, reader, taken, max(0.0, now_ms))
        if fault is not None:
            faults.append(fault)
            where.append(path)
    for later, message in find_contradictions([*held, *faults]):
        if later >= len(held):
            reader.fault(where[later - len(held)], message)
    if reader.faults:
        error = ScenarioError("this cannot be injected", reader.faults)
        raise refuse_faults(error, "Faults amiss")
    return tuple(faults)


def _read_one(
    raw: object, path: str, reader: FaultReader, taken: set[str], now_ms: float
) -> Fault | None:
    """One fault, from now on where it does not say when."""
    spelled = spell_out(raw, path, reader)
    if spelled is None:
        return None
    at = spelled.get("at", "now")
    if not isinstance(at, str) or not (at == "now" or at.startswith("+")):
        fault = parse_fault(spelled, path, reader, taken)
        return None if fault is None else replace(fault, at_ms=max(fault.at_ms, now_ms))
    later_ms = 0.0
    if at != "now":
        later_ms = reader.checked(join(path, "at"), at[1:], parse_ms) or 0.0
    fault = parse_fault({**spelled, "at": "0s"}, path, reader, taken)
    return None if fault is None else replace(fault, at_ms=now_ms + later_ms)


def _inject(desk: Desk, faults: tuple[Fault, ...]) -> Response:
    if len(desk.chaos.faults) + len(faults) > MOST_HELD:
        detail = f"the timetable holds up to {MOST_HELD:,} faults; clear some first"
        raise CallError(409, "Too many faults", detail)
    for index, fault in enumerate(faults):
        try:
            desk.chaos.add(fault)
        except ValueError as error:
            for added in faults[:index]:
                desk.chaos.remove(added.id)
            raise CallError(409, "Faults amiss", str(error)) from error
    ids = {fault.id for fault in faults}
    rows = [row for row in _rows(desk) if row["id"] in ids]
    return reply({"now_ms": desk.clock.now_ms(), "faults": rows}, 201)


def _rows(desk: Desk) -> list[dict[str, Any]]:
    """Each fault as the timetable tells it, and as it would be written."""
    written = {fault.id: fault_mapping(fault) for fault in desk.chaos.faults}
    return [{**row, "written": written.get(row["id"])} for row in desk.chaos.list()]


def _forget_over(desk: Desk) -> None:
    """Faults that are over make room once the timetable is full."""
    now_ms = desk.clock.now_ms()
    if len(desk.chaos.faults) >= MOST_HELD:
        for fault in [each for each in desk.chaos.faults if each.state(now_ms) == "over"]:
            desk.chaos.remove(fault.id)


def _holds(desk: Desk, fault_id: str) -> bool:
    return any(fault.id == fault_id for fault in desk.chaos.faults)


def _no_fault(desk: Desk, wanted: str) -> CallError:
    ids = [fault.id for fault in desk.chaos.faults]
    hint = nearest(wanted[:80], ids) if ids else "there are none"
    return CallError(404, "No such fault", f"there is no fault {shown(wanted)}; {hint}")
