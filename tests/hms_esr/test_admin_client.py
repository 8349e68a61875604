"""Calling a gateway's admin API, against a small server on a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import orjson
import pytest

from hms_esr.admin_client import AdminClient
from hms_esr.local_api import LocalApiError
from stubs.clock import Anchor
from switchboard.errors import GuardError, RuleError, UpstreamError

Seen = list[tuple[str, str, dict[str, str], bytes]]


@contextmanager
def gateway(status: int, body: bytes) -> Iterator[tuple[str, Seen]]:
    """Answers everything alike, and remembers what it was asked."""
    seen: Seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_ANY(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append((self.command, self.path, headers, self.rfile.read(size)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_ANY  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


def test_an_anchor_is_put_as_the_clock_with_the_token() -> None:
    anchor = Anchor(5, 10.0, 60.0, 1e12)
    with gateway(200, b"{}") as (url, seen):
        AdminClient(url, "hunter2").follow(anchor)
    ((method, path, headers, body),) = seen
    assert (method, path) == ("PUT", "/__esr/clock")
    assert headers["authorization"] == "Bearer hunter2"
    assert headers["host"] == url.removeprefix("http://")
    assert Anchor(**orjson.loads(body)) == anchor


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (422, b'{"detail": "kind is missing"}', "kind is missing"),
        (409, b'{"title": "Conflict"}', "Conflict"),
        (500, b"{}", "no reason"),
        (500, b"[]", "no JSON"),
        (204, b"", "no JSON"),
        (401, b"{}", "set ESR_TOKEN"),
        (200, b"<html>", "is it a stub gateway's admin API"),
    ],
)
def test_what_the_gateway_refuses_is_said_in_its_own_words(
    status: int, body: bytes, sentence: str
) -> None:
    with gateway(status, body) as (url, _), pytest.raises(LocalApiError, match=sentence) as caught:
        AdminClient(url, "hunter2").call("POST", "/faults", {})
    assert "hunter2" not in str(caught.value)


def test_a_gateway_that_is_gone_is_named() -> None:
    with gateway(200, b"{}") as (url, _):
        pass
    with pytest.raises(UpstreamError, match="does not answer"):
        AdminClient(url).call("GET", "/health")


@pytest.mark.parametrize("url", ["http://192.0.2.7:80", "http://gateway.example:80"])
def test_only_this_machine_is_ever_called(url: str) -> None:
    with pytest.raises(GuardError, match="only ever called on this machine"):
        AdminClient(url)


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises((RuleError, ValueError)):
        AdminClient("127.0.0.1:80")
