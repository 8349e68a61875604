from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.envoy_json import ENVOY_JSON, parse_object
from replay.readers.head import Head
from replay.readers.sniff import sniff
from switchboard.event import EventError
from tests.replay.readers.collecting import read_bytes

ISTIO: dict[str, Any] = {
    "start_time": "2020-11-25T21:26:18.409Z", "method": "GET", "path": "/status/418",
    "protocol": "HTTP/1.1", "response_code": 418, "response_flags": "-",
    "response_code_details": "via_upstream", "connection_termination_details": None,
    "bytes_received": 0, "bytes_sent": 135, "duration": 4, "upstream_service_time": "4",
    "x_forwarded_for": "203.0.113.9,10.0.0.1", "user_agent": "curl/7.73.0-DEV",
    "request_id": "84961386-6d84-929d-98bd-c5aee93b5c88", "authority": "httpbin:8000",
    "upstream_host": "127.0.0.1:80", "upstream_cluster": "inbound|8000||",
    "downstream_remote_address": "10.44.1.23:37652", "requested_server_name": None,
    "route_name": "default", "upstream_transport_failure_reason": None,
}  # fmt: skip
GATEWAY: dict[str, Any] = {
    "start_time": "2024-01-02T03:04:05.250Z", "method": "GET", "x-envoy-origin-path": "/a",
    "protocol": "HTTP/2", "response_code": "200", "duration": "12", ":authority": "ex.com",
    "user-agent": "ua", "x-request-id": "r1", "x-forwarded-for": "203.0.113.9",
    "downstream_remote_address": "10.0.0.1:555",
}  # fmt: skip


def test_the_keys_of_istio() -> None:
    entry = parse_object(ISTIO)
    event = entry.event
    assert event.ts_ns == 1_606_339_578_409_000_000
    assert (event.method, event.url) == ("GET", "http://httpbin:8000/status/418")
    assert (event.status, event.wait_ms) == (418, 4)
    assert dict(event.headers)["x-request-id"] == ISTIO["request_id"]
    assert entry.client == "203.0.113.9\0curl/7.73.0-DEV"
    assert entry.connection == "10.44.1.23:37652"
    assert not entry.coarse


def test_numbers_may_be_texts() -> None:
    texts = {key: value if value is None else str(value) for key, value in ISTIO.items()}
    assert parse_object(texts) == parse_object(ISTIO)


def test_the_keys_of_envoy_gateway() -> None:
    event = parse_object(GATEWAY).event
    assert (event.url, event.status, event.wait_ms) == ("http://ex.com/a", 200, 12)
    assert event.headers == (("user-agent", "ua"), ("x-request-id", "r1"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start_time": None}, "bad ts"),
        ({"start_time": "soon"}, "bad ts"),
        ({"method": None, "path": None}, "not an HTTP request"),
        ({"method": "-", "path": "-"}, "not an HTTP request"),
        ({"method": "CONNECT"}, "garbage request"),
        ({"path": "-"}, "no url"),
        ({"path": ["/"]}, "no url"),
        ({"path": "a\nb"}, "bad url"),
    ],
)
def test_objects_that_cannot_be_used_say_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_object({**ISTIO, **change})
    assert caught.value.reason == reason


def test_a_file_says_which_lines_it_cannot_use() -> None:
    good = json.dumps(ISTIO).encode()
    found = read_bytes(b"\n".join((good, b"", b"[]", good[:50], b"{}", good)), ENVOY_JSON)
    assert [line for line, _ in found.entries] == [1, 6]
    assert found.skips == [(2, "blank line"), (3, "not an object"), (4, "not JSON"), (5, "no ts")]


@pytest.mark.parametrize("value", [ISTIO, GATEWAY])
def test_it_is_recognised(value: dict[str, Any]) -> None:
    assert sniff(Head(json.dumps(value).encode())) is ENVOY_JSON


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just([1]),
    st.just({"a": 1}),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(ISTIO)), VALUES), st.binary(max_size=60))
def test_any_file_is_entries_and_reasons(change: dict[str, Any], more: bytes) -> None:
    data = json.dumps({**ISTIO, **change}).encode() + b"\n" + more
    found = read_bytes(data, ENVOY_JSON)
    lines = data.removesuffix(b"\n").count(b"\n") + 1
    assert len(found.entries) + len(found.skips) == lines
