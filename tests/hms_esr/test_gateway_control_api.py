"""The control API in process: who may call it, what it takes, and what it says otherwise."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.api.switchboard import MOST_BYTES, PREFIX, is_local, switchboard_app
from switchboard.errors import EsrError
from switchboard.rules import Mode
from tests.stubs.asgi import Said, ask

HOST = {"host": "127.0.0.1:8421"}
JSON = {**HOST, "content-type": "application/json"}
FLIP = {"mode": "live", "who": "ann", "why": "drill"}


class ScriptedPanel:
    """Remembers what it was told."""

    def __init__(self, error: Exception | None = None, is_healthy: bool = True) -> None:
        self.told: list[tuple[str, ...]] = []
        self.is_healthy = is_healthy
        self._error = error

    def _do(self, *what: str) -> dict[str, Any]:
        if self._error is not None:
            raise self._error
        self.told.append(what)
        return {"did": list(what)}

    async def status(self) -> dict[str, Any]:
        return self._do("status")

    async def flip(self, mode: Mode, who: str, why: str) -> dict[str, Any]:
        return self._do("flip", mode, who, why)

    async def interlock(self) -> dict[str, Any]:
        return self._do("interlock")

    async def trip(self, who: str, why: str) -> dict[str, Any]:
        return self._do("trip", who, why)

    async def metrics(self) -> bytes:
        self._do("metrics")
        return b"esr 1\n"


async def call(
    panel: ScriptedPanel,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    token: str | None = None,
) -> Said:
    return await ask(switchboard_app(panel, token), method, path, headers or HOST, body)


def problem_of(said: Said) -> Any:
    assert said.headers[b"content-type"] == b"application/problem+json"
    assert said.json["status"] == said.status
    return said.json


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("GET", PREFIX, None, ("status",)),
        ("GET", f"{PREFIX}/interlock", None, ("interlock",)),
        ("PUT", f"{PREFIX}/mode", FLIP, ("flip", "live", "ann", "drill")),
        ("POST", f"{PREFIX}/trip", {"who": "ann", "why": "odd"}, ("trip", "ann", "odd")),
    ],
)
async def test_every_call_reaches_the_panel(
    method: str, path: str, body: Any, told: tuple[str, ...]
) -> None:
    panel = ScriptedPanel()
    said = await call(panel, method, path, JSON, orjson.dumps(body) if body else b"")
    assert (said.status, said.json) == (200, {"did": list(told)})
    assert b"access-control-allow-origin" not in said.headers


async def test_metrics_are_text() -> None:
    said = await call(ScriptedPanel(), "GET", "/metrics")
    assert (said.status, said.body) == (200, b"esr 1\n")
    assert said.headers[b"content-type"].startswith(b"text/plain; version=0.0.4")


@pytest.mark.parametrize(("is_healthy", "status"), [(True, 200), (False, 503)])
async def test_health(is_healthy: bool, status: int) -> None:
    said = await call(ScriptedPanel(is_healthy=is_healthy), "GET", "/healthz")
    assert said.status == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "off"}, "mode"),
        ({"mode": None}, "mode"),
        ({"mode": ["live"]}, "mode"),
        ({"who": ""}, "who"),
        ({"who": " "}, "who"),
        ({"why": 1}, "why"),
        ({"why": "a\nb"}, "why"),
        ({"why": "x" * 201}, "why"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_done(
    change: dict[str, Any], field: str
) -> None:
    panel = ScriptedPanel()
    said = await call(panel, "PUT", f"{PREFIX}/mode", JSON, orjson.dumps({**FLIP, **change}))
    assert said.status == 422
    assert [each["pointer"] for each in problem_of(said)["errors"]] == [f"#/{field}"]
    assert panel.told == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (HOST, b"{}", 415),
        ({**HOST, "content-type": "text/plain"}, b"{}", 415),
        ({**HOST, "content-type": "application/x-www-form-urlencoded"}, b"mode=live", 415),
        (JSON, b"", 400),
        (JSON, b"[1]", 400),
        (JSON, b"{", 400),
        (JSON, b"\xff", 400),
        (JSON, b'{"a": "' + b"x" * MOST_BYTES + b'"}', 413),
    ],
)
async def test_only_a_json_object_is_taken(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    panel = ScriptedPanel()
    said = await call(panel, "PUT", f"{PREFIX}/mode", headers, body)
    assert said.status == status
    assert problem_of(said)["detail"]
    assert panel.told == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", PREFIX, 405), ("GET", f"{PREFIX}/mode", 405),
     ("GET", "/metrics/", 404)],
)  # fmt: skip
async def test_what_is_not_there_is_said(method: str, path: str, status: int) -> None:
    said = await call(ScriptedPanel(), method, path)
    assert said.status == status
    assert PREFIX in problem_of(said)["detail"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "192.0.2.1",
     "127.0.0.1:80:80", "[::1]x", "2130706433"],
)  # fmt: skip
async def test_a_rebound_name_does_not_get_in(host: str) -> None:
    panel = ScriptedPanel()
    said = await call(panel, "GET", PREFIX, {"host": host})
    assert said.status == 421
    assert panel.told == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8421", "[::1]:1", "localhost", "LOCALHOST:80"]
)
async def test_this_machine_gets_in(host: str) -> None:
    assert (await call(ScriptedPanel(), "GET", PREFIX, {"host": host})).status == 200


@given(st.text())
def test_any_host_header_can_be_judged(text: str) -> None:
    assert is_local(text) in (True, False)


@pytest.mark.parametrize("path", [PREFIX, "/metrics", "/healthz", f"{PREFIX}/interlock", "/none"])
async def test_with_a_token_everything_needs_it(path: str) -> None:
    panel = ScriptedPanel()
    for given_token in ({}, {"authorization": "Bearer wrong"}, {"authorization": "s3cret"}):
        said = await call(panel, "GET", path, {**HOST, **given_token}, token="s3cret")
        assert said.status == 401
        assert b"s3cret" not in said.body
    assert panel.told == []
    right = {"host": "gateway.internal", "authorization": "Bearer s3cret"}
    assert (await call(panel, "GET", path, right, token="s3cret")).status in (200, 404)


async def test_what_cannot_be_done_is_said() -> None:
    panel = ScriptedPanel(EsrError("worker 7 did not take it"))
    said = await call(panel, "PUT", f"{PREFIX}/mode", JSON, orjson.dumps(FLIP))
    assert said.status == 503
    assert problem_of(said)["detail"] == "worker 7 did not take it"
