from __future__ import annotations

from typing import Any

import pytest

from stubs.faults.down import Down
from stubs.faults.fault import Fault
from stubs.faults.latency import Latency
from stubs.faults.reader import parse_faults
from stubs.faults.target import Target
from switchboard.errors import ScenarioError

KILLED = Fault(
    "svc-fee-down", Down(mode="reset", restart_after_s=30.0), Target("svc-fee"), at_ms=720_000.0
)
JITTER = Latency(dist="uniform", min_ms=0.0, max_ms=50.0)


def read(raw: Any) -> Fault:
    (fault,) = parse_faults(raw, source="x.yml", line_of=lambda _: 4)
    return fault


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        pytest.param(
            {"action": "ACH_DOWN", "at": "15m"},
            Fault("ach-down", Down(mode="status_503"), Target("ach"), at_ms=900_000.0),
            id="ACH_DOWN",
        ),
        pytest.param(
            {"action": "svc_fee_down", "at": "1m", "for": "2m", "mode": "reset"},
            Fault("svc-fee-down", Down(mode="reset"), Target("svc-fee"), at_ms=6e4, for_ms=12e4),
            id="with more beside it",
        ),
        pytest.param(
            {"action": "SVC_SLOW", "at": "5m"},
            Fault("svc-latency", Latency(ms=2000.0), Target("svc"), at_ms=300_000.0),
            id="SVC_SLOW",
        ),
        pytest.param(
            {"action": "SVC_SLOW", "ms": 300},
            Fault("svc-latency", Latency(ms=300.0), Target("svc")),
            id="a little slow",
        ),
        pytest.param("kill_pod svc-fee after: 12m", KILLED, id="words"),
        pytest.param('kill_pod svc-fee after: "12m"', KILLED, id="words and quotes"),
        pytest.param("kill_pod svc-fee after 12m", KILLED, id="words alone"),
        pytest.param("kill_pod: svc-fee after: 12m", KILLED, id="colons"),
        pytest.param({"kill_pod": "svc-fee", "after": "12m"}, KILLED, id="mapping"),
        pytest.param({"kill_pod svc-fee after": "12m"}, KILLED, id="as YAML splits it"),
        pytest.param(
            "kill_pod svc-fee",
            Fault("svc-fee-down", Down(mode="reset", restart_after_s=30.0), Target("svc-fee")),
            id="at once",
        ),
        pytest.param(
            {"kill_pod": "svc", "after": "1m", "restart_after_s": 90},
            Fault("svc-down", Down(mode="reset", restart_after_s=90.0), Target("svc"), at_ms=6e4),
            id="slow to come back",
        ),
        pytest.param(
            {"network_jitter_ms": 50}, Fault("network-jitter", JITTER, Target("*")), id="jitter"
        ),
        pytest.param(
            {"network_jitter_ms": "50ms", "target": "ach", "for": "1m"},
            Fault("network-jitter", JITTER, Target("ach"), for_ms=60_000.0),
            id="jitter of one service",
        ),
    ],
)
def test_a_short_spelling_is_the_long_one(raw: Any, fault: Fault) -> None:
    assert read([raw]) == fault
    assert read(raw) == fault


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param({"action": "ACH_DWN"}, "did you mean DOWN?", id="misspelt"),
        pytest.param({"action": "DOWN"}, "no action such as ACH_DOWN", id="nobody's"),
        pytest.param({"action": None}, "nothing is no action", id="nothing"),
        pytest.param({"action": "ACH_DOWN", "at": 15}, "`15` has no unit", id="no unit"),
        pytest.param({"action": "ACH_DOWN", "mdoe": "reset"}, "did you mean mode?", id="key"),
        pytest.param("kill_node x", "as a text only kill_pod svc-fee after: 12m", id="no pod"),
        pytest.param("kill_pod svc-fee after: soon", "`soon` is not a duration", id="soon"),
        pytest.param({"kill_pod": 7}, "must be a service such as ach", id="number"),
        pytest.param({"kill_pod": "a", "after": 5}, "has no unit", id="after 5"),
        pytest.param({"kill_pod a": 5, "b": 1}, "kind is missing", id="two keys"),
        pytest.param({"network_jitter_ms": -5}, "is not a number from 0", id="negative"),
        pytest.param({"network_jitter_ms": None}, "not nothing", id="jitter of nothing"),
    ],
)
def test_a_short_spelling_amiss_is_refused(raw: Any, words: str) -> None:
    with pytest.raises(ScenarioError, match=r"x\.yml cannot be played") as error:
        read([raw])
    assert words in str(error.value)
    assert "line 4" in str(error.value)
