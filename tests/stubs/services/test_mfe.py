"""HMS-MFE: tiles that call nobody but the sandbox."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.bundled import bundled_services
from stubs.services.mfe import TILES, Tile, api_base, is_sandbox_base
from tests.stubs.services.asking import Sandbox
from tests.stubs.test_service import asked as asked_with


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.name)
def test_a_tile_calls_routes_that_there_are(tile: Tile) -> None:
    services = {service.name: service for service in bundled_services()}
    assert set(tile.calls) <= {route.name for route in services[tile.service].routes}


async def test_the_tiles_are_listed_and_shown() -> None:
    sandbox = Sandbox()
    listed = (await sandbox.get("mfe/tiles")).json["tiles"]
    assert [row["tile"] for row in listed] == [tile.name for tile in TILES]
    shown = (await sandbox.get("mfe/tiles/premium", host="127.0.0.1:8080")).json
    assert shown["api_base"] == "http://127.0.0.1:8080/svc"
    assert shown["calls"] == ["POST /fetch_premium"]
    assert (await sandbox.get("mfe/tiles/nothing")).status == 404


async def test_a_tile_is_html_for_whoever_wants_that() -> None:
    said = await Sandbox().get(
        "mfe/tiles/premium", accept="text/html,*/*;q=0.8", host="api.agency.gov"
    )
    assert said.headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"default-src 'none'" in said.headers[b"content-security-policy"]
    assert b'data-api-base="/svc"' in said.body
    assert b"agency" not in said.body
    assert not re.search(rb"<script|src=|href=", said.body)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/svc"),
        ("[::1]:8080", "http://[::1]:8080/svc"),
        ("localhost", "http://localhost/svc"),
        ("mfe.hms.example:8080", "http://svc.hms.example:8080"),
        ("mfe-tiles.city.test", "http://svc.city.test"),
        ("portal.hms.example", "http://portal.hms.example/svc"),
        ("mfe.agency.gov", "/svc"),
        ("example.agency.gov", "/svc"),
        ("mfe.example.com", "/svc"),
        ("10.1.2.3:8080", "/svc"),
        ("169.254.169.254", "/svc"),
        ("127.1", "/svc"),
        ("127.0.0.1@agency.gov", "/svc"),
        ("127.0.0.1/agency.gov", "/svc"),
        ("agency.gov#.example", "/svc"),
        ("", "/svc"),
        ("x" * 5_000 + ".example", "/svc"),
    ],
)
def test_the_api_base_is_never_anybodys_host(host: str, base: str) -> None:
    asked = asked_with()
    asked.headers = {b"host": host.encode()}
    assert api_base(asked, "svc") == base


@given(st.text() | st.from_regex(r"[a-z0-9.:@/#\[\]-]{1,40}", fullmatch=True))
def test_a_host_is_echoed_only_if_it_can_be_nobodys(host: str) -> None:
    asked = asked_with()
    asked.headers = {b"host": host.encode("utf-8", "replace")}
    base = api_base(asked, "svc")
    assert base == "/svc" or is_sandbox_base(base)
    assert not re.search(r"[\s\"'<>\\]", base)


@pytest.mark.parametrize(
    ("base", "is_one"),
    [
        ("/gateway", True),
        ("http://10.1.2.3:8080", True),
        ("http://esr.hms.example/api", True),
        ("//agency.gov", False),
        ("/\\agency.gov", False),
        ("https://agency.gov", False),
        ("ftp://127.0.0.1", False),
        ("http://8.8.8.8", False),
    ],
)
def test_a_base_of_ones_own_leads_to_a_sandbox(base: str, is_one: bool) -> None:
    assert is_sandbox_base(base) == is_one


async def test_a_setting_replaces_it() -> None:
    sandbox = Sandbox(mfe={"api_base": "/gateway/"})
    shown = (await sandbox.get("mfe/tiles/payments", host="127.0.0.1")).json
    assert shown["api_base"] == "/gateway/ach"
