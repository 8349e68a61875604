"""WireMock stub mappings to a service. Floor 1, pure.

A scenario's state is one for all callers there; here it is kept for each session, so that parallel
users do not step on each other, and the report says so. What forwards to another server
(`proxyBaseUrl`) is refused: a definition has no way to say it.
Read next: `wiremock_request.py`, `wiremock_response.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.answers import escape_text
from stubs.importers.definition import Drafts, Imported, choose_key
from stubs.importers.fault_list import FaultList
from stubs.importers.fields import mapping_of, refuse_unknown, text_in, whole_in
from stubs.importers.report import Item, LossReport, UnusableFileError
from stubs.importers.wiremock_request import read_host, read_request
from stubs.importers.wiremock_response import read_response

_MAPPING: Final = frozenset(
    {"id", "uuid", "name", "priority", "persistent", "metadata", "scenarioName",
     "requiredScenarioState", "newScenarioState", "request", "response", "insertionIndex",
     "serveEventListeners", "postServeActions"}
)  # fmt: skip
STARTED: Final = "Started"
DEFAULT_PRIORITY: Final = 5
HIGHEST: Final = 1_000


def import_wiremock(value: object, name: str, report: LossReport) -> Imported:
    """One service for each host that mappings name. Raises UnusableFileError."""
    if isinstance(value, Mapping) and isinstance(value.get("mappings"), list):
        mappings, where = value["mappings"], "mappings"
    elif isinstance(value, Mapping) and "request" in value:
        mappings, where = [value], "mapping"
    else:
        raise UnusableFileError("this is no WireMock mapping: it has no `mappings` or `request`")
    drafts = Drafts(name)
    faults = FaultList()
    for at, mapping in report.each(where, mappings):
        with report.taking(at) as item:
            _take(mapping, drafts, faults, item)
    return Imported(drafts.services(), faults.listed)


def _take(value: object, drafts: Drafts, faults: FaultList, item: Item) -> None:
    raw = mapping_of(value, "a mapping")
    given = raw.get("name")
    item.what = given[:80] if isinstance(given, str) else ""
    refuse_unknown(raw, _MAPPING, "the mapping")
    request = mapping_of(raw.get("request"), "`request`")
    route = read_request(request, item)
    item.what = item.what or f"{route['method']} {route.get('path', route.get('path_regex'))}"[:80]
    if isinstance(given, str) and given.isprintable() and given.strip():
        route["name"] = given.strip()[:80]
    route["priority"] = _priority(raw, item)
    if raw.get("serveEventListeners") or raw.get("postServeActions"):
        item.approximate("its webhooks are left out: write them as `callbacks` of the route")
    draft = drafts.of_host(read_host(request))
    machine = _read_scenario(raw, route, item)
    answer, latency, fault = read_response(mapping_of(raw.get("response"), "`response`"), item)
    route |= {"latency": latency, "answer": answer}
    state = {} if machine is None else {machine: {"key": "session", "initial": STARTED}}
    draft.add(route, state=state)
    if fault is not None:
        faults.add_to_route(fault, draft.name, route, item)


def _priority(raw: Mapping[str, Any], item: Item) -> int | None:
    """None for the usual one."""
    given = whole_in(raw, "priority", DEFAULT_PRIORITY, -1_000_000, 1_000_000)
    priority = min(max(given, 1), HIGHEST)
    if given != priority:
        item.approximate(f"its priority {given} is taken as {priority}")
    return None if priority == DEFAULT_PRIORITY else priority


def _read_scenario(raw: Mapping[str, Any], route: dict[str, Any], item: Item) -> str | None:
    """The state that the route waits for and leaves; gives the machine's name."""
    if raw.get("scenarioName") is None:
        return None
    machine = choose_key(text_in(raw, "scenarioName"))
    item.approximate("the scenario's state is kept for each session, not once for everybody")
    if raw.get("requiredScenarioState") is not None:
        required = text_in(raw, "requiredScenarioState")
        route.setdefault("when", {})["state"] = {machine: required}
    if raw.get("newScenarioState") is not None:
        route["sets"] = {machine: escape_text(text_in(raw, "newScenarioState"))}
    return machine
