from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.caddy import CADDY
from replay.readers.head import Head
from replay.readers.sniff import sniff
from tests.replay.readers.collecting import read_bytes

# As Caddy 2.6 writes it.
LINE: dict[str, Any] = {
    "level": "info",
    "ts": 1795289115.1687732,
    "logger": "http.log.access.log0",
    "msg": "handled request",
    "request": {
        "remote_ip": "192.0.2.7",
        "remote_port": "36414",
        "proto": "HTTP/1.1",
        "method": "GET",
        "host": "www.example.com",
        "uri": "/index.html?a=1&b=%22x%22",
        "headers": {"User-Agent": ["ua \"x\" é\ufffd"], "Accept": ["a", "b"], "Referer": ["http://r/"]},
        "tls": {"version": 772},
    },
    "user_id": "",
    "duration": 0.1687732,
    "size": 3,
    "status": 200,
    "resp_headers": {"Server": ["Caddy"]},
}  # fmt: skip
TEXTS = st.text(max_size=3) | st.just("\ud800")
END_NS = 1_795_289_115_168_773_200


def changed(**changes: Any) -> dict[str, Any]:
    """request__x is inside `request`; what becomes ... goes."""
    value: dict[str, Any] = json.loads(json.dumps(LINE))
    for name, new in changes.items():
        part, _, key = name.partition("__")
        place, key = (value[part], key) if key else (value, part)
        if new is ...:
            del place[key]
        else:
            place[key] = new
    return value


def read(value: object) -> Any:
    return read_bytes(json.dumps(value).encode(), CADDY)


def entry_of(**changes: Any) -> Any:
    ((_, entry),) = read(changed(**changes)).entries
    return entry


def test_a_line() -> None:
    assert sniff(Head(json.dumps(LINE).encode())) is CADDY
    event = entry_of().event
    assert event.ts_ns == END_NS - 168_773_200
    assert (event.method, event.url) == (
        "GET",
        "https://www.example.com/index.html?a=1&b=%22x%22",
    )
    assert (event.status, event.wait_ms) == (200, 168.773)
    assert event.headers == (("User-Agent", 'ua "x" é\ufffd'), ("Accept", "a"), ("Accept", "b"))
    assert event.user is None


def test_who_it_was() -> None:
    entry = entry_of()
    assert entry.client == '192.0.2.7\0ua "x" é\ufffd'
    assert entry.connection == "192.0.2.7:36414"
    assert entry_of(request__client_ip="198.51.100.9").client.startswith("198.51.100.9\0")
    assert entry_of(user_id="ann").client == "user\0ann"
    old = entry_of(
        request__remote_ip=..., request__remote_port=..., request__remote_addr="[::1]:80"
    )
    assert (old.client[:5], old.connection) == ("[::1]", "[::1]:80")


@pytest.mark.parametrize(
    ("duration", "wait_ms"),
    [(0.25, 250), ("250ms", 250), ("0.25s", 250), ("12µs", 0.012), ("1m2s", None), (None, None),
     ([], None), ("x", None), (1, 1000), (True, None)],
)  # fmt: skip
def test_how_long_it_took(duration: object, wait_ms: float | None) -> None:
    event = entry_of(duration=duration).event
    assert event.wait_ms == wait_ms
    assert event.ts_ns == END_NS - round((wait_ms or 0) * 1e6)


def test_half_a_character_is_no_obstacle() -> None:
    event = entry_of(request__headers={"X-A": ["a\ud800"]}, request__uri="/\udfff").event
    assert event.headers == (("X-A", "a\ufffd"),)
    assert event.url == "https://www.example.com/%EF%BF%BD"


def test_bodies_are_not_recorded() -> None:
    assert entry_of(request__method="POST").body_unknown
    assert entry_of(bytes_read=5).body_unknown
    assert not entry_of(bytes_read=0).body_unknown
    assert not entry_of(bytes_read="5").body_unknown


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ts": ...}, "no ts"),
        ({"ts": "yesterday"}, "bad ts"),
        ({"request": ...}, "no request"),
        ({"request": "GET / HTTP/1.1"}, "no request"),
        ({"request__method": ...}, "no method"),
        ({"request__method": "CONNECT"}, "garbage request"),
        ({"request__uri": ...}, "no url"),
        ({"request__uri": "/\r\n"}, "bad url"),
    ],
)
def test_what_cannot_be_used(changes: dict[str, Any], reason: str) -> None:
    assert read(changed(**changes)).reasons == [reason]


@given(
    st.dictionaries(
        st.sampled_from([*LINE, *(f"request__{name}" for name in LINE["request"])]),
        st.none() | st.text(max_size=5) | st.floats() | st.lists(st.text(), max_size=2)
        | st.dictionaries(st.text(max_size=3), st.lists(TEXTS), max_size=2),
        max_size=3,
    )
)  # fmt: skip
def test_any_values_are_an_entry_or_a_skip(changes: dict[str, Any]) -> None:
    whole = {name: new for name, new in changes.items() if name != "request"}
    for value in (changed(**whole), changed(request=changes.get("request"))):
        found = read(value)
        assert len(found.entries) + len(found.skips) == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_entries_or_skips(data: bytes) -> None:
    found = read_bytes(b"{}\n" + data, CADDY)
    lines = 1 + data.count(b"\n") + (data[-1:] not in b"\n")
    assert len(found.entries) + len(found.skips) == lines
