"""Requests that nobody numbered: drawn in order of arrival, and from the start when told so."""

from __future__ import annotations

from tests.stubs.asgi import ask, make_gateway


async def test_draws_begin_anew_when_requests_are_renumbered() -> None:
    gateway = make_gateway()

    async def apply() -> str:
        said = await ask(gateway, "POST", "/applications", {"host": "act.hms.example"}, b"{}")
        return str(said.json["application"])

    first = [await apply() for _ in range(3)]
    assert len(set(first)) == 3
    gateway.renumber()
    assert [await apply() for _ in range(3)] == first
