"""From words to a run that is ready: every fault is found before anything is started."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hms_esr.options import Reading
from hms_esr.preparation import Preparation
from switchboard.errors import EsrError, GuardError, TraceError

Prepare = Callable[..., Preparation]

ONE_HOST = """\
upstreams:
  - {name: svc, hosts: ["svc.*"], base_url: "http://127.0.0.1:9"}
"""


def write_environment(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "environments").mkdir(exist_ok=True)
    (tmp_path / "environments" / f"{name}.yml").write_text(text)


def test_a_log_alone_is_played_as_it_was(prepare_log: Prepare) -> None:
    prep = prepare_log()
    assert prep.scenario.id == "day"
    assert prep.aim.is_embedded
    assert prep.pace.speed == 1.0
    assert len(prep.plan) == 4
    assert prep.unmapped == {}
    assert prep.wall_s == pytest.approx(2.5, rel=0.5)
    assert (prep.timing.connect_s, prep.timing.read_s) == (5.0, 30.0)


def test_the_command_line_beats_the_scenario(prepare_log: Prepare, tmp_path: Path) -> None:
    (tmp_path / "day.yml").write_text(
        "id: mine\nlog_path: day.ndjson\nspeed: 2x\nusers: 3\nduration: 10s\nseed: 1\n"
        "slo: {p95_ms: 800, error_pct: 1}\n"
    )
    asked = prepare_log(scenario="day.yml")
    assert (asked.pace.speed, asked.pace.users, asked.pace.seed) == (2.0, 3, 1)
    prep = prepare_log(
        scenario="day.yml", speed="max", users=5, seed=2, slo=("p95_ms=100",), loop="2"
    )
    assert (prep.pace.speed, prep.pace.users, prep.pace.seed) == (math.inf, 5, 2)
    assert prep.pace.passes == 2
    assert prep.pace.window_s == 10.0
    assert prep.wall_s is None
    assert {slo.name: slo.limit for slo in prep.scenario.slo} == {"p95_ms": 100, "error_pct": 1}


BAD_OPTIONS = {
    "speed": ({"speed": "0x"}, "--speed: "),
    "users": ({"users": 0}, "--users 0 is outside"),
    "arrivals": ({"arrivals": "max"}, "--arrivals: "),
    "seed": ({"seed": -1}, "--seed -1 is outside"),
    "duration": ({"duration": "soon"}, "--duration: "),
    "loop": ({"loop": "0"}, "--loop: "),
    "loop of many digits": ({"loop": "9" * 5000}, "--loop: "),
    "endless loop": ({"loop": "forever"}, "duration"),
    "slo": ({"slo": ("p96_ms=1",)}, "--slo: "),
    "format": ({"reading": Reading(format="hat")}, "--format: 'hat' is not a trace format"),
    "timeout": ({"timeout": "0s"}, "--timeout: "),
    "connect timeout": ({"connect_timeout": "x"}, "--connect-timeout: "),
    "empty target": ({"target": " "}, "--target: "),
    "target with a line break": ({"target": "a\nb"}, "--target: "),
    "scenario": ({"scenario": "dya.ndjson"}, "dya.ndjson"),
    "too many requests": ({"loop": "1000000", "users": 1_000}, "more than"),
}


@pytest.mark.parametrize(("options", "says"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_a_bad_option_is_named(prepare_log: Prepare, options: dict[str, object], says: str) -> None:
    with pytest.raises(EsrError) as caught:
        prepare_log(**options)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 6_000
    assert caught.value.exit_code == 2


def test_what_no_upstream_takes_is_counted_and_named(prepare_log: Prepare, tmp_path: Path) -> None:
    write_environment(tmp_path, "one", ONE_HOST)
    prep = prepare_log(target="one")
    assert prep.unmapped == {"ach.hms.example": 1}
    assert prep.plan.unplayable == {"host not mapped": 1}
    assert len(prep.plan) == 3


def test_one_service_leaves_the_others_out(prepare_log: Prepare) -> None:
    prep = prepare_log(target="ach")
    assert prep.aim.service == "ach"
    assert prep.plan.unplayable == {"another service": 3}


def test_a_trace_of_which_nothing_can_be_sent_says_why(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    write_environment(tmp_path, "none", ONE_HOST.replace("svc.*", "other.example"))
    with pytest.raises(TraceError, match="host not mapped: 4"):
        prepare_log(target="none")


def test_an_undeclared_target_is_refused_before_the_log_is_read(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    with pytest.raises(GuardError):
        prepare_log(scenario="stimulus_2020", target="http://192.0.2.7")
    assert not (tmp_path / ".esr").exists()


def test_a_name_that_is_not_utf8_is_refused(prepare_log: Prepare, tmp_path: Path) -> None:
    prepare_log()
    odd = tmp_path / "odd"
    odd.mkdir()
    try:
        (tmp_path / "day.ndjson").rename(odd / os.fsdecode(b"\xff.ndjson"))
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(EsrError, match="not UTF-8"):
        prepare_log(scenario="odd")


def test_a_file_of_a_folder_that_is_no_trace_is_counted(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    prepare_log()
    folder = tmp_path / "logs"
    folder.mkdir()
    (tmp_path / "day.ndjson").rename(folder / "day.ndjson")
    (folder / "core.bin").write_bytes(bytes(range(256)) * 20)
    prep = prepare_log(scenario="logs")
    account = prep.tape.info.account
    assert account.used == 4
    assert account.entries == account.used + account.skipped_total
    assert any("binary" in reason for reason in account.skipped)


def test_an_unset_lake_and_home_stay_below_the_working_directory(
    prepare_log: Prepare, tmp_path: Path
) -> None:
    (tmp_path / "lake" / "raw").mkdir(parents=True)
    prepare_log()
    (tmp_path / "day.ndjson").rename(tmp_path / "lake" / "raw" / "day.ndjson")
    env = {"ESR_LAKE": "lake", "ESR_HOME": "kept"}
    prep = prepare_log(scenario="/lake/raw/day.ndjson", env=env)
    assert len(prep.plan) == 4
    assert list((tmp_path / "kept" / "tapes").glob("TAPE-*"))
