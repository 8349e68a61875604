"""What the words about reading mean, which policy wins, and that a plain run loads little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hms_esr.exits import UsageError
from hms_esr.options import Reading
from hms_esr.trace_reading import choose_anonymise, choose_reading, find_sources, key_folder
from replay.anonymise.policy import BUILT_IN, Policy
from replay.anonymise.policy_reader import parse_policy
from scenarios.yaml_lines import load_yaml
from switchboard.errors import ScenarioError, TraceError

KEY = {"ESR_ANON_KEY": "a-key-for-these-tests"}


def policy_named(name: str) -> Policy:
    value, line_of = load_yaml(f"name: {name}\nheader.x-a: drop\n", "p.yml")
    return parse_policy(value, "p.yml", line_of)


def test_the_policy_of_the_command_line_wins_over_the_scenarios(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("name: typed\nheader.x-a: keep\n")
    of_scenario = policy_named("written")
    for reading, policy, chosen in (
        (Reading(), None, None),
        (Reading(), of_scenario, "written"),
        (Reading(anonymise=True), None, BUILT_IN.name),
        (Reading(anonymise=True), of_scenario, "written"),
        (Reading(policy="p.yml"), of_scenario, "typed"),
    ):
        done = choose_anonymise(reading, KEY, tmp_path, policy)
        assert (done and done.policy.name) == chosen


def test_what_decides_a_tape_tells_policies_keys_and_kinds_apart(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("name: typed\nheader.x-a: keep\n")
    (tmp_path / "m.yml").write_text("ts: when\nmethod: verb\nurl: path\n")
    readings = (
        Reading(),
        Reading(anonymise=True),
        Reading(policy="p.yml"),
        Reading(session_key="jwt"),
        Reading(session_key="cookie:a"),
        Reading(allow_kind=("ssn",)),
        Reading(format="ops"),
        Reading(format="csv", mapping="m.yml"),
    )
    found = [repr(choose_reading(each, KEY, tmp_path).identity) for each in readings]
    other = {"ESR_ANON_KEY": "another-key-for-tests"}
    found.append(repr(choose_reading(readings[1], other, tmp_path).identity))
    assert len(set(found)) == len(found)
    again = [repr(choose_reading(each, KEY, tmp_path).identity) for each in readings]
    assert again == found[:-1]
    assert not [text for text in found if "a-key-for" in text]
    # Who reads faster reads the same.
    assert repr(choose_reading(Reading(workers=3), KEY, tmp_path).identity) == found[0]


def test_a_key_that_could_be_guessed_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="ESR_ANON_KEY is too short") as refused:
        choose_anonymise(Reading(anonymise=True), {"ESR_ANON_KEY": "hunter2"}, tmp_path, None)
    assert "hunter2" not in str(refused.value)


def test_the_key_lies_with_the_users_settings() -> None:
    assert key_folder({"XDG_CONFIG_HOME": "/settings"}) == Path("/settings/hms-esr")
    assert key_folder({"XDG_CONFIG_HOME": ""}) == Path("~/.config").expanduser() / "hms-esr"


@pytest.mark.parametrize(
    ("reading", "says"),
    [
        (Reading(format="parquet"), "--format parquet needs --mapping FILE"),
        (Reading(mapping="m.yml"), "--mapping needs --format csv or --format parquet"),
        (Reading(format="har", mapping="m.yml"), "--mapping is for csv and parquet"),
        (Reading(allow_kind=("ssn", "nose")), "'nose' is not a kind of finding"),
        (Reading(session_key="cookie:"), "--session-key: cookie: needs the name"),
    ],
)
def test_what_makes_no_sense_is_named(reading: Reading, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        choose_reading(reading, {}, tmp_path)


def test_a_mapping_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text("ts: when\nmethod: [\n")
    with pytest.raises(ScenarioError, match="--mapping m"):
        choose_reading(Reading(format="csv", mapping="m.yml"), {}, tmp_path)


def test_sources_are_found_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b.log", "a.log"):
        (tmp_path / name).touch()
    found = find_sources(("b.log", "*.log"), {}, tmp_path)
    assert [Path(str(file)).name for file in found.files] == ["b.log", "a.log", "b.log"]
    assert found.were_found
    assert not find_sources(("b.log", "a.log"), {}, tmp_path).were_found
    with pytest.raises(TraceError, match="there is no log at"):
        find_sources(("no.log",), {}, tmp_path)


def test_a_plain_run_does_not_load_what_only_some_need() -> None:
    code = "import hms_esr.preparation, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "replay.anonymise.anonymiser",
        "replay.filters",
        "ijson",
        "duckdb",
        "stdnum",
        "fsspec",
        "mitmproxy",
    }
    assert not heavy & set(ran.stdout.split())
