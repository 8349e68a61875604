from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from replay.prepare import Binding
from replay.retry import RetryPolicy
from replay.worker import Job, Target, dial_of

JOB = Job(
    tape=Path("/tapes/a"),
    part=Path("/run/plan-0"),
    names=Path("/run"),
    targets=(Target("127.0.0.1", 80), Target("::1", 443, True, "svc.sandbox.test", "/ca.pem")),
    bindings=(Binding(1, b"/sandbox", b"Host: svc\r\nX: \xff\r\n"), None),
    is_paced=True,
    connections=10,
    warm=2,
    connect_timeout_s=1.5,
    read_timeout_s=30.0,
    grace_s=5.0,
    retry=RetryPolicy(times=2, after_ms=250, statuses=frozenset({503}), key="drop"),
    speed=60.0,
)


def test_a_job_comes_out_of_the_pipe_as_it_went_in() -> None:
    assert Job.from_json(orjson.loads(orjson.dumps(JOB.to_json()))) == JOB


@pytest.mark.parametrize("host", ["localhost", "svc.hms.example", "", "2130706433", "127.1"])
def test_a_name_is_never_dialled(host: str) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        dial_of(Target(host, 80))
