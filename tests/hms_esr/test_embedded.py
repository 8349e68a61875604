"""What a run's stub gateway is started with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hms_esr.embedded import gateway_config
from hms_esr.preparation import Preparation
from scenarios.stub_settings import StubSettings
from switchboard.errors import ScenarioError

Prepare = Callable[..., Preparation]
SLOW = {"model": "fixed", "ms": 250}


@pytest.mark.parametrize("place", ["ach", "ach-payments POST /payments", "svc GET /x"])
def test_a_latency_is_for_a_service_that_there_is(
    place: str, prepare_log: Prepare, tmp_path: Path
) -> None:
    prep = prepare_log(stubs=StubSettings(latency=((place, SLOW),)))
    assert gateway_config(prep, tmp_path, tmp_path).latencies == {place: SLOW}


def test_a_latency_of_nobody_is_refused(prepare_log: Prepare, tmp_path: Path) -> None:
    prep = prepare_log(stubs=StubSettings(latency=(("ahc", SLOW),)))
    with pytest.raises(ScenarioError, match=r"stubs\.latency: there is no service 'ahc'; there"):
        gateway_config(prep, tmp_path, tmp_path)
