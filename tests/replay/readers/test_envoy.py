from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.envoy import ENVOY, parse_line
from replay.readers.head import Head
from switchboard.event import EventError
from tests.replay.readers.collecting import read_bytes

DEFAULT = (
    '[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" '
    '"nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80"'
)
ISTIO = (
    '[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 3 "-" '
    '"curl/7.73.0-DEV" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" '
    "inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 "
    "outbound_.8000_._.httpbin.foo.svc.cluster.local default"
)
ISTIO_1_5 = (
    '[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - "-" "-" 0 135 4 4 "-" '
    '"curl/7.60.0" "d209e46f-9ed5-9b61-bbdd-43e22662702a" "httpbin:8000" "127.0.0.1:80" '
    "inbound|8000|http|httpbin.foo.svc.cluster.local - 172.30.146.73:80 172.30.146.82:38618 - -"
)
NS = 1_460_751_420_310_000_000


def test_the_default_layout() -> None:
    entry = parse_line(DEFAULT.encode())
    event = entry.event
    assert event.ts_ns == NS
    assert (event.method, event.url) == ("POST", "http://locations/api/v1/locations")
    assert (event.status, event.wait_ms) == (204, 226)
    assert event.headers == (
        ("user-agent", "nsq2http"),
        ("x-request-id", "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2"),
    )
    assert entry.client == "10.0.35.28\0nsq2http"
    assert entry.body_unknown
    assert not entry.coarse


@pytest.mark.parametrize(
    ("text", "remote"),
    [(ISTIO, "10.44.1.23:37652"), (ISTIO_1_5, "172.30.146.82:38618")],
    ids=["now", "1.5"],
)
def test_layouts_of_istio(text: str, remote: str) -> None:
    entry = parse_line(text.encode())
    assert entry.event.url == "http://httpbin:8000/status/418"
    assert (entry.event.status, entry.event.wait_ms) == (418, 4)
    assert entry.connection == remote
    assert (entry.client or "").startswith(remote.partition(":")[0] + "\0curl")


@pytest.mark.parametrize(
    ("old", "new", "url"),
    [
        ('"locations"', '"-"', "/api/v1/locations"),
        ('"locations"', '"a.example:443"', "http://a.example:443/api/v1/locations"),
        ('"locations"', '"a b/c"', "/api/v1/locations"),
        ("/api/v1/locations", "/a b", "http://locations/a%20b"),
        ("/api/v1/locations", "/é", "http://locations/%C3%A9"),
    ],
)
def test_urls(old: str, new: str, url: str) -> None:
    assert parse_line(DEFAULT.replace(old, new).encode()).event.url == url


def test_what_is_not_told() -> None:
    text = '[2016-04-15T20:17:00Z] "GET / HTTP/1.1" 0 DC 0 0 - - "-" "-" "-" "h" "-"'
    entry = parse_line(text.encode())
    assert (entry.event.status, entry.event.wait_ms, entry.event.headers) == (None, None, ())
    assert entry.client is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DEFAULT.replace("POST /api/v1/locations HTTP/2", "- - -"), "not an HTTP request"),
        (DEFAULT.replace("POST", "P(ST"), "garbage request"),
        (DEFAULT.replace("HTTP/2", "HTTP"), "garbage request"),
        (DEFAULT.replace("2016-04-15", "2016-04-31"), "bad ts"),
        (DEFAULT[:70], "cut line"),
        (DEFAULT[:40], "cut line"),
        (DEFAULT[30:], "not an Envoy line"),
        ("", "blank line"),
    ],
)
def test_lines_that_cannot_be_used_say_why(text: str, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_line(text.encode())
    assert caught.value.reason == reason


@pytest.mark.parametrize("text", [DEFAULT, ISTIO, ISTIO_1_5])
def test_each_layout_is_recognised(text: str) -> None:
    assert ENVOY.recognises(Head(text.encode()))


def test_an_access_log_with_a_stamp_of_iso_is_none_of_envoy() -> None:
    text = b'1.2.3.4 - - [2016-04-15T20:17:00Z] "GET / HTTP/1.1" 200 5 "-" "-"'
    assert not ENVOY.recognises(Head(text))


@pytest.mark.parametrize(
    "hostile",
    [
        DEFAULT.encode() + b" 1" * 30_000,
        DEFAULT[:60].encode() + b' "' * 30_000,
        DEFAULT[:60].encode() + b' "\\"' * 20_000,
        b'[2016-04-15T20:17:00.310Z] "' + b"x" * 60_000,
    ],
)
def test_no_line_takes_long(hostile: bytes) -> None:
    began = time.process_time()
    ENVOY.recognises(Head(hostile))
    with contextlib.suppress(EventError):
        parse_line(hostile)
    assert time.process_time() - began < 2


@given(
    st.sampled_from([DEFAULT, ISTIO]), st.integers(0, 300), st.binary(max_size=3),
    st.binary(max_size=80),
)  # fmt: skip
def test_any_file_is_entries_and_reasons(text: str, at: int, piece: bytes, more: bytes) -> None:
    good = text.encode()
    data = b"\n".join((good[:at] + piece + good[at + 1 :], ISTIO.encode(), more))
    found = read_bytes(data, ENVOY)
    lines = data.removesuffix(b"\n").count(b"\n") + 1
    assert len(found.entries) + len(found.skips) == lines
