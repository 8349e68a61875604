"""Toxics as faults: what each type of Toxiproxy's is here, and what it is only nearly.

Floor 1, pure. One row a type; docs/toxiproxy.md is held to this table. Read next: `book.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Attributes = Mapping[str, int]
Fields = dict[str, Any]
Stream = Literal["downstream", "upstream"]
_STREAMS: Final[Mapping[str, Stream]] = {"upstream": "upstream", "downstream": "downstream"}
MOST: Final = 1 << 40
"""The largest number that an attribute may be."""
_LEAST_DELAY_MS: Final = 0.001


class ToxiproxyError(Exception):
    """What a client is answered instead, in Toxiproxy's own words where it has some."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class ToxicType:
    """attributes: their names, which are 0 where a client does not say.   fields: of the fault.
    nearly: how the fault differs from the toxic; "" when it does not matter to HTTP."""

    attributes: tuple[str, ...]
    fields: Callable[[Attributes, Stream], Fields]
    kinds: str
    nearly: str = ""


def _latency(given: Attributes, stream: Stream) -> Fields:
    jitter = {"jitter_ms": given["jitter"]} if given["jitter"] else {}
    return {"kind": "latency", "ms": given["latency"], **jitter}


def _bandwidth(given: Attributes, stream: Stream) -> Fields:
    if not given["rate"]:
        return {"kind": "hang"}
    direction = "response" if stream == "downstream" else "request"
    return {"kind": "throttle", "bytes_per_s": given["rate"] * 1000, "direction": direction}


def _slow_close(given: Attributes, stream: Stream) -> Fields:
    return {"kind": "slow_close", "delay_ms": given["delay"]}


def _timeout(given: Attributes, stream: Stream) -> Fields:
    return {"kind": "hang", "for_s": given["timeout"] / 1000}


def _reset_peer(given: Attributes, stream: Stream) -> Fields:
    phase = "response" if stream == "downstream" else "request"
    return {"kind": "reset", "after_ms": given["timeout"], "phase": phase}


def _slicer(given: Attributes, stream: Stream) -> Fields:
    if not given["average_size"]:
        raise ToxiproxyError(400, "bad request body: average_size must be more than 0")
    return {
        "kind": "throttle",
        "chunk_bytes": given["average_size"],
        "chunk_delay_ms": max(given["delay"] / 1000, _LEAST_DELAY_MS),
        "direction": "response" if stream == "downstream" else "request",
    }


def _limit_data(given: Attributes, stream: Stream) -> Fields:
    if stream == "upstream":
        return {"kind": "empty"}
    return {"kind": "truncate", "bytes": given["bytes"]}


TOXICS: Final[Mapping[str, ToxicType]] = {
    "latency": ToxicType(
        ("latency", "jitter"), _latency, "latency",
        "drawn once for an answer, before its head, and not for each chunk",
    ),
    "bandwidth": ToxicType(("rate",), _bandwidth, "throttle", "a rate of 0 is a `hang`"),
    "slow_close": ToxicType(("delay",), _slow_close, "slow_close"),
    "timeout": ToxicType(
        ("timeout",), _timeout, "hang", "the service is not asked, on neither stream"
    ),
    "reset_peer": ToxicType(
        ("timeout",), _reset_peer, "reset",
        "downstream the service was asked (phase `response`), upstream it was not (`request`)",
    ),
    "slicer": ToxicType(
        ("average_size", "size_variation", "delay"), _slicer, "throttle",
        "all slices are of the average size",
    ),
    "limit_data": ToxicType(
        ("bytes",), _limit_data, "truncate, empty",
        "the body's bytes are counted, anew for each answer; upstream it is an `empty` answer",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Toxic:
    """As a client sees it."""

    name: str
    type: str
    stream: Stream
    toxicity: float
    attributes: Attributes

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
            "attributes": dict(self.attributes),
        }

    def fields(self) -> Fields:
        """Of the fault that it is, without whom it is for."""
        fields = TOXICS[self.type].fields(self.attributes, self.stream)
        return {**fields, "probability": self.toxicity}


def parse_toxic(raw: object) -> Toxic:
    """The toxic that a client sent. Raises ToxiproxyError."""
    top = read_object(raw)
    stream = _STREAMS.get(read_text(top, "stream", "downstream"))
    if stream is None:
        raise ToxiproxyError(400, "stream was invalid, can be either upstream or downstream")
    kind = read_text(top, "type", "")
    if kind not in TOXICS:
        raise ToxiproxyError(400, "invalid toxic type")
    name = read_name(top) or f"{kind}_{stream}"
    blank = dict.fromkeys(TOXICS[kind].attributes, 0)
    return Toxic(name, kind, stream, read_toxicity(top, 1.0), read_attributes(top, blank))


def update_toxic(toxic: Toxic, raw: object) -> Toxic:
    """The toxic with what a client changes of it. Raises ToxiproxyError."""
    top = read_object(raw)
    toxicity = read_toxicity(top, toxic.toxicity)
    attributes = read_attributes(top, toxic.attributes)
    return Toxic(toxic.name, toxic.type, toxic.stream, toxicity, attributes)


def read_object(raw: object) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        raise ToxiproxyError(400, "bad request body: an object is needed")
    return raw


def read_text(raw: Mapping[str, object], key: str, default: str) -> str:
    value = raw.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise ToxiproxyError(400, f"bad request body: {key} must be a short text")
    return value


def read_name(raw: Mapping[str, object]) -> str:
    """ "" where none is given. It stands in a path, which a slash would part."""
    name = read_text(raw, "name", "")
    if "/" in name:
        raise ToxiproxyError(400, "bad request body: a name has no slash")
    return name


def read_toxicity(raw: Mapping[str, object], default: float) -> float:
    value = raw.get("toxicity")
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ToxiproxyError(400, "bad request body: toxicity must be a number from 0 to 1")
    return value


def read_attributes(raw: Mapping[str, object], default: Attributes) -> Attributes:
    """The attributes that the type has, each a whole number; others are of no use to it."""
    given = raw.get("attributes")
    if given is None:
        return default
    if not isinstance(given, dict):
        raise ToxiproxyError(400, "bad request body: attributes must be an object")
    return {name: _attribute(name, given.get(name, known)) for name, known in default.items()}


def _attribute(name: str, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise ToxiproxyError(400, f"bad request body: {name} must be a whole number from 0")
    return value
