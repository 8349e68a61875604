"""What a gateway is started with, JSON both ways."""

from __future__ import annotations

import contextlib
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.clock import Anchor
from stubs.config import _KINDS, GatewayConfig
from switchboard.errors import EsrError

FULL = GatewayConfig(
    listen="127.0.0.1:9",
    seed=2**70,
    services=("ach", "svc"),
    definitions=("/a", "b"),
    settings={"ach": {"remembered": 5}},
    latencies={"ach": 5, "svc POST /login": {"model": "none"}},
    faults=({"kind": "hang", "target": "ach"},),
    answers="a.json",
    touches="t",
    ledger="l",
    admin=None,
    toxiproxy="127.0.0.1:8474",
    port_each=True,
    ports={"ach": "127.0.0.1:7"},
    allow_callbacks=("hooks.example",),
    clock=Anchor(5, 1.0, 60.0, 2.0),
    journal=0,
    with_parent=True,
)


@pytest.mark.parametrize("config", [GatewayConfig(), FULL])
def test_a_configuration_survives_json(config: GatewayConfig) -> None:
    line = config.to_json()
    assert b"\n" not in line
    assert GatewayConfig.from_json(line) == config


def test_every_field_has_its_kind() -> None:
    assert {each.name for each in fields(GatewayConfig)} == {*_KINDS, "clock"}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param([], "must be an object, not a list", id="a list"),
        pytest.param({"sed": 1}, "`sed` is unknown; did you mean seed?", id="unknown"),
        pytest.param({"seed": "1"}, "`seed` cannot be text", id="text for a number"),
        pytest.param({"seed": True}, "`seed` cannot be true or false", id="flag for a number"),
        pytest.param({"listen": None}, "`listen` cannot be nothing", id="nothing"),
        pytest.param({"services": [1]}, "`services` must list texts", id="a number in a list"),
        pytest.param({"faults": ["x"]}, "`faults` must be a list of mappings", id="text as fault"),
        pytest.param({"journal": -1}, "`journal` must be a number from 0", id="negative"),
        pytest.param({"clock": 5}, "`clock` must be a mapping", id="clock"),
        pytest.param({"clock": {"at_ns": 1, "speed": -1}}, "a speed of 0 to", id="speed"),
        pytest.param({"clock": {"sped": 1}}, "`clock`", id="unknown in the clock"),
    ],
)
def test_what_is_amiss_is_one_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(EsrError) as caught:
        GatewayConfig.parse(value)
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@given(st.binary(max_size=50))
def test_any_bytes_are_a_configuration_or_a_sentence(text: bytes) -> None:
    with contextlib.suppress(EsrError):
        GatewayConfig.from_json(text)
