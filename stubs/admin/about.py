"""Calls about the gateway itself: its health, its services and routes, what it runs with."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from stubs.admin.desk import Desk
from stubs.admin.messages import check_query, refuse_faults, reply
from stubs.masking import masked_mapping
from switchboard.errors import EsrError


async def show_health(desk: Desk, request: Request) -> Response:
    return reply({"status": "ok", "services": [service.name for service in desk.services()]})


async def show_stats(desk: Desk, request: Request) -> Response:
    return reply({"answers": desk.counts.rows()})


async def list_services(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    services = [
        {
            "name": service.name,
            "title": service.title,
            "hosts": list(service.hosts),
            "routes": len(service.routes),
            "stores": [store.name for store in service.stores],
        }
        for service in desk.services()
    ]
    return reply({"services": services})


async def list_routes(desk: Desk, request: Request) -> Response:
    check_query(request, ("service",))
    wanted = request.query_params.get("service")
    routes = [
        {
            "service": service.name,
            "method": route.method,
            "path": route.template,
            "route": route.name,
            "priority": route.priority,
            "is_conditional": route.accepts is not None,
        }
        for service in desk.services()
        if wanted in (None, service.name)
        for route in service.routes
    ]
    return reply({"routes": routes})


async def show_config(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    return reply(masked_mapping(desk.config()))


async def reload(desk: Desk, request: Request) -> Response:
    """A broken edit keeps what was served before, and says so."""
    try:
        served = await desk.reload()
    except EsrError as error:
        title = "The definitions are broken; those from before are still served"
        raise refuse_faults(error, title) from error
    return reply(served)


async def reset(desk: Desk, request: Request) -> Response:
    """State, journal, faults, counts and draws are as if the gateway had just started."""
    stores = [store for service in desk.services() for store in service.stores]
    for store in stores:
        store.reset()
    faults = len(desk.chaos.faults)
    desk.chaos.clear()
    entries = desk.journal.remove()
    desk.counts.clear()
    desk.renumber()
    return reply({"stores": len(stores), "faults": faults, "entries": entries})
