"""Every call of the admin API, one row each: the routes, the documentation and the OpenAPI
document are made of this table. Floor 1. Read next: any of the `*_calls.py`, `app.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from stubs.admin import about, clock_calls, fault_calls, journal_calls, state_calls
from stubs.admin.desk import Desk
from stubs.admin.messages import reply
from stubs.admin.place import PREFIX

Handler = Callable[[Desk, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call. path: below `/__esr`.   query: parameters it takes.   takes_body: JSON."""

    method: str
    path: str
    handler: Handler
    summary: str
    query: tuple[str, ...] = ()
    takes_body: bool = False
    status: int = 200

    @property
    def documented_path(self) -> str:
        """The path in OpenAPI's way of writing: without what a brace's value is made of."""
        return PREFIX + self.path.replace(":path}", "}")


async def show_openapi(desk: Desk, request: Request) -> Response:
    return reply(openapi())


CALLS: Final = (
    Call("GET", "/health", about.show_health, "whether it is well, and the services' names"),
    Call("GET", "/stats", about.show_stats, "how often each route gave each status"),
    Call("GET", "/services", about.list_services, "the services, their hosts and stores"),
    Call("GET", "/routes", about.list_routes, "the routes", ("service",)),
    Call("GET", "/config", about.show_config, "what this gateway runs with, secrets masked"),
    Call("GET", "/state", state_calls.show_state, "what all services remember", ("limit",)),
    Call("GET", "/state/{service}", state_calls.show_state, "what one remembers", ("limit",)),
    Call("GET", "/state/{service}/{store:path}", state_calls.show_state, "one store", ("limit",)),
    Call("PUT", "/state/{service}/{store}/{key:path}", state_calls.put_state, "set one entry",
         takes_body=True),
    Call("DELETE", "/state", state_calls.delete_state, "forget everything"),
    Call("DELETE", "/state/{service}", state_calls.delete_state, "empty one service's stores"),
    Call("DELETE", "/state/{service}/{store}", state_calls.delete_state, "empty one store"),
    Call("DELETE", "/state/{service}/{store}/{key:path}", state_calls.delete_entry,
         "forget one entry"),
    Call("GET", "/journal", journal_calls.show_journal, "what was asked, and how it fared",
         (*journal_calls.FILTERS, "limit")),
    Call("DELETE", "/journal", journal_calls.delete_journal, "forget it, or what the filters take",
         journal_calls.FILTERS),
    Call("POST", "/verify", journal_calls.verify_journal, "how often was this called, with what",
         takes_body=True),
    Call("GET", "/faults", fault_calls.list_faults, "the timetable, and what it touched"),
    Call("POST", "/faults", fault_calls.add_faults, "inject one fault or several",
         takes_body=True, status=201),
    Call("PUT", "/faults", fault_calls.put_faults, "these faults and no others",
         takes_body=True, status=201),
    Call("DELETE", "/faults", fault_calls.delete_faults, "clear all faults"),
    Call("POST", "/faults/clear", fault_calls.clear_faults, "clear all, or those that are named",
         takes_body=True),
    Call("GET", "/faults/{fault:path}", fault_calls.show_fault, "one fault"),
    Call("DELETE", "/faults/{fault:path}", fault_calls.delete_fault, "clear one fault"),
    Call("GET", "/clock", clock_calls.show_clock, "where recorded time stands"),
    Call("PUT", "/clock", clock_calls.put_clock, "drive recorded time: a run's link",
         takes_body=True),
    Call("POST", "/reload", about.reload, "read the definitions again"),
    Call("POST", "/reset", about.reset, "state, journal, faults and counts as at the start"),
    Call("GET", "/openapi.json", show_openapi, "this API as an OpenAPI document"),
)  # fmt: skip


def openapi() -> dict[str, Any]:
    """This API as an OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.documented_path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "The admin API of a stub gateway", "version": "1"},
        "paths": paths,
    }


def _operation(call: Call) -> dict[str, Any]:
    names = [part.partition("}")[0] for part in call.documented_path.split("{")[1:]]
    parameters = [_parameter(name, "path") for name in names]
    parameters += [_parameter(name, "query") for name in call.query]
    problem = {"content": {"application/problem+json": {}}, "description": "why not"}
    operation: dict[str, Any] = {
        "summary": call.summary,
        "operationId": call.handler.__name__ + "".join(f"_{name}" for name in names),
        "parameters": parameters,
        "responses": {
            str(call.status): {"description": "done", "content": {"application/json": {}}},
            "default": problem,
        },
    }
    if call.takes_body:
        operation["requestBody"] = {"content": {"application/json": {}}}
    return operation


def _parameter(name: str, where: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": "string"}}
