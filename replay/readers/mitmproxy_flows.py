"""mitmproxy's flow files (`mitmdump -w`): what passed through the proxy, with the answers.

HTTP flows are used; the others are skipped by what they are. A flow that ended in an error has no
answer. mitmproxy itself takes a flow apart, so that files of older versions can be read; it comes
with the extra `mitm` and is only imported when there is such a file.
Read next: `tnetstrings.py`, which cuts the file into flows before mitmproxy sees them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.raw_body import Pairs, decode_body
from replay.readers.raw_http import FRAMING, is_host, parse_header, percent_encode
from replay.readers.source import Source
from replay.readers.tnetstrings import ENDS_EARLY, is_sound, iter_values
from switchboard.errors import TraceError
from switchboard.event import MAX_MS, EventError, parse_event

BAD_FLOW: Final = "bad flow"
_OTHERS: Final = frozenset({"tcp", "udp", "dns"})
_DROPPED: Final = FRAMING | {"host"}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FIRST: Final = re.compile(rb"[1-9][0-9]{0,11}:([0-9]{1,2}):([a-z_]{2,24})[;,]")
_KEYS: Final = frozenset(
    b"version type id error client_conn server_conn intercepted is_replay marked metadata comment "
    b"timestamp_created backup request response websocket messages mode".split()
)

_Load = Callable[[bytes], Any]
"""A value of the file as mitmproxy's Flow; it may raise anything for a file that is damaged."""


def read_mitmproxy(source: Source, sink: Sink) -> None:
    """Every flow becomes an entry for the sink, or a skip with its reason."""
    load = _import_loader()
    number = 0
    for number, value in enumerate(iter_values(source.stream()), 1):
        if value == ENDS_EARLY and source.damage is not None:
            break  # counted as its damage
        try:
            if isinstance(value, str):
                raise EventError(value)
            sink.add(number, parse_value(value, load))
        except EventError as error:
            sink.skip(number, error.reason)
    if source.damage is not None:
        source.damaged_line = max(number, 1)


def parse_value(value: bytes, load: _Load) -> Entry:
    """The entry of one value of the file. Raises EventError with a short reason."""
    if not (value.endswith(b"}") and is_sound(value)):
        raise EventError(BAD_FLOW)
    try:
        return parse_flow(load(value))
    except EventError:
        raise
    except Exception:  # mitmproxy takes what a flow says on trust: anything can break on it
        raise EventError(BAD_FLOW) from None


def parse_flow(flow: Any) -> Entry:
    """The entry of a flow of mitmproxy's. Raises EventError, or anything for one that is odd."""
    if flow.type != "http":
        raise EventError(f"{flow.type} flow" if flow.type in _OTHERS else "other flow")
    if flow.websocket is not None:
        raise EventError("websocket flow")
    request = flow.request.data
    event = parse_event(
        {
            "ts": _stamp_ns(request.timestamp_start),
            "method": request.method.decode("ascii", "replace"),
            "url": _url(flow.request),
        }
    )
    body = request.content
    event = event._replace(headers=_headers(request.headers), body=_bytes(body) or b"")
    if flow.response is not None:
        status, headers, answer = _answer(flow.response.data)
        wait_ms = _wait_ms(request.timestamp_start, flow.response.data.timestamp_end)
        event = event._replace(
            status=status, wait_ms=wait_ms, response_headers=headers, response_body=answer
        )
    connection = str(flow.client_conn.id)
    return Entry(event, client=connection, connection=connection, body_unknown=body is None)


def _url(request: Any) -> str:
    """What was asked for, at the host that the client named, or else at the address it dialled."""
    data = request.data
    scheme = data.scheme.decode("ascii", "replace") or "http"
    hosts = [value for name, value in data.headers.fields if name.lower() == b"host"]
    named = (hosts[0] if hosts else data.authority).decode("ascii", "replace")
    if not is_host(named):
        host = f"[{data.host}]" if ":" in data.host else data.host
        named = host if _DEFAULT_PORTS.get(scheme) == data.port else f"{host}:{data.port}"
    if not is_host(named) or scheme not in _DEFAULT_PORTS:
        raise EventError("bad url")
    path = percent_encode(data.path)
    return f"{scheme}://{named}{path}" if path.startswith("/") else path


def _answer(response: Any) -> tuple[int | None, Pairs, bytes | None]:
    status = response.status_code
    if type(status) is not int or not 100 <= status <= 999:
        raise EventError("bad status")
    return status, *decode_body(_headers(response.headers), _bytes(response.content))


def _headers(headers: Any) -> Pairs:
    pairs = (parse_header(name, value) for name, value in headers.fields if name[:1] != b":")
    return tuple(pair for pair in pairs if pair[0].lower() not in _DROPPED)


def _bytes(content: Any) -> bytes | None:
    if content is not None and type(content) is not bytes:
        raise EventError(BAD_FLOW)
    return content


def _stamp_ns(seconds: Any) -> int:
    """A float holds a time of today to a quarter of a microsecond, so the rest is cut off."""
    if type(seconds) is not float and type(seconds) is not int:
        raise EventError("bad ts")
    if not 0 <= seconds < 1e11:  # also refuses NaN
        raise EventError("ts outside 1990..2100")
    return round(seconds * 1e6) * 1_000


def _wait_ms(asked_s: float, answered_s: Any) -> float | None:
    """From the start of the request to the end of the answer."""
    if type(answered_s) is not float and type(answered_s) is not int:
        return None
    wait_ms = round((answered_s - asked_s) * 1e3, 3)
    return wait_ms if 0 <= wait_ms <= MAX_MS else None


def _import_loader() -> _Load:
    try:
        with warnings.catch_warnings():
            # What mitmproxy stands on warns its authors of each other's old names.
            warnings.simplefilter("ignore", DeprecationWarning)
            from mitmproxy.io import FlowReader, compat
    except ImportError:
        raise TraceError(
            "flow files of mitmproxy are read with mitmproxy, which is not installed: "
            "pip install 'hms-esr[mitm]'"
        ) from None
    # Flows of old are kept there for ever, in case a WebSocket's messages come later.
    kept: dict[Any, Any] = getattr(compat, "_websocket_handshakes", {})

    def load(value: bytes) -> Any:
        try:
            return next(iter(FlowReader(BytesIO(value)).stream()))
        finally:
            kept.clear()

    return load


def _recognises(head: Head) -> bool:
    """A dictionary that starts with a key that flows have."""
    found = _FIRST.match(head.data)
    return found is not None and found[2] in _KEYS and int(found[1]) == len(found[2])


MITMPROXY: Final = Format(
    "mitmproxy",
    "flow files of mitmproxy",
    START,
    _recognises,
    read_mitmproxy,
    is_binary=True,
)
