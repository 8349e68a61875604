"""The interlock tells whom a run contacted, from what was sent and not from what was meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hms_esr.interlock import Interlock
from hms_esr.preparation import Preparation
from hms_esr.sandbox import Sandbox
from hms_esr.targets import resolve_upstreams
from replay.outcome import Outcomes
from switchboard.environment import embedded_environment

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]


@pytest.fixture(name="sandbox")
def sandbox_fixture() -> Sandbox:
    environment = embedded_environment(4711)
    return Sandbox(environment, resolve_upstreams(environment), {"KEY": "s3cret"})


def test_what_was_sent_is_counted_by_address_and_by_recorded_host(
    prepare_log: Prepare, rows_of: RowsOf, sandbox: Sandbox
) -> None:
    prep = prepare_log()
    interlock = Interlock(prep)
    interlock.open(sandbox)
    rows = rows_of(prep)
    rows["sent_ns"][3] = -1
    interlock.fold(rows)
    told = interlock.to_json()
    (contacted,) = told["contacted"]
    assert (contacted["address"], contacted["port"]) == ("127.0.0.1", 4711)
    assert contacted["requests"] == 3
    assert told["stood_in_for"] == {"svc.hms.example": 2, "ach.hms.example": 1}
    assert told["refused"] == {}
    assert told["redirects_followed"] == 0
    assert "s3cret" not in repr(told) + repr(sandbox)


def test_a_run_that_never_opened_contacted_nobody(prepare_log: Prepare) -> None:
    told = Interlock(prepare_log()).to_json()
    assert told["contacted"] == []
    assert told["stood_in_for"] == {}


def test_hosts_that_nothing_maps_are_listed_as_refused(
    prepare_log: Prepare, rows_of: RowsOf, tmp_path: Path
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "one.yml").write_text(
        "upstreams:\n  - {name: svc, hosts: ['svc.*'], base_url: 'http://127.0.0.1:9'}\n"
    )
    prep = prepare_log(target="one")
    interlock = Interlock(prep)
    environment = prep.aim.environment
    interlock.open(Sandbox(environment, resolve_upstreams(environment), {}))
    interlock.fold(rows_of(prep))
    told = interlock.to_json()
    assert told["environment"] == "one"
    assert told["refused"] == {"ach.hms.example": 1}
    assert told["contacted"] == [
        {"upstream": "svc", "address": "127.0.0.1", "port": 9, "requests": 3}
    ]
