"""Calls about state: what the services remember, one store or one entry at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from stubs.admin.desk import Desk, Forgetful
from stubs.admin.messages import CallError, check_query, query_count, read_json, reply
from stubs.service import Service, Store
from switchboard.fault_reader import nearest, shown

SHOWN: Final = 100
MOST_SHOWN: Final = 1_000

T = TypeVar("T")


async def show_state(desk: Desk, request: Request) -> Response:
    check_query(request, ("limit",))
    limit = query_count(request, "limit", SHOWN, MOST_SHOWN)
    state: dict[str, dict[str, object]] = {}
    for service, store in _meant(desk, request):
        state.setdefault(service.name, {})[store.name] = store.snapshot(limit)
    return reply({"state": state})


async def put_state(desk: Desk, request: Request) -> Response:
    ((service, store),) = _meant(desk, request)
    key = _key_of(store, request)
    value = await read_json(request)
    try:
        store.put(key, value)
    except ValueError as error:
        raise CallError(422, "State amiss", str(error)) from error
    return reply({"service": service.name, "store": store.name, "key": key, "value": value})


async def delete_state(desk: Desk, request: Request) -> Response:
    check_query(request, ())
    stores = list(_meant(desk, request))
    for _, store in stores:
        store.reset()
    names = [f"{service.name}/{store.name}" for service, store in stores]
    return reply({"emptied": names})


async def delete_entry(desk: Desk, request: Request) -> Response:
    ((service, store),) = _meant(desk, request)
    key = _key_of(store, request)
    if not key and _is_named(store.name, _place(request)):
        return await delete_state(desk, request)
    if not isinstance(store, Forgetful):
        detail = f"{store.name} of {service.name} is emptied as a whole, or an entry is overwritten"
        raise CallError(409, "Not one by one", detail)
    if not store.remove(key):
        detail = f"{store.name} of {service.name} has no entry {shown(key)}"
        raise CallError(404, "No such entry", detail)
    return reply({"forgotten": key})


def _meant(desk: Desk, request: Request) -> Iterator[tuple[Service, Store]]:
    """The stores that the path names, all of them without a name. Raises CallError."""
    params = request.path_params
    services = {service.name: service for service in desk.services()}
    chosen = list(services.values())
    if "service" in params:
        chosen = [_found(services, params["service"], "service")]
    for service in chosen:
        stores = {store.name: store for store in service.stores}
        if "store" in params:
            place = _place(request)
            named = [name for name in stores if "key" in params and _is_named(name, place)]
            wanted = max(named, key=len, default=params["store"])
            stores = {"": _found(stores, wanted, f"store of {service.name}")}
        for store in stores.values():
            yield service, store


def _place(request: Request) -> str:
    """Store and key, as they stand in the path: both may have slashes."""
    params = request.path_params
    return "/".join(params[name] for name in ("store", "key") if name in params)


def _is_named(store: str, place: str) -> bool:
    """Whether a path means this store, or an entry of it: `answers of GET /cards/{card}`."""
    return place == store or place.startswith(f"{store}/")


def _key_of(store: Store, request: Request) -> str:
    return _place(request)[len(store.name) + 1 :]


def _found(among: Mapping[str, T], name: str, what: str) -> T:
    if name in among:
        return among[name]
    hint = nearest(name[:80], among) if among else "there is none"
    raise CallError(404, f"No such {what.partition(' ')[0]}", f"no {what} {shown(name)}; {hint}")
