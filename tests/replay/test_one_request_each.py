"""Whatever bytes of whatever format become a tape: each record is one request, and nothing else.

What an attacker wrote into a log (line ends, lengths, whole requests, in whatever place) must not
break out of its request on the wire. Two readers that know nothing of each other are asked: h11 and
the gateway's strict one.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.gateway.readers import RequestReader
from replay.building.compile import EmptyTraceError, build_tape
from replay.outcome import Failure
from replay.readers.columns import parse_mapping
from replay.readers.csv_table import csv_format
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.tape import Tape
from replay.wire import Wire

TUNNELS = frozenset({b"CONNECT", b"TRACE", b"PRI"})
"""Well-formed or not, the gateway takes none of these."""


class Hostile(NamedTuple):
    """A request as somebody wanted it to be written down."""

    method: str = "POST"
    target: str = "/a"
    host: str = "svc.example"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    user: str = "ann"


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"
PIECES = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    '"',
    "\\",
    "\\r\\n",
    "\\x0d\\x0a",
    "\\u000d\\u000a",
    "%0d%0a",
    "\x85",
    "\u2028",
    "\u010d\u010a",  # cut to bytes they would be CR and LF
    "é",
    "\ud800",
    "0\r\n\r\n",
    "\r\nContent-Length: 5\r\n",
    "\r\nTransfer-Encoding: chunked\r\n\r\n",
    " HTTP/1.1\r\n",
    f"\r\n\r\n{SMUGGLED}",
    "' OR 1=1--",
    "/../../etc/passwd",
    "#",
    "?",
    "@",
    "//",
    "[",
    "🐵🙈🙉\n",
    "\n🐵🙈🙉\n",
    "a",
    "/b",
]
NAMES = [
    "X-A",
    "x-a\r\nX-B",
    "X A",
    "",
    "Content-Length",
    "content-length ",
    "Transfer-Encoding",
    "Transfer_Encoding",
    "Connection",
    "Host",
    "Expect",
    "Upgrade",
    "TE",
    "Trailer",
    "Content-Type",
    "Keep-Alive",
    "\tX",
    ":path",
    "X:",
    "é",
]
VALUES = ["5", "chunked", "close, x-a", "100-continue", "h2c", "-1", "0x5", " 7", "identity"]
texts = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
hostiles = st.builds(
    Hostile,
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]) | texts,
    target=texts.map(lambda text: f"/{text}") | texts,
    host=st.just("svc.example") | texts,
    headers=st.lists(
        st.tuples(st.sampled_from(NAMES) | texts, st.sampled_from(VALUES) | texts), max_size=3
    ).map(tuple),
    body=st.just("") | st.just(SMUGGLED) | texts,
    user=st.just("ann") | texts,
)


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def lines(each: Callable[[Hostile], str]) -> Callable[[list[Hostile]], bytes]:
    return lambda requests: b"".join(raw(each(one)) + b"\n" for one in requests)


def as_json(value: object) -> str:
    return json.dumps(value)


def ops(one: Hostile) -> str:
    return as_json(
        {
            "ts": "2024-01-02T03:04:05Z",
            "method": one.method,
            "url": one.target,
            "user": one.user,
            "headers": [list(pair) for pair in one.headers],
            "body": one.body,
        }
    )


def access_log(one: Hostile) -> str:
    """As a server writes it that escapes nothing."""
    agent = "".join(value for _, value in one.headers)
    stamp = "[10/Oct/2000:13:55:36 -0700]"
    request = f"{one.method} {one.target} HTTP/1.1"
    return f'{one.host}:443 192.0.2.7 - {one.user} {stamp} "{request}" 200 5 "-" "{agent}"'


def escaped_access_log(one: Hostile) -> str:
    """As Apache writes it, whose reader takes the escapes back."""
    shown = "".join(
        char
        if " " <= char <= "~" and char not in '"\\'
        else "".join(f"\\x{b:02x}" for b in raw(char))
        for char in f"{one.method} {one.target} HTTP/1.1"
    )
    agent = one.host.encode("unicode_escape").decode().replace('"', '\\"')
    return f'192.0.2.7 - - [10/Oct/2000:13:55:36 -0700] "{shown}" 200 5 "-" "{agent}"'


def nginx_json(one: Hostile) -> str:
    value = {
        "msec": "1431857103.123",
        "request": f"{one.method} {one.target} HTTP/1.1",
        "http_host": one.host,
        "remote_user": one.user,
        "remote_addr": "192.0.2.7",
        "request_body": one.body,
        "http_user_agent": "".join(value for _, value in one.headers),
        "content_type": one.user,
        "request_id": one.host,
    }
    return as_json(value)


def nginx_json_in_parts(one: Hostile) -> str:
    value = {
        "time_iso8601": "2024-01-02T03:04:05+00:00",
        "request_method": one.method,
        "request_uri": one.target,
        "args": one.body,
        "host": one.host,
        "body_bytes_sent": 1,
    }
    return as_json(value)


def envoy(one: Hostile) -> str:
    agent = "".join(value for _, value in one.headers)
    return (
        f'[2016-04-15T20:17:00.310Z] "{one.method} {one.target} HTTP/2" 204 - 154 0 226 100 '
        f'"192.0.2.7" "{agent}" "{one.user}" "{one.host}" "10.0.0.1:80"'
    )


def envoy_json(one: Hostile) -> str:
    value = {
        "start_time": "2016-04-15T20:17:00.310Z",
        "method": one.method,
        "path": one.target,
        "authority": one.host,
        "user_agent": "".join(value for _, value in one.headers),
        "request_id": one.user,
        "response_code": 200,
    }
    return as_json(value)


def haproxy(one: Hostile) -> str:
    before = "192.0.2.7:37070 [21/Nov/2026:19:25:15.165] web app/one 0/0/1/3/4 200 124"
    request = f"{one.method} {one.target} HTTP/1.1".replace('"', "#22")
    return f'{before} - - ---- 2/1/0/0/0 0/0 {{{one.user}}} "{request}"'


def caddy(one: Hostile) -> str:
    headers: dict[str, list[str]] = {}
    for name, value in one.headers:
        headers.setdefault(name, []).append(value)
    request = {"method": one.method, "uri": one.target, "host": one.host, "headers": headers}
    return as_json({"ts": 1795289115.25, "duration": 0.5, "request": request, "bytes_read": 5})


def docker(one: Hostile) -> str:
    return as_json({"log": f"{access_log(one)}\n", "stream": "stdout", "time": "x"})


def alb(one: Hostile) -> str:
    agent = "".join(value for _, value in one.headers)
    return (
        "https 2018-07-02T22:23:00.186641Z app/lb/5 192.0.2.39:2817 10.0.0.1:80 0.0 0.0 0.0 200 "
        f'200 34 366 "{one.method} https://{one.host}:443{one.target} HTTP/1.1" "{agent}" A B'
    )


def har(requests: list[Hostile]) -> bytes:
    entries = [
        {
            "startedDateTime": "2024-01-02T03:04:05.000Z",
            "time": 1,
            "request": {
                "method": one.method,
                "url": f"http://{one.host}{one.target}",
                "headers": [{"name": name, "value": value} for name, value in one.headers],
                "postData": {"mimeType": one.user, "text": one.body},
            },
            "response": {"status": 200, "headers": []},
        }
        for one in requests
    ]
    return raw(as_json({"log": {"version": "1.2", "entries": entries}}))


def gor(requests: list[Hostile]) -> bytes:
    records = []
    for number, one in enumerate(requests):
        head = "".join(f"{name}: {value}\r\n" for name, value in one.headers)
        body = raw(one.body)
        framed = head if "\0" in one.user else f"{head}Content-Length: {len(body)}\r\n"
        records.append(
            b"1 %024x 1431857103123456789 0\n" % number
            + raw(f"{one.method} {one.target} HTTP/1.1\r\nHost: {one.host}\r\n{framed}\r\n")
            + body
            + "\n🐵🙈🙉\n".encode()
        )
    return b"".join(records)


def vegeta_targets(one: Hostile) -> str:
    head = "".join(f"{name}: {value}\n" for name, value in one.headers)
    return f"{one.method} http://{one.host}{one.target}\n{head}"


def vegeta_json(one: Hostile) -> str:
    value = {
        "method": one.method,
        "url": f"http://{one.host}{one.target}",
        "header": {name: [value, value] for name, value in one.headers},
        "body": base64.b64encode(raw(one.body)).decode(),
    }
    return as_json(value)


def vegeta_results(one: Hostile) -> str:
    value = {
        "attack": one.user,
        "seq": 1,
        "code": 200,
        "timestamp": "2024-01-02T03:04:05.123456789Z",
        "latency": 1000,
        "bytes_out": 0,
        "bytes_in": 0,
        "error": "",
        "body": "",
        "method": one.method,
        "url": f"http://{one.host}{one.target}",
        "headers": {},
    }
    return as_json(value)


def table(requests: list[Hostile]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["ts", "method", "url", "host", "user", "agent", "body"])
    for one in requests:
        agent = "".join(value for _, value in one.headers)
        writer.writerow(["1704164645", one.method, one.target, one.host, one.user, agent, one.body])
    return raw(out.getvalue())


def mitmproxy(requests: list[Hostile]) -> bytes:
    from tests.replay.readers.test_mitmproxy_flows import dump, state

    return b"".join(
        dump(
            state(
                request__method=raw(one.method),
                request__path=raw(one.target),
                request__authority=raw(one.host),
                request__headers=tuple((raw(name), raw(value)) for name, value in one.headers),
                request__content=raw(one.body),
            )
        )
        for one in requests
    )


MAPPING = {
    "ts": "ts",
    "method": "method",
    "url": "url",
    "host": "host",
    "user": "user",
    "body": "body",
    "headers": {"x-agent": "agent"},
}
CSV = csv_format(parse_mapping(MAPPING, "columns.yaml", lambda path: None))

WRITERS: dict[str, tuple[Callable[[list[Hostile]], bytes], Format]] = {
    "ops": (lines(ops), FORMATS["ops"]),
    "access log": (lines(access_log), FORMATS["combined"]),
    "access log, escaped": (lines(escaped_access_log), FORMATS["combined"]),
    "nginx JSON": (lines(nginx_json), FORMATS["nginx_json"]),
    "nginx JSON in parts": (lines(nginx_json_in_parts), FORMATS["nginx_json"]),
    "Envoy": (lines(envoy), FORMATS["envoy"]),
    "Envoy JSON": (lines(envoy_json), FORMATS["envoy_json"]),
    "HAProxy": (lines(haproxy), FORMATS["haproxy"]),
    "Caddy": (lines(caddy), FORMATS["caddy"]),
    "access log in Docker's": (lines(docker), FORMATS["combined"]),
    "ALB": (lines(alb), FORMATS["alb"]),
    "HAR": (har, FORMATS["har"]),
    "GoReplay": (gor, FORMATS["gor"]),
    "vegeta targets": (lines(vegeta_targets), FORMATS["vegeta_targets"]),
    "vegeta JSON": (lines(vegeta_json), FORMATS["vegeta_json"]),
    "vegeta results": (lines(vegeta_results), FORMATS["vegeta_results"]),
    "CSV": (table, CSV),
}
HAS_MITMPROXY = find_spec("mitmproxy") is not None
if HAS_MITMPROXY:
    import tests.replay.readers.test_mitmproxy_flows  # noqa: F401  # it holds tests of Hypothesis

    WRITERS["mitmproxy"] = (mitmproxy, FORMATS["mitmproxy"])


@contextmanager
def tape_of(data: bytes, found: Format) -> Iterator[Tape | None]:
    """The tape of these bytes; None where nothing of them can be sent."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "trace").write_bytes(data)
        try:
            build_tape([folder / "trace"], folder / "tape", format=found)
        except EmptyTraceError as error:
            account = error.account
            assert account.entries == account.used + sum(account.skipped.values())
            yield None
            return
        with Tape.open(folder / "tape") as tape:
            account = tape.info.account
            assert account.entries == account.used + sum(account.skipped.values())
            assert account.used == len(tape)
            yield tape


def bound_records(tape: Tape) -> list[bytes]:
    """Every record with the host that a binding puts right after the request line."""
    records = []
    for row in range(len(tape)):
        record, split = tape.record(row), int(tape.split[row])
        assert record[split - 2 : split] == b"\r\n"
        records.append(b"%bHost: sandbox\r\n%b" % (record[:split], record[split:]))
    return records


def read_by_h11(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Method, target and body of each request in these bytes; whatever is left over is an error."""
    found = []
    while data:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 24)
        connection.receive_data(data)
        request = connection.next_event()
        assert type(request) is h11.Request
        body = b""
        while type(event := connection.next_event()) is h11.Data:
            body += bytes(event.data)
        assert type(event) is h11.EndOfMessage
        assert not list(event.headers)
        found.append((request.method, request.target, body))
        data = connection.trailing_data[0]
    return found


def check_strictly(record: bytes) -> None:
    """The gateway's reader finds one request, with the body that is there."""
    head, _, body = record.partition(b"\r\n\r\n")
    if head.partition(b" ")[0] in TUNNELS:
        return
    found, aside = RequestReader(1_000).read(head)
    assert aside is None  # no credential
    assert found.host == "sandbox"
    assert (found.length or 0) == len(body)
    assert found.keeps_alive
    assert not found.expects_continue
    assert not found.socket_key


@pytest.mark.parametrize("kind", WRITERS)
@given(requests=st.lists(hostiles, min_size=1, max_size=3))
@settings(max_examples=25)
def test_a_record_is_one_request(kind: str, requests: list[Hostile]) -> None:
    write, found = WRITERS[kind]
    with tape_of(write([Hostile(), *requests]), found) as tape:
        if tape is None:
            return
        records = bound_records(tape)
        for record in records:
            check_strictly(record)
            ((method, target, body),) = read_by_h11(record)
            line, _, rest = record.partition(b"\r\n")
            assert line == b"%b %b HTTP/1.1" % (method, target)
            assert target[:1] == b"/"
            assert rest.endswith(b"\r\n\r\n" + body)
        # One after the other on one connection they are still as many.
        assert len(read_by_h11(b"".join(records))) == len(records)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_harmless_request_is_in_the_tape(kind: str) -> None:
    """Else the test above would hold of nothing."""
    write, found = WRITERS[kind]
    with tape_of(write([Hostile(headers=(("X-A", "b"),))]), found) as tape:
        assert tape is not None
        assert tape.record(0).startswith(b"POST /a HTTP/1.1\r\n")


def test_a_body_that_is_a_request_stays_a_body() -> None:
    kept = []
    for kind, (write, found) in WRITERS.items():
        with tape_of(write([Hostile(), Hostile(body=SMUGGLED)]), found) as tape:
            assert tape is not None
            assert {target for _, target, _ in map(only, bound_records(tape))} == {b"/a"}
            bodies = [body for _, _, body in map(only, bound_records(tape))]
            kept += [kind] * (SMUGGLED.encode() in bodies)
    assert kept == ["ops", "nginx JSON", "HAR", "GoReplay", "vegeta JSON", "CSV"] + (
        ["mitmproxy"] * HAS_MITMPROXY
    )


def only(record: bytes) -> tuple[bytes, bytes, bytes]:
    (request,) = read_by_h11(record)
    return request


class Recorder(asyncio.Protocol):
    """A server that takes requests apart with h11, answers each, and keeps what came."""

    def __init__(self, came: list[tuple[bytes, bytes, bytes]]) -> None:
        self._came = came
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 24)
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._connection.receive_data(data)
        while (event := self._connection.next_event()) is not h11.NEED_DATA:
            if type(event) is h11.Request:
                self._parts = [event.method, event.target, b""]
            elif type(event) is h11.Data:
                self._parts[2] += bytes(event.data)
            elif type(event) is h11.EndOfMessage:
                method, target, body = self._parts
                self._came.append((method, target, body))
                answer = h11.Response(status_code=204, headers=[])
                self._transport.write(self._connection.send(answer) or b"")
                self._transport.write(self._connection.send(h11.EndOfMessage()) or b"")
                self._connection.start_next_cycle()
            else:
                break


class Player:
    """Sends the next request when the one before was answered."""

    def __init__(self, records: list[bytes]) -> None:
        self._records = records
        self.outcomes: list[tuple[int, Failure]] = []
        self.is_done = asyncio.get_running_loop().create_future()

    def start(self, wire: Wire) -> None:
        wire.send(0, self._records[0], 0, 0)

    def on_outcome(
        self, wire: Wire, index: int, status: int, failure: Failure, body_bytes: int, done_ns: int
    ) -> None:
        self.outcomes.append((status, failure))
        if index + 1 < len(self._records) and failure is Failure.NONE:
            wire.send(index + 1, self._records[index + 1], 0, 0)
        else:
            self.is_done.set_result(None)

    def on_closed(self, wire: Wire) -> None:
        if not self.is_done.done():
            self.is_done.set_result(None)


async def play(records: list[bytes]) -> tuple[list[tuple[bytes, bytes, bytes]], Player]:
    came: list[tuple[bytes, bytes, bytes]] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Recorder(came), "127.0.0.1", 0)
    async with server:
        player = Player(records)
        port = server.sockets[0].getsockname()[1]
        transport, wire = await loop.create_connection(lambda: Wire(player), "127.0.0.1", port)
        player.start(wire)
        await player.is_done
        transport.close()
    return came, player


def test_what_arrives_is_what_the_tape_holds() -> None:
    """Over a real socket, on one connection, request by request."""
    hostile = [
        Hostile(method, f"/{piece}", headers=((name, piece), ("X-A", value)), body=f"{piece}x")
        for method, name, value, piece in zip(
            ["GET", "POST", "PUT", "DELETE", "PATCH"] * len(PIECES),
            NAMES * 2,
            VALUES * 4,
            PIECES,
            strict=False,
        )
    ]
    records: list[bytes] = []
    for write, found in WRITERS.values():
        with tape_of(write([Hostile(body=SMUGGLED), *hostile]), found) as tape:
            assert tape is not None
            records += bound_records(tape)
    came, player = asyncio.run(play(records))
    assert player.outcomes == [(204, Failure.NONE)] * len(records)
    assert came == [only(record) for record in records]
    assert len(records) > 200
