"""Toxics as faults: each type's mapping, and what no toxic is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.kinds import FAULT_KINDS
from stubs.faults.reader import parse_fault
from stubs.toxiproxy.api import ROUTES
from stubs.toxiproxy.toxics import MOST, TOXICS, ToxiproxyError, parse_toxic, update_toxic
from switchboard.fault_reader import FaultReader

PAGE = (Path(__file__).parents[3] / "docs/toxiproxy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (
            {"type": "latency", "attributes": {"latency": 1000}},
            {"kind": "latency", "ms": 1000},
        ),
        (
            {"type": "latency", "attributes": {"latency": 100, "jitter": 20}, "toxicity": 0.5},
            {"kind": "latency", "ms": 100, "jitter_ms": 20, "probability": 0.5},
        ),
        (
            {"type": "bandwidth", "attributes": {"rate": 64}},
            {"kind": "throttle", "bytes_per_s": 64_000, "direction": "response"},
        ),
        (
            {"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 1}},
            {"kind": "throttle", "bytes_per_s": 1000, "direction": "request"},
        ),
        ({"type": "bandwidth"}, {"kind": "hang"}),
        (
            {"type": "slow_close", "attributes": {"delay": 250}},
            {"kind": "slow_close", "delay_ms": 250},
        ),
        ({"type": "timeout"}, {"kind": "hang", "for_s": 0}),
        ({"type": "timeout", "attributes": {"timeout": 1500}}, {"kind": "hang", "for_s": 1.5}),
        (
            {"type": "reset_peer", "attributes": {"timeout": 20}},
            {"kind": "reset", "after_ms": 20, "phase": "response"},
        ),
        (
            {"type": "reset_peer", "stream": "upstream"},
            {"kind": "reset", "after_ms": 0, "phase": "request"},
        ),
        (
            {"type": "slicer", "attributes": {"average_size": 64, "delay": 500}},
            {"kind": "throttle", "chunk_bytes": 64, "chunk_delay_ms": 0.5, "direction": "response"},
        ),
        ({"type": "limit_data", "attributes": {"bytes": 9}}, {"kind": "truncate", "bytes": 9}),
        ({"type": "limit_data", "stream": "upstream"}, {"kind": "empty"}),
    ],
)
def test_what_a_toxic_is(raw: Any, fields: dict[str, Any]) -> None:
    toxic = parse_toxic(raw)
    assert toxic.fields() == {"probability": raw.get("toxicity", 1.0), **fields}
    reader = FaultReader(lambda _: None)
    assert parse_fault({**toxic.fields(), "target": "ach"}, "", reader) is not None, reader.faults


def test_a_toxic_has_the_name_of_its_type_and_stream() -> None:
    toxic = parse_toxic({"type": "latency", "attributes": {"other": 1}})
    assert toxic.to_json() == {
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1.0,
        "attributes": {"latency": 0, "jitter": 0},
    }


def test_an_update_changes_only_what_it_says() -> None:
    toxic = parse_toxic({"type": "latency", "attributes": {"latency": 5, "jitter": 2}})
    new = update_toxic(toxic, {"attributes": {"jitter": 3}, "name": "x", "type": "timeout"})
    assert (new.attributes, new.toxicity) == ({"latency": 5, "jitter": 3}, 1.0)
    assert (new.name, new.type) == ("latency_downstream", "latency")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "bad request body"),
        ({}, "invalid toxic type"),
        ({"type": "noop"}, "invalid toxic type"),
        ({"type": 1}, "bad request body: type"),
        ({"type": "latency", "stream": "sideways"}, "stream was invalid"),
        ({"type": "latency", "toxicity": 1.5}, "from 0 to 1"),
        ({"type": "latency", "toxicity": "1"}, "from 0 to 1"),
        ({"type": "latency", "attributes": []}, "attributes must be an object"),
        ({"type": "latency", "attributes": {"latency": "1"}}, "latency must be a whole number"),
        ({"type": "latency", "attributes": {"latency": -1}}, "latency must be a whole number"),
        ({"type": "latency", "attributes": {"jitter": True}}, "jitter must be a whole number"),
        ({"type": "latency", "name": "a/b"}, "no slash"),
        ({"type": "latency", "name": "a\nb"}, "short text"),
    ],
)
def test_what_no_toxic_is(raw: Any, words: str) -> None:
    with pytest.raises(ToxiproxyError, match=words) as caught:
        parse_toxic(raw)
    assert caught.value.status == 400


@given(
    st.sampled_from(sorted(TOXICS)),
    st.sampled_from(["upstream", "downstream"]),
    st.floats(0, 1),
    st.dictionaries(
        st.sampled_from(["latency", "jitter", "rate", "delay", "timeout", "bytes", "average_size"]),
        st.integers(0, MOST),
    ),
)
def test_every_toxic_is_a_fault_or_refused_with_a_reason(
    kind: str, stream: str, toxicity: float, attributes: dict[str, int]
) -> None:
    raw = {"type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
    toxic = parse_toxic(raw)
    try:
        fields = toxic.fields()
    except ToxiproxyError as error:
        assert kind == "slicer"
        assert "average_size" in str(error)  # noqa: PT017
        return
    reader = FaultReader(lambda _: None)
    fault = parse_fault({**fields, "target": "ach"}, "", reader)
    if fault is None:
        assert reader.faults
    else:
        assert fault.probability == toxicity


@pytest.mark.parametrize("kind", sorted(TOXICS))
def test_every_toxic_is_documented(kind: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{kind}` ")]
    toxic = TOXICS[kind]
    for name in toxic.attributes:
        assert f"`{name}`" in row
    for fault in toxic.kinds.split(", "):
        assert fault in FAULT_KINDS
        assert f"`{fault}`" in row
    assert toxic.nearly in row


def test_the_documented_routes_are_those_there_are() -> None:
    listed = re.findall(r"`((?:GET|POST|PATCH|DELETE) /(?!__esr)[^`]*)`", PAGE)
    assert sorted(set(listed)) == sorted(f"{method} {path}" for method, path in ROUTES)
