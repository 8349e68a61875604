"""Hoverfly v5 simulations to services, one for each destination. Floor 1, pure.

There the pair with the most fields wins, which is said by the order in the file: of routes of one
priority, the later one is tried first. State is kept for each session instead of once for all.
Read next: `hoverfly_request.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stubs.importers.answers import (
    build_answer,
    bytes_body,
    decode_base64,
    escape_text,
    text_body,
)
from stubs.importers.definition import Draft, Drafts, Imported, choose_key
from stubs.importers.fields import (
    list_in,
    mapping_in,
    mapping_of,
    number_of,
    refuse_unknown,
    scalar_text,
    status_in,
    text_in,
)
from stubs.importers.hoverfly_delays import GlobalDelays
from stubs.importers.hoverfly_request import read_destination, read_request
from stubs.importers.report import Item, LossReport, NotTakenError, UnusableFileError
from stubs.importers.templates import HOVERFLY, convert_template, has_template
from stubs.importers.waits import Latency, fixed_latency, mean_lognormal_latency
from switchboard.fault_reader import shown

UNSET: Final = "unset"
"""A state that nobody has set yet; there such a key is simply not there."""

_RESPONSE: Final = frozenset(
    {"status", "body", "bodyFile", "encodedBody", "headers", "templated", "transitionsState",
     "removesState", "fixedDelay", "logNormalDelay"}
)  # fmt: skip
_PAIR: Final = frozenset({"labels", "request", "response"})


@dataclass(frozen=True, slots=True)
class _Pair:
    """A pair on its way into a service. score: how many fields it looks at."""

    score: int
    place: int
    draft: Draft
    route: dict[str, Any]
    item: Item


def import_hoverfly(value: object, name: str, report: LossReport) -> Imported:
    """Raises UnusableFileError."""
    data = value.get("data") if isinstance(value, Mapping) else None
    pairs = data.get("pairs") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(pairs, list):
        raise UnusableFileError("this is no Hoverfly simulation: it has no list `data.pairs`")
    drafts = Drafts(name)
    delays = GlobalDelays(data.get("globalActions"), report)
    taken: list[_Pair] = []
    for where, raw in report.each("data.pairs", pairs):
        with report.taking(where) as item:
            taken.append(_take(raw, len(taken), drafts, delays, item))
    for key in ("literals", "variables"):
        values = data.get(key)
        for where, _ in report.each(f"data.{key}", values if isinstance(values, list) else []):
            report.item(where).refuse("templates know neither literals nor variables here")
    for pair in sorted(taken, key=lambda each: (each.score, -each.place)):
        try:
            _add(pair)
        except NotTakenError as error:
            pair.item.refuse(str(error))
    delays.close()
    return Imported(drafts.services())


def _take(raw: object, place: int, drafts: Drafts, delays: GlobalDelays, item: Item) -> _Pair:
    pair = mapping_of(raw, "a pair")
    refuse_unknown(pair, _PAIR, "the pair")
    request = mapping_of(pair.get("request"), "`request`")
    response = mapping_of(pair.get("response"), "`response`")
    destination = read_destination(request, item)
    route, score = read_request(request, item)
    path = str(route.get("path", route.get("path_regex")))
    item.what = f"{route['method']} {destination}{path}"[:80]
    _check_response(response)
    route["latency"] = _latency(response, item) or delays.find(
        destination + path, route["method"], item
    )
    route["answer"] = _answer(response, item)
    sets = _transitions(response)
    if sets:
        route["sets"] = sets
    if sets or route.get("when", {}).get("state"):
        item.approximate("its state is kept for each session, not once for everybody")
    return _Pair(score, place, drafts.of_host(destination), route, item)


def _add(pair: _Pair) -> None:
    asked = pair.route.get("when", {}).get("state", {})
    state = {
        name: {"key": "session", "initial": "1" if name.startswith("sequence_") else UNSET}
        for name in (*asked, *pair.route.get("sets", {}))
    }
    pair.draft.add(pair.route, state=state)


def _check_response(response: Mapping[str, Any]) -> None:
    if response.get("postServeAction"):
        raise NotTakenError("it runs an action after serving (postServeAction), which no stub does")
    refuse_unknown(response, _RESPONSE, "the response")
    if response.get("bodyFile"):
        raise NotTakenError("its body is in a file of its own, which is not read")


def _answer(response: Mapping[str, Any], item: Item) -> dict[str, Any]:
    body = text_in(response, "body", "")
    is_template = response.get("templated") is True and has_template(body)
    headers = _headers(response)
    content_type = next((v for k, v in headers if k.lower() == "content-type"), "")
    if response.get("encodedBody") is True:
        made = bytes_body(decode_base64(body), content_type)
    elif is_template:
        made = {"text": _convert(body)}
    else:
        made = text_body(body, content_type)
    convert = _convert if response.get("templated") is True else escape_text
    return build_answer(status_in(response, "status"), headers, made, item, convert)


def _convert(text: str) -> str:
    return convert_template(text, HOVERFLY)


def _headers(response: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, scalar_text(each, f"the header {shown(name)}"))
        for name, values in mapping_in(response, "headers").items()
        for each in (values if isinstance(values, list) else [values])
    ]


def _latency(response: Mapping[str, Any], item: Item) -> Latency:
    fixed, spread = response.get("fixedDelay"), response.get("logNormalDelay")
    if fixed and spread:
        raise NotTakenError("it has two delays, of which there can be one")
    if spread:
        return read_lognormal(mapping_of(spread, "`logNormalDelay`"), item)
    return fixed_latency(fixed) if fixed else None


def read_lognormal(raw: Mapping[str, Any], item: Item) -> Latency:
    """A delay by median and mean; its ends are only cut where it is drawn there."""
    if any(number_of(raw.get(key) or 0, f"`{key}`") for key in ("min", "max")):
        item.approximate("its log-normal delay is not cut at `min` and `max`")
    return mean_lognormal_latency(raw.get("median"), raw.get("mean"))


def _transitions(response: Mapping[str, Any]) -> dict[str, str]:
    sets = {
        choose_key(key): escape_text(scalar_text(value, f"the state {shown(key)}"))
        for key, value in mapping_in(response, "transitionsState").items()
    }
    for key in list_in(response, "removesState"):
        sets[choose_key(scalar_text(key, "a state's name"))] = UNSET
    return sets
