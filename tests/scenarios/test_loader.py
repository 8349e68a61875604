from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.loader import (
    BUNDLED,
    find_scenario,
    list_scenarios,
    read_scenario,
    scenario_folders,
    scenario_for_log,
)
from scenarios.spec import Scenario
from switchboard.errors import ScenarioError

SURGE = "id: surge\nlog_path: a.log\n"


def write(root: Path, name: str, text: str = SURGE) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def find(name: str, cwd: Path, **env: str) -> Scenario:
    return find_scenario(name, cwd=cwd, env=env)


def refusal(name: str, cwd: Path, **env: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        find_scenario(name, cwd=cwd, env=env)
    return str(caught.value)


def test_a_bundled_id(tmp_path: Path) -> None:
    scenario = find("stimulus_2020", tmp_path)
    assert (scenario.id, scenario.users) == ("stimulus_2020", 50_000)
    assert scenario.file == BUNDLED / "stimulus_2020.yml"


def test_the_nearer_folder_wins(tmp_path: Path) -> None:
    write(tmp_path, "more/x.yml", "id: surge\nlog_path: more.log\n")
    env = os.pathsep.join(["more", str(tmp_path / "none")])
    assert find("surge", tmp_path, ESR_SCENARIOS=env).log_path == "more.log"
    write(tmp_path, "scenarios/y.yaml", "id: surge\nlog_path: near.log\n")
    assert find("surge", tmp_path, ESR_SCENARIOS=env).log_path == "near.log"
    write(tmp_path, "scenarios/z.yml", "id: stimulus_2020\nlog_path: mine.log\n")
    assert find("stimulus_2020", tmp_path).log_path == "mine.log"


def test_folders_in_order_each_once(tmp_path: Path) -> None:
    env = {"ESR_SCENARIOS": f"more{os.pathsep}scenarios{os.pathsep}{BUNDLED}"}
    assert scenario_folders(tmp_path, env) == (tmp_path / "scenarios", tmp_path / "more", BUNDLED)


def test_an_unknown_id_names_the_nearest_and_where_it_looked(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/x.yml")
    message = refusal("Stimulus2020", tmp_path)
    assert "no scenario and no file Stimulus2020; did you mean stimulus_2020?" in message
    assert f"looked for in scenarios, {BUNDLED}" in message
    assert "there are stimulus_2020, surge" in refusal("qqqq", tmp_path)


def test_a_clash_of_ids_in_one_folder_names_both_files(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/a.yml")
    write(tmp_path, "scenarios/b.yml")
    message = refusal("surge", tmp_path)
    assert "the id surge is given twice, in scenarios/a.yml and scenarios/b.yml" in message
    assert find("stimulus_2020", tmp_path).id == "stimulus_2020"


def test_a_path_to_a_file_reports_every_fault_of_it(tmp_path: Path) -> None:
    write(tmp_path, "deep/bad.yml", "id: surge\nspeed: 0x\nusers: -1\n")
    message = refusal("deep/bad.yml", tmp_path)
    assert message.startswith("deep/bad.yml cannot be played: 3 faults\n  log_path (line 1)")
    assert "speed (line 2)" in message
    assert "users (line 3)" in message


def test_a_broken_file_stops_only_those_who_ask_for_it(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/broken.yml", "id: [")
    write(tmp_path, "scenarios/sound.yml")
    assert find("surge", tmp_path).log_path == "a.log"
    assert refusal("broken", tmp_path).startswith("scenarios/broken.yml cannot be read: line 1:")


def test_a_file_without_an_id_is_found_by_its_name_and_told_so(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/nameless.yml", "log_path: a.log\n")
    assert "id (line 1): is missing" in refusal("nameless", tmp_path)


def test_other_yaml_files_are_no_scenarios(tmp_path: Path) -> None:
    write(tmp_path, "scenarios/staging.yml", "upstreams: []\n")
    write(tmp_path, "scenarios/list.yml", "- a\n")
    write(tmp_path, "scenarios/empty.yml", "")
    write(tmp_path, "scenarios/notes.txt", SURGE)
    (tmp_path / "scenarios/folder.yml").mkdir()
    assert [found.id for found in list_scenarios(cwd=tmp_path, env={})] == ["stimulus_2020"]


def test_straight_to_a_log(tmp_path: Path) -> None:
    write(tmp_path, "logs/access log-2015.log.gz", "x")
    scenario = find("logs/access log-2015.log.gz", tmp_path)
    assert scenario == Scenario(
        id="access-log-2015", log_path="logs/access log-2015.log.gz", speed=1.0, target="embedded"
    )
    assert find("logs", tmp_path).id == "logs"
    for name in ("-", "https://host.example/day.yml"):
        assert find(name, tmp_path).log_path == name


def test_an_id_comes_before_a_file_of_that_name(tmp_path: Path) -> None:
    write(tmp_path, "surge", "not this")
    write(tmp_path, "scenarios/x.yml")
    assert find("surge", tmp_path).log_path == "a.log"
    assert find("./surge", tmp_path).log_path == "./surge"


@pytest.mark.parametrize(
    ("log_path", "expected"),
    [
        ("some.log", "some"),
        ("/var/log/nginx/access.log.1", "access-log-1"),
        ("a/b/events.ndjson.zst", "events"),
        ("/lake/raw/events/2020/03/15/", "15"),
        ("logs/*.gz", "logs"),
        ("*.gz", "log"),
        ("….log", "log"),
        ("..", "log"),
        ("x" * 300 + ".log", "x" * 64),
        ("https://bob:hunter2@host.example/day.log.gz?sig=T0P", "day"),
        ("https://bob:hunter2@host.example?sig=T0P", "host-example"),
        ("s3://bucket/day/*.gz", "day"),
        ("-", "log"),
    ],
)
def test_the_id_of_a_log(log_path: str, expected: str) -> None:
    assert scenario_for_log(log_path).id == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "no scenario is named"),
        ("a\0b", r"'a\x00b' is not plain text; write an id"),
        ("a\udcff.log", r"'a\udcff.log' is not plain text"),
        ("no.yml", "no.yml cannot be read: No such file or directory"),
        ("logs/no.log", "there is no file logs/no.log; there are stimulus_2020"),
        ("x" * 5_000, "there is no scenario and no file xxx"),
    ],
)
def test_what_is_not_there(tmp_path: Path, name: str, message: str) -> None:
    assert message in refusal(name, tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"id: a\nlog_path: \xff\n", "bad.yml cannot be read: line 2: this is not UTF-8 text"),
        (b"#" * 1_000_001, "bad.yml is larger than 1,000,000 bytes; it is no scenario"),
        (b"\x1f\x8b\x08\x00", "bad.yml cannot be read: line 1: this is not UTF-8 text"),
        (b"\x00" * 99, "there is a character (code 0) that text cannot hold"),
    ],
    ids=["latin1", "huge", "gzip", "zeros"],
)
def test_a_file_that_is_no_text(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "bad.yml").write_bytes(data)
    assert message in refusal("bad.yml", tmp_path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xef\xbb\xbf" + SURGE.encode())
    assert find("a.yml", tmp_path).id == "surge"


HOSTILE = st.binary(max_size=200) | st.lists(
    st.sampled_from(["id: a\n", "log_path: x\n", "speed: ", "2x\n", "slo:\n", "  p95_ms: ", "1\n"])
    | st.text(max_size=5)
).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))


def is_scenario_or_scenario_error(path: Path) -> bool:
    try:
        return read_scenario(path).file == path
    except ScenarioError as error:
        return "any.yml" in str(error)


@given(data=HOSTILE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_a_scenario_or_a_scenario_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.yml"
    path.write_bytes(data)
    assert is_scenario_or_scenario_error(path)
