"""The suite can fail: the same cases with the guard taken out of the door do reach production."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.leaks.session import TALLY, Runner, skip_missing

# The gateway dials and the middleware lets act; the DNS door asks production's own resolver.
UNGUARDED = [
    ("gateway", "pasted-prod-url"),
    ("gateway", "hard-coded-ip"),
    ("gateway", "websocket-to-prod"),
    ("gateway-tls", "pasted-prod-url"),
    ("forward", "pasted-prod-url"),
    ("forward", "hard-coded-ip"),
    ("forward-connect-tls", "pasted-prod-url"),
    ("reverse", "pasted-prod-url"),
    ("reverse", "keep-alive-switch"),
    ("socks5", "pasted-prod-url"),
    ("socks5-tls", "pasted-prod-url"),
    ("transparent", "pasted-prod-url"),
    ("dns", "dns-name-unmapped"),
    ("asgi", "control"),
    ("wsgi", "control"),
]


@pytest.fixture(scope="module", autouse=True)
def _unguarded_doors_end(runner: Runner) -> Iterator[None]:
    """None of them is left to leak into the count of others."""
    yield
    runner.ask(do="forget-unguarded")


def test_production_heard_nothing_that_no_case_told_of(runner: Runner, is_guarded: bool) -> None:
    """Whatever came late, after the case that caused it was judged."""
    late = runner.ask(do="total")["late"]
    assert not is_guarded or not late["packets"], late


@pytest.mark.parametrize(("lane", "case"), UNGUARDED)
def test_the_suite_sees_a_leak_where_there_is_no_guard(
    runner: Runner, lane: str, case: str
) -> None:
    told = runner.ask(do="run", case=case, lane=lane, guard=False)
    if "missing" in told:
        skip_missing(lane, told["missing"])
    contacts = told["contacts"]
    assert contacts["packets"] > 0, f"nothing leaked: {told}"
    if lane != "dns":
        assert contacts["connections"] > 0
    assert any("PRODUCTION WAS REACHED" in each for each in told["faults"])
    TALLY.unguarded += 1
