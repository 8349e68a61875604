"""The interlock tells whom a run contacted, from what was sent and not from what was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from hms_esr.canaries import CanaryWatch
from hms_esr.interlock import Interlock, Mark, marks_of, read_canary_rules
from hms_esr.preparation import Preparation
from hms_esr.sandbox import Sandbox
from hms_esr.targets import resolve_upstreams
from replay.outcome import Outcomes
from switchboard.environment import embedded_environment
from switchboard.errors import RuleError
from switchboard.interlock import HmacKey, check_document
from switchboard.rules import Rules

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]
KEY = HmacKey(b"0123456789abcdef")


@pytest.fixture(name="sandbox")
def sandbox_fixture() -> Sandbox:
    environment = embedded_environment(4711)
    return Sandbox(environment, resolve_upstreams(environment), {"KEY": "s3cret"})


def test_what_was_sent_is_counted_by_address_and_by_recorded_host(
    prepare_log: Prepare, rows_of: RowsOf, sandbox: Sandbox
) -> None:
    prep = prepare_log()
    interlock = Interlock(prep, "RUN-1")
    interlock.open(sandbox)
    rows = rows_of(prep)
    rows["sent_ns"][3] = -1
    interlock.fold(rows)
    told = interlock.to_json()
    assert (told["run_id"], told["door"], told["mode"]) == ("RUN-1", "replay", "sandbox")
    where = {"upstream": "embedded", "address": "127.0.0.1", "port": 4711}
    assert told["contacted"] == [
        {**where, "asked": "svc.hms.example", "requests": 2},
        {**where, "asked": "ach.hms.example", "requests": 1},
    ]
    assert told["declared"]["endpoints"] == [["127.0.0.1", 4711]]
    assert (told["refused"], told["canaries"]) == ([], None)
    assert told["redirects_followed"] == 0
    assert interlock.production() == {"connections": 0, "refused": 0}
    assert "s3cret" not in repr(told) + repr(sandbox)


def test_a_run_that_never_opened_contacted_nobody(prepare_log: Prepare) -> None:
    told = Interlock(prepare_log()).to_json()
    assert told["contacted"] == []
    assert told["declared"] == {"endpoints": [], "denied_networks": []}


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
    assert told["refused"] == [
        {
            "host": "ach.hms.example", "rule": "unmapped-host", "door": "replay", "attempts": 1,
            "clients": {"trace": 1},
        }
    ]  # fmt: skip
    assert told["contacted"] == [
        {
            "upstream": "svc", "address": "127.0.0.1", "port": 9, "asked": "svc.hms.example",
            "requests": 3,
        }
    ]  # fmt: skip
    assert interlock.production() == {"connections": 0, "refused": 1}


def test_an_address_that_the_guard_would_not_let_pass_counts_as_production(
    prepare_log: Prepare, rows_of: RowsOf, sandbox: Sandbox
) -> None:
    prep = prepare_log()
    interlock = Interlock(prep, signer=KEY)
    target = replace(sandbox.targets["embedded"], host="192.0.2.7")
    interlock.open(replace(sandbox, targets={"embedded": target}))
    interlock.fold(rows_of(prep))
    assert interlock.production()["connections"] == 1
    assert check_document(interlock.seal({}), [KEY]) == ["production was contacted: 192.0.2.7:4711"]


def test_a_denied_network_counts_as_production_though_it_is_loopback(
    prepare_log: Prepare, rows_of: RowsOf, sandbox: Sandbox
) -> None:
    prep = prepare_log()
    rules = Rules((), "switchboard.yml", deny_networks=(ip_network("127.0.0.0/8"),), digest="ab")
    interlock = Interlock(prep, rules=rules)
    interlock.open(sandbox)
    interlock.fold(rows_of(prep))
    assert interlock.production()["connections"] == 1
    assert interlock.to_json()["canary_rules"] == "ab"


def test_it_is_sealed_with_the_files_it_vouches_for(prepare_log: Prepare) -> None:
    interlock = Interlock(prepare_log(), "RUN-1", signer=KEY, canaries=CanaryWatch(lambda: None))
    files: dict[str, Mark] = {"scorecard.json": {"bytes": 5, "sha256": "ab"}}
    sealed = interlock.seal(files)
    assert sealed["files"] == files
    assert check_document(sealed, [KEY]) == []
    tripped = interlock.seal({}, "a canary got out")
    assert check_document(tripped, [KEY]) == ["it was tripped: everything was refused from then on"]


def test_without_a_key_it_says_that_it_is_not_signed(prepare_log: Prepare) -> None:
    assert check_document(Interlock(prepare_log()).seal({}), [KEY]) == ["it is not signed"]


def test_marks_are_of_what_was_measured_and_nothing_else(tmp_path: Path) -> None:
    for name in ("scorecard.json", "outcomes-0.parquet", "run.json", "worker-0.log"):
        (tmp_path / name).write_text(name)
    assert set(marks_of(tmp_path)) == {"scorecard.json", "outcomes-0.parquet"}


def test_canaries_are_those_of_the_rules_that_the_environment_names(tmp_path: Path) -> None:
    assert read_canary_rules({}, tmp_path) is None
    (tmp_path / "switchboard.yml").write_text(
        'routes:\n  - {host: "*", stub: ach}\ninterlock: {canaries: ["127.0.0.2:9443"]}\n'
    )
    assert read_canary_rules({}, tmp_path) is None, "nobody asked for them"
    rules = read_canary_rules({"ESR_RULES": "switchboard.yml"}, tmp_path)
    assert rules is not None
    assert rules.canaries == ("127.0.0.2:9443",)
    with pytest.raises(RuleError):
        read_canary_rules({"ESR_RULES": "none.yml"}, tmp_path)
