"""Rules survive the way to a worker, and nothing else does."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.gateways.plain_values import from_plain_data, to_plain_data
from switchboard.errors import Fault
from switchboard.rules import Destination, Edits, Injection, Keep, Route, Rules

SVC = Destination("svc", "127.0.0.1", 9001, host_header="{service}.sandbox.test")
EDITS = Edits(
    prefix="/sandbox",
    set_headers=(("a", "b"),),
    drop_headers=frozenset({"x", "y"}),
    links=True,
)
WHOLE = Rules(
    routes=(
        Route("routes[0]", ("*.hms.example",), to=SVC, edits=EDITS, live=SVC, line=3),
        Route("routes[1]", ("api.example",), stub="ach", ports=frozenset({80, 443})),
    ),
    source="switchboard.yml",
    mode="live",
    injections=(Injection("svc", "Authorization", from_env="A", prefix="Bearer "),),
    keep=Keep(headers=frozenset({"x-api-key"})),
    run="RUN-1",
    labels=(("team", "sre"),),
    deny_hosts=("*.hms.gov",),
    deny_networks=(ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")),
    allow_networks=(ip_network("10.0.0.0/8"),),
    canaries=(),
    digest="00",
    notes=(Fault("routes[0]", None, "overlaps"),),
)


def through_a_pipe(rules: Rules) -> Rules:
    return from_plain_data(Rules, orjson.loads(orjson.dumps(to_plain_data(rules))))


def test_rules_come_back_equal() -> None:
    assert through_a_pipe(WHOLE) == WHOLE


def test_no_canaries_and_no_list_of_them_stay_apart() -> None:
    nobody = Rules((), "x", canaries=None)
    assert through_a_pipe(nobody).canaries is None
    assert through_a_pipe(WHOLE).canaries == ()


def test_what_a_process_remembers_stays_at_home() -> None:
    WHOLE.endpoints("sandbox")
    assert "_endpoints" not in to_plain_data(WHOLE)


@given(
    hosts=st.lists(st.text(), min_size=1).map(tuple),
    ports=st.frozensets(st.integers(1, 65_535)),
    address=st.ip_addresses().map(str),
)
def test_any_route_comes_back(hosts: Any, ports: Any, address: str) -> None:
    route = Route("routes[0]", hosts, to=Destination("a", address, 1), ports=ports)
    data = orjson.dumps(to_plain_data(Rules((route,), "x")).get("routes"), default=str)
    (back,) = orjson.loads(data)
    assert from_plain_data(Route, back) == route


@pytest.mark.parametrize(
    "damage",
    [
        {"mode": "off"},
        {"source": 1},
        {"routes": [{"rule": "r", "hosts": [1]}]},
        {"no_such_field": 1},
        {"deny_networks": ["everything"]},
    ],
    ids=str,
)
def test_what_is_no_rules_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        from_plain_data(Rules, {**to_plain_data(WHOLE), **damage})


def test_what_has_no_plain_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no plain form"):
        to_plain_data(Keep(headers=object()))  # type: ignore[arg-type]
