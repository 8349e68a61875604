"""Rules files as people write, edit and break them while they are in force."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scenarios.rules_files import (
    MAX_BYTES,
    RulesWatch,
    find_rules,
    mode_file_of,
    read_lines,
    read_rules,
)
from switchboard.errors import RuleError

SMALL = """\
mode: sandbox
routes:
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
  - {host: api.treasury.example, stub: ach}
credentials:
  inject: [{upstream: svc, header: Authorization, from_env: ESR_SVC_TOKEN, prefix: "Bearer "}]
deny: {hosts: ["*.hms.gov"], networks: ["203.0.113.0/24"]}
"""
OTHER = SMALL.replace("9001", "9002")
LAYERED = "environment: staging\n"
STAGING = """\
upstreams:
  - {name: svc, hosts: ["svc.*"], base_url: "http://10.20.0.5:8080/sandbox"}
allow: {networks: [10.20.0.0/16]}
"""


@pytest.fixture(name="file")
def file_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "switchboard.yml", SMALL)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def watch(file: Path, said: list[str]) -> RulesWatch:
    return RulesWatch(file, report=said.append)


def port_of(watched: RulesWatch) -> int:
    end = watched.rules.routes[0].to
    assert end is not None
    return end.port


def test_the_smallest_file_that_must_work(file: Path) -> None:
    rules = read_rules(file)
    assert rules.source == "switchboard.yml"
    assert [(route.rule, route.line) for route in rules.routes] == [
        ("routes[0]", 3),
        ("routes[1]", 4),
    ]
    assert rules.endpoints("sandbox") == {("127.0.0.1", 9001)}
    assert rules.secret_names == ("ESR_SVC_TOKEN",)


def test_where_the_file_is_looked_for(file: Path) -> None:
    here = file.parent
    assert find_rules("a.yml", {"ESR_RULES": "b.yml"}, here) == here / "a.yml"
    assert find_rules(None, {"ESR_RULES": "/etc/b.yml"}, here) == Path("/etc/b.yml")
    assert find_rules(None, {}, here) == file
    file.unlink()
    with pytest.raises(RuleError, match=r"--rules FILE or \$ESR_RULES, or write switchboard\.yml"):
        find_rules(None, {}, here)


def test_the_mode_is_kept_beside_the_rules() -> None:
    assert mode_file_of(Path("/etc/esr/switchboard.yml")) == Path("/etc/esr/switchboard.mode")


def test_faults_carry_their_lines(file: Path) -> None:
    write(file, SMALL.replace("stub: ach", "stbu: ach").replace("9001", "0"))
    with pytest.raises(RuleError) as caught:
        read_rules(file)
    lines = {fault.line for fault in caught.value.faults}
    assert {3, 4} <= lines
    assert str(caught.value).startswith("switchboard.yml: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "switchboard.yml"),
        ("- a\n", "must be a mapping"),
        ("a: [", "not YAML"),
        (SMALL + SMALL, "twice"),
        ("!!python/object:os.system x", "switchboard.yml"),
        ("#" * (MAX_BYTES + 1), "is larger than"),
        ("#" * 300_000, "too large"),
    ],
)
def test_files_that_are_no_rules(file: Path, text: str, says: str) -> None:
    write(file, text)
    with pytest.raises(RuleError) as caught:
        read_rules(file)
    assert says in str(caught.value)
    assert type(caught.value) is RuleError


def test_what_is_no_readable_file_is_one_sentence(file: Path) -> None:
    file.write_bytes(b"mode: \xff")
    os.mkfifo(file.parent / "pipe.yml")
    for name, says in [
        ("switchboard.yml", "line 1: this is not UTF-8"),
        ("gone.yml", "gone.yml cannot be read: No such file"),
        (".", "is no plain file"),
        ("pipe.yml", "pipe.yml is no plain file"),
        ("a\0b.yml", "it is not the name of a file"),
        ("x" * 300, "cannot be read: File name too long"),
    ]:
        with pytest.raises(RuleError, match=r".+") as caught:
            read_rules(file.parent / name)
        assert says in str(caught.value)


def test_an_environment_is_the_layer_below(file: Path) -> None:
    write(file.parent / "environments" / "staging.yml", STAGING)
    write(file, LAYERED + SMALL.replace("svc", "own").replace("ESR_SVC", "ESR_OWN"))
    rules = read_rules(file)
    assert rules.endpoints("sandbox") == {("127.0.0.1", 9001), ("10.20.0.5", 8080)}
    assert rules.routes[-1].rule == "environment.svc"


def test_environments_beside_the_rules_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    file = write(folder / "switchboard.yml", LAYERED)
    write(folder / "environments" / "staging.yml", STAGING)
    assert read_rules(file).endpoints("sandbox") == {("10.20.0.5", 8080)}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stagin", "environment (line 1): there is no environment stagin; did you mean staging?"),
        ("../staging", "environment (line 1): '../staging' is not the name of an environment"),
        ("broken", "environments/broken.yml"),
    ],
)
def test_an_environment_that_cannot_be_had(file: Path, name: str, says: str) -> None:
    write(file.parent / "environments" / "staging.yml", STAGING)
    write(file.parent / "environments" / "broken.yml", "upstreams: 5\n")
    write(file, f"environment: {name}\n")
    with pytest.raises(RuleError) as caught:
        read_rules(file)
    assert says in str(caught.value)


def test_a_watch_begins_with_sound_rules(file: Path) -> None:
    assert port_of(watch(file, [])) == 9001
    write(file, "nonsense: 1\n")
    with pytest.raises(RuleError, match="nonsense"):
        watch(file, [])


def test_an_untouched_file_is_no_news(file: Path) -> None:
    watched = watch(file, [])
    assert watched.check() is None
    os.utime(file, (1, 1))  # touched, and yet the same
    assert watched.check() is None
    write(file, f"# a remark\n{SMALL}".replace("mode", "mode"))
    assert watched.check() is not None  # its lines have moved


def test_a_sound_edit_is_given_once(file: Path) -> None:
    said: list[str] = []
    watched = watch(file, said)
    write(file, OTHER)
    assert watched.check() is watched.rules
    assert port_of(watched) == 9002
    assert watched.check() is None
    assert said == []


def test_an_unsound_edit_changes_nothing_and_is_told_once(file: Path) -> None:
    said: list[str] = []
    watched = watch(file, said)
    write(file, SMALL.replace("stub", "stbu"))
    assert watched.check() is None
    assert watched.check() is None
    assert port_of(watched) == 9001
    assert watched.complaint == said[0]
    assert "stbu: unknown key" in said[0] or "stbu (line 4)" in said[0]
    assert said[0].endswith("The rules that were read before stay in force.")
    write(file, OTHER)
    assert watched.check() is watched.rules
    assert said[1:] == ["switchboard.yml is sound again"]
    assert watched.complaint is None


def test_an_edit_taken_back_is_sound_again_but_no_news(file: Path) -> None:
    said: list[str] = []
    watched = watch(file, said)
    write(file, "a: [")
    assert watched.check() is None
    write(file, SMALL)
    assert watched.check() is None
    assert len(said) == 2
    assert watched.complaint is None


@pytest.mark.parametrize("comes_back_by", ["writing", "renaming"])
def test_a_file_that_vanishes_and_comes_back(file: Path, comes_back_by: str) -> None:
    said: list[str] = []
    watched = watch(file, said)
    file.unlink()
    assert watched.check() is None
    assert watched.check() is None
    assert len(said) == 1
    assert "cannot be read" in said[0]
    if comes_back_by == "writing":
        write(file, OTHER)
    else:
        write(file.with_suffix(".new"), OTHER).rename(file)
    assert watched.check() is not None
    assert port_of(watched) == 9002


def test_the_environment_is_watched_too(file: Path) -> None:
    staging = write(file.parent / "environments" / "staging.yml", STAGING)
    write(file, LAYERED)
    said: list[str] = []
    watched = watch(file, said)
    write(staging, STAGING.replace("10.20.0.5", "10.20.0.6"))
    rules = watched.check()
    assert rules is not None
    assert rules.endpoints("sandbox") == {("10.20.0.6", 8080)}
    write(staging, "base_url: 5\n")
    assert watched.check() is None
    assert watched.rules is rules
    assert "environments/staging.yml" in said[0]


def test_an_environment_that_joins_is_watched_from_then_on(file: Path) -> None:
    staging = write(file.parent / "environments" / "staging.yml", STAGING)
    watched = watch(file, [])
    write(file, LAYERED)
    assert watched.check() is not None
    write(staging, STAGING.replace("10.20.0.5", "10.20.0.6"))
    assert watched.check() is not None


def test_what_was_missing_may_be_mended_in_another_file(file: Path) -> None:
    said: list[str] = []
    watched = watch(file, said)
    write(file, LAYERED)
    assert watched.check() is None
    assert watched.check() is None
    assert len(said) == 1
    write(file.parent / "environments" / "staging.yml", STAGING)
    assert watched.check() is not None
    assert watched.complaint is None


def test_whoever_is_told_finds_the_complaint_up_to_date(file: Path) -> None:
    seen: list[str | None] = []
    watched = RulesWatch(file, report=lambda _: seen.append(watched.complaint))
    write(file, "a: [")
    assert watched.check() is None
    write(file, OTHER)
    assert watched.check() is not None
    assert seen[0] is not None
    assert seen[1:] == [None]


def test_lines_of_a_file(file: Path) -> None:
    assert read_lines(file)("deny.hosts[0]") == 7
    assert read_lines(file.parent / "gone.yml")("deny.hosts[0]") is None
