"""Limits that mitmproxy's HTTP layers lack, and our problem documents in place of its error pages.

Its reader of heads keeps what comes however much it is, and takes line ends and folded lines that
two readers can take in two ways. Read next: `answers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    HttpEvent,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
)

from proxy.interceptor.answers import NO_HOST, error_bytes, refusal_of, refused_response, status_of
from proxy.interceptor.replacing import replaced
from switchboard.decide import Refuse, refuse

OnRefused = Callable[[Any, Refuse], None]
_ODD_LINES: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0|\r\n[ \t]")
ANSWER_HEADS: Final = 4
"""How many times larger than a request's head an answer's may be."""


def why_bad_head(data: bytes, most_bytes: int) -> Refuse | None:
    """Why what has come of a request's head is refused, or None."""
    end = data.find(b"\r\n\r\n", 2 if data.startswith(b"\r\n") else 0)
    head = data[: end + 4] if end >= 0 else data
    if len(head) > most_bytes:
        return refuse("head-too-large")
    if end < 0 and head.endswith(b"\r"):
        head = head[:-1]  # its line feed may be on the way
    if _ODD_LINES.search(head):
        return refuse("bad-request", "its lines do not end in CRLF, or are folded")
    return None


@contextmanager
def limited(max_head_bytes: int, on_refused: OnRefused) -> Iterator[None]:
    """Hold HTTP to the limits as long as the context lasts.

    on_refused: told of the client and of a head that was refused.
    """
    with ExitStack() as stack:
        for owner, name, value in (
            (_http1.Http1Server, "read_headers", _request_heads(max_head_bytes, on_refused)),
            (_http1.Http1Server, "send", _sends(on_refused)),
            (_http1.Http1Client, "read_headers", _answer_heads(max_head_bytes * ANSWER_HEADS)),
            (_http1, "make_error_response", error_bytes),
            (_http2.Http2Server, "_handle_event", _http2_errors()),
        ):
            stack.enter_context(replaced(owner, name, value))
        yield


def _request_heads(most_bytes: int, on_refused: OnRefused) -> Any:
    inner = _http1.Http1Server.read_headers

    def read_headers(
        self: _http1.Http1Server, event: events.ConnectionEvent
    ) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            refusal = why_bad_head(bytes(self.buf), most_bytes)
            if refusal is not None:
                on_refused(self.context.client, refusal)
                yield commands.SendData(self.conn, error_bytes(refusal.status))
                yield commands.CloseConnection(self.conn)
                self.state = self.done
                return
        for command in inner(self, event):
            if self.request is None and _is_refusal(command):
                on_refused(self.context.client, refuse("bad-request"))
            yield command

    return read_headers


def _is_refusal(command: commands.Command) -> bool:
    return isinstance(command, commands.SendData) and command.data.startswith(b"HTTP/1.1 400")


def _sends(on_refused: OnRefused) -> Any:
    inner = _http1.Http1Server.send

    def send(self: _http1.Http1Server, event: HttpEvent) -> CommandGenerator[None]:
        """Of a request without a host, no hook is told."""
        if isinstance(event, ResponseProtocolError) and event.message.startswith(NO_HOST):
            on_refused(self.context.client, refuse("bad-host"))
        yield from inner(self, event)

    return send


def _answer_heads(most_bytes: int) -> Any:
    inner = _http1.Http1Client.read_headers

    def read_headers(
        self: _http1.Http1Client, event: events.ConnectionEvent
    ) -> CommandGenerator[None]:
        if (
            isinstance(event, events.DataReceived)
            and len(self.buf) > most_bytes
            and bytes(self.buf).find(b"\r\n\r\n", 0, most_bytes) < 0
            and self.stream_id is not None
        ):
            yield commands.CloseConnection(self.conn)
            error = self.ReceiveProtocolError
            message = "Cannot parse HTTP response: its head is too large"
            yield ReceiveHttp(error(self.stream_id, message, error.code))
            self.state = self.done
            return
        yield from inner(self, event)

    return read_headers


def _http2_errors() -> Any:
    inner = _http2.Http2Server._handle_event

    def handle_event(self: _http2.Http2Server, event: events.Event) -> CommandGenerator[None]:
        for each in _as_problem(self, event):
            yield from inner(self, each)

    return handle_event


def _as_problem(server: _http2.Http2Server, event: events.Event) -> list[events.Event]:
    """An error that mitmproxy would answer with a page of its own, as the events of ours."""
    if not isinstance(event, ResponseProtocolError):
        return [event]
    status, number = status_of(event), event.stream_id
    stream = server.h2_conn.streams.get(number)
    if (
        status is None
        or stream is None
        or not server.is_open_for_us(number)
        or stream.state_machine.headers_sent
    ):
        return [event]
    answer = refused_response(refusal_of(status, event.message), "")
    answer.headers.pop("connection", None)
    return [
        ResponseHeaders(number, answer, end_stream=False),
        ResponseData(number, answer.raw_content or b""),
        ResponseEndOfMessage(number),
    ]
