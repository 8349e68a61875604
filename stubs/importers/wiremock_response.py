"""What a WireMock mapping answers: status, headers, body, wait and fault. Floor 1, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.answers import (
    build_answer,
    bytes_body,
    convert_all,
    decode_base64,
    escape_text,
    json_body,
    text_body,
)
from stubs.importers.fields import (
    list_in,
    mapping_in,
    mapping_of,
    number_of,
    refuse_unknown,
    scalar_text,
    status_in,
    text_in,
    whole_in,
)
from stubs.importers.report import Item, NotTakenError
from stubs.importers.templates import WIREMOCK, convert_template, has_template
from stubs.importers.waits import Latency, fixed_latency, lognormal_latency, uniform_latency
from switchboard.fault_reader import shown

_RESPONSE: Final = frozenset(
    {"status", "statusMessage", "headers", "body", "jsonBody", "base64Body", "bodyFileName",
     "fixedDelayMilliseconds", "delayDistribution", "chunkedDribbleDelay", "fault",
     "transformers", "transformerParameters"}
)  # fmt: skip
_FORWARDS: Final = ("proxyBaseUrl", "additionalProxyRequestHeaders", "removeProxyRequestHeaders",
                    "proxyUrlPrefixToRemove")  # fmt: skip
_BODIES: Final = ("body", "jsonBody", "base64Body", "bodyFileName")
_FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "EMPTY_RESPONSE": {"kind": "empty"},
    "MALFORMED_RESPONSE_CHUNK": {"kind": "malformed", "what": "chunk"},
    "RANDOM_DATA_THEN_CLOSE": {"kind": "malformed", "what": "garbage"},
    "CONNECTION_RESET_BY_PEER": {"kind": "reset"},
}

Fault = Mapping[str, Any] | None


def read_response(response: Mapping[str, Any], item: Item) -> tuple[dict[str, Any], Latency, Fault]:
    """The answer, its latency and the fault that comes with it. Raises NotTakenError."""
    for key in _FORWARDS:
        if response.get(key):
            raise NotTakenError(f"it forwards to another server ({key}), which no stub does")
    refuse_unknown(response, _RESPONSE, "the response")
    if response.get("statusMessage"):
        item.approximate("the status message is the usual one")
    is_template = _is_template(response)
    body = _read_body(response, is_template=is_template)
    convert = _convert if is_template else escape_text
    answer = build_answer(status_in(response, "status"), _headers(response), body, item, convert)
    return answer, _latency(response), _fault(response, body, item)


def _is_template(response: Mapping[str, Any]) -> bool:
    names = [scalar_text(each, "a transformer") for each in list_in(response, "transformers")]
    for name in names:
        if name != "response-template":
            raise NotTakenError(f"the transformer {shown(name)} is code, which is not run here")
    if response.get("transformerParameters"):
        raise NotTakenError("the parameters of its transformer have no counterpart here")
    return bool(names)


def _convert(text: str) -> str:
    return convert_template(text, WIREMOCK)


def _read_body(response: Mapping[str, Any], *, is_template: bool) -> dict[str, Any]:
    given = [key for key in _BODIES if response.get(key) is not None]
    if len(given) > 1:
        raise NotTakenError(f"it has {' and '.join(given)}, of which there can be one")
    if not given:
        return {}
    if given[0] == "bodyFileName":
        raise NotTakenError("its body is in a file of its own, which is not read")
    if given[0] == "base64Body":
        return bytes_body(decode_base64(text_in(response, "base64Body")))
    if given[0] == "jsonBody":
        body = json_body(response["jsonBody"])
        if not is_template:
            return body
        return {"json": convert_all(response["jsonBody"], _convert)}
    text = text_in(response, "body")
    if is_template and has_template(text):
        return {"text": _convert(text)}
    return text_body(text, _content_type(response))


def _headers(response: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, scalar_text(each, f"the header {shown(name)}"))
        for name, value in mapping_in(response, "headers").items()
        for each in (value if isinstance(value, list) else [value])
    ]


def _content_type(response: Mapping[str, Any]) -> str:
    return next((v for k, v in _headers(response) if k.lower() == "content-type"), "")


def _latency(response: Mapping[str, Any]) -> Latency:
    raw = response.get("delayDistribution")
    fixed = response.get("fixedDelayMilliseconds")
    if raw is None:
        return None if fixed is None else fixed_latency(fixed)
    if fixed is not None:
        raise NotTakenError("it has a fixed delay and a distribution, of which there can be one")
    delay = mapping_of(raw, "`delayDistribution`")
    kind = delay.get("type")
    if kind == "lognormal":
        if delay.get("maxValue") is not None:
            raise NotTakenError("a log-normal delay with a highest value has no counterpart here")
        return lognormal_latency(delay.get("median"), delay.get("sigma"))
    if kind == "uniform":
        return uniform_latency(delay.get("lower"), delay.get("upper"))
    if kind == "fixed":
        return fixed_latency(delay.get("milliseconds"))
    raise NotTakenError(f"the delay of type {shown(kind)} has no counterpart here")


def _fault(response: Mapping[str, Any], body: Mapping[str, Any], item: Item) -> Fault:
    name, dribble = response.get("fault"), response.get("chunkedDribbleDelay")
    if name is not None:
        fault = _FAULTS.get(name) if isinstance(name, str) else None
        if fault is None:
            raise NotTakenError(f"the fault {shown(name)} has no counterpart here")
        return fault
    if dribble is None:
        return None
    raw = mapping_of(dribble, "`chunkedDribbleDelay`")
    chunks = whole_in(raw, "numberOfChunks", 0, 1, 100_000)
    total_ms = number_of(raw.get("totalDuration"), "`totalDuration`")
    size = max((len(str(value)) for value in body.values()), default=1)
    item.approximate("its chunks are as large as they are, though the last may be shorter")
    return {
        "kind": "throttle",
        "chunk_bytes": max(1, -(-size // chunks)),
        "chunk_delay_ms": round(total_ms / chunks, 3),
    }
