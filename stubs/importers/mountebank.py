"""mountebank imposters to services: one for each that speaks HTTP. Floor 1, pure.

There the first stub that fits wins, and responses go round in a ring that all callers share; here
each session has a ring of its own. Proxies, injected scripts and shell commands are refused: a
definition has no way to say them. Read next: `mountebank_request.py`, `mountebank_response.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.definition import Draft, Drafts, Imported, Route
from stubs.importers.fault_list import FaultList
from stubs.importers.fields import list_in, mapping_of, refuse_unknown
from stubs.importers.mountebank_request import read_predicates
from stubs.importers.mountebank_response import Responses, read_responses
from stubs.importers.report import Item, LossReport, NotTakenError, UnusableFileError
from stubs.importers.waits import percentile_latency
from switchboard.fault_reader import shown

LAST_PRIORITY: Final = 1_000
MAX_ALTERNATIVES: Final = 20

_STUB: Final = frozenset({"predicates", "responses", "_links", "_uuid", "matches"})
_SPOKEN: Final = ("http", "https")


def import_mountebank(value: object, name: str, report: LossReport) -> Imported:
    """Raises UnusableFileError."""
    if isinstance(value, Mapping) and isinstance(value.get("imposters"), list):
        imposters, where = value["imposters"], "imposters"
    elif isinstance(value, Mapping) and "protocol" in value:
        imposters, where = [value], "imposter"
    else:
        raise UnusableFileError("these are no mountebank imposters: there is no list `imposters`")
    drafts, faults = Drafts(name), FaultList()
    for at, raw in report.each(where, imposters):
        with report.taking(at) as item:
            imposter = mapping_of(raw, "an imposter")
            draft, default = _open(imposter, drafts, item)
            stubs = list_in(imposter, "stubs")
            _take_stubs(stubs, f"{at}.stubs", draft, default, faults, report)
    return Imported(drafts.services(), faults.listed)


def _open(
    imposter: Mapping[str, Any], drafts: Drafts, item: Item
) -> tuple[Draft, Mapping[str, Any]]:
    """The service of an imposter, and the answer that its others are filled up with."""
    protocol, port, name = (imposter.get(key) for key in ("protocol", "port", "name"))
    item.what = shown(name or f"{protocol} on port {port}")
    if protocol not in _SPOKEN:
        raise NotTakenError(f"it speaks {shown(protocol)}, and stubs speak HTTP")
    if protocol == "https":
        item.approximate("its keys and certificates are left out: the gateway speaks plain HTTP")
    if imposter.get("allowCORS"):
        item.approximate("it does not answer CORS preflights by itself")
    for key in ("endOfRequestResolver", "middleware"):
        if imposter.get(key):
            raise NotTakenError(f"it runs code ({key}), which no stub does")
    wish = name if isinstance(name, str) and name.strip() else f"port{port}"
    draft = drafts.named(item.where, wish, f"imposter {item.what}")
    raw = imposter.get("defaultResponse")
    default = {} if raw is None else mapping_of(raw, "`defaultResponse`")
    if default:
        made = read_responses([{"is": {}}], default, item)
        answer = made.answers[0]
        draft.add(
            {"method": "ANY", "path_regex": "/.*", "priority": LAST_PRIORITY, "answer": answer}
        )
    else:
        item.approximate("what fits no stub is answered 404, not 200 with nothing")
    return draft, default


def _take_stubs(
    stubs: list[Any],
    where: str,
    draft: Draft,
    default: Mapping[str, Any],
    faults: FaultList,
    report: LossReport,
) -> None:
    """The stubs, the last one first: of equals the later route is tried first."""
    built: list[tuple[Item, list[Route], Responses]] = []
    for at, raw in report.each(where, stubs):
        with report.taking(at) as item:
            stub = mapping_of(raw, "a stub")
            refuse_unknown(stub, _STUB, "the stub")
            responses = read_responses(list_in(stub, "responses"), default, item)
            built.append((item, _build(stub, responses, item), responses))
    for item, routes, responses in reversed(built):
        try:
            draft.add(*routes)
        except NotTakenError as error:
            item.refuse(str(error))
            continue
        for route in routes:
            if responses.fault is not None:
                faults.add_to_route(responses.fault, draft.name, route, item)


def _build(stub: Mapping[str, Any], responses: Responses, item: Item) -> list[Route]:
    """One route, or one for each alternative that its predicates allow."""
    alternatives = read_predicates(list_in(stub, "predicates"), item)
    if len(alternatives) > MAX_ALTERNATIVES:
        raise NotTakenError(f"its predicates have more than {MAX_ALTERNATIVES} alternatives")
    if len(alternatives) > 1 and len(responses.answers) > 1:
        raise NotTakenError("alternatives (`or`) that share a ring of responses cannot be said")
    item.what = item.what or f"{alternatives[0]['method']} {_path_of(alternatives[0])}"[:80]
    answers: dict[str, Any] = {"latency": percentile_latency(responses.waits_ms)}
    if len(responses.answers) == 1:
        answers["answer"] = responses.answers[0]
    else:
        item.approximate("each session has its responses in a ring of its own")
        answers |= {"key": "session", "answers": list(responses.answers), "cycle": True}
    return [{**alternative, **answers} for alternative in alternatives]


def _path_of(route: Mapping[str, Any]) -> str:
    return str(route.get("path", route.get("path_regex")))
