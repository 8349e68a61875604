"""Calls about the journal: reading it, emptying it, asking whether it is as expected."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from stubs.admin.desk import Desk
from stubs.admin.messages import CallError, check_query, query_count, read_json, refuse_faults
from stubs.admin.messages import reply as reply
from stubs.expectation import parse_expectation
from stubs.faults.durations import parse_ms
from stubs.journal import Filters
from stubs.masking import entry_mapping
from stubs.verification import verify
from switchboard.errors import EsrError

FILTERS: Final = (
    "service",
    "route",
    "method",
    "status",
    "path",
    "request_id",
    "fault",
    "ending",
    "since",
    "after",
)
SHOWN: Final = 100
MOST_SHOWN: Final = 1_000
"""Showing one takes about 70 us, and meanwhile nobody is answered."""
_LAST: Final = 10**18 - 1


async def show_journal(desk: Desk, request: Request) -> Response:
    check_query(request, (*FILTERS, "limit"))
    filters = filters_of(request)
    entries = desk.journal.select(filters, query_count(request, "limit", SHOWN, MOST_SHOWN))
    return reply(
        {
            "entries": [entry_mapping(entry) for entry in entries],
            "matching": desk.journal.count(filters),
            "first": desk.journal.first_number,
            "last": desk.journal.last_number,
            "is_on": desk.journal.is_on,
        }
    )


async def delete_journal(desk: Desk, request: Request) -> Response:
    check_query(request, FILTERS)
    return reply({"removed": desk.journal.remove(filters_of(request))})


async def verify_journal(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    raw = await read_json(request)
    try:
        expected = parse_expectation(raw)
    except EsrError as error:
        raise refuse_faults(error, "No expectation") from error
    if not desk.journal.is_on:
        raise CallError(409, "No journal", "this gateway keeps no journal, so nothing can be said")
    found = verify(desk.journal, expected, desk.journal.crowded_out)
    if found.ok:
        return reply(found.to_json())
    raise CallError(409, "Not as expected", found.sentence, more=found.to_json())


def filters_of(request: Request) -> Filters:
    """The filters of the query. Raises CallError."""
    query = request.query_params
    try:
        return Filters(
            service=query.get("service", ""),
            route=query.get("route", ""),
            method=query.get("method", "").upper(),
            status=query.get("status", ""),
            path=query.get("path", ""),
            request_id=int(query["request_id"], 16) if "request_id" in query else None,
            fault=query.get("fault", ""),
            ending=query.get("ending", ""),
            since_ms=parse_ms(query["since"]) if "since" in query else None,
            after=query_count(request, "after", 0, _LAST),
        )
    except ValueError as error:
        said = str(error)
        if "invalid literal" in said:
            said = "request_id must be a number in hexadecimal, as x-esr-request says it"
        raise CallError(422, "Parameter amiss", said) from None
