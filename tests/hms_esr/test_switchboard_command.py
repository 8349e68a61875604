"""`esr switchboard`: what it says, what it writes and how it ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hms_esr.exits import UsageError, run_guarded
from hms_esr.switchboard_command import (
    check_command,
    explain_command,
    flip_command,
    read_request,
    show_command,
)

SMALL = """\
routes:
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
  - {host: api.treasury.example, stub: ach}
deny: {hosts: ["*.hms.gov"]}
"""
WITH_LIVE = """\
routes:
  - host: "*.hms.example"
    to: {name: svc, address: 127.0.0.1, port: 9001}
    live: {name: app, address: 127.0.0.1, port: 8000}
"""


@pytest.fixture(name="here")
def here_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "switchboard.yml").write_text(SMALL)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_request_that_would_be_forwarded(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_command(["https://web.hms.example/x"]) == 0
    out = capsys.readouterr().out
    assert "forwarded to the sandbox: svc at http://127.0.0.1:9001" in out
    assert "routes[0] (switchboard.yml:2)" in out
    assert "deny.hosts[0] (line 4): web.hms.example is not *.hms.gov" in out


def test_a_request_that_would_be_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_command(["https://portal.hms.gov/x"], json_file="-") == 97
    told = said(capsys)
    assert (told["decision"], told["rule"], told["line"]) == ("refuse", "deny.hosts[0]", 4)


def test_a_curl_command_in_words_and_in_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["curl", "-d", "a=hunter2", "-u", "me:hunter2", "https://web.hms.example/"]
    assert explain_command(words, json_file="-") == 0
    first = said(capsys)
    assert explain_command([" ".join(words)], json_file="-") == 0
    assert said(capsys) == first
    assert first["headers_dropped"] == ["Authorization"]
    assert "hunter2" not in json.dumps(first)


def test_explaining_from_standard_input(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("curl 'https://web.hms.example/' \\\n  -I\n"))
    assert explain_command(["-"], json_file="-") == 0
    assert said(capsys)["request"] == "HEAD https://web.hms.example/"


def test_explaining_as_if(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain_command(["https://web.hms.example/"], mode="live", json_file="-") == 97
    assert said(capsys)["rule"] == "no-live-upstream"
    assert explain_command(["https://web.hms.example/"], sni="cdn.example", json_file="-") == 97
    assert said(capsys)["rule"] == "host-mismatch"


@pytest.mark.parametrize(
    ("words", "method", "url"),
    [
        (["https://h/x"], "GET", "https://h/x"),
        (["  https://h/x\n"], "GET", "https://h/x"),
        (["h/x"], "GET", "http://h/x"),
        (["DELETE", "https://h/x"], "DELETE", "https://h/x"),
        (["$ curl https://h"], "GET", "https://h"),
        (["/usr/bin/curl", "-I", "https://h"], "HEAD", "https://h"),
    ],
)
def test_requests_as_people_paste_them(words: list[str], method: str, url: str) -> None:
    asked = read_request(words)
    assert (asked.method, asked.url) == (method, url)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "paste a URL"),
        ([""], "paste a URL"),
        (["a", "b", "c"], "write one URL"),
        (["G T", "https://h"], "write one URL"),
        (["curl"], "no URL"),
        (["curl --nonsense https://h"], "--nonsense of curl is not understood"),
        (["curl 'https://h"], "never closed"),
    ],
)
def test_what_is_no_request(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_request(words)
    assert says in str(caught.value)


def test_a_sound_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_command() == 0
    out = capsys.readouterr().out
    assert out == (
        "switchboard.yml is sound: 2 routes, 1 destination, 1 denied host pattern, "
        "0 denied networks\n"
    )


def test_every_fault_with_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.yml").write_text(SMALL.replace("stub", "stbu").replace("9001", "0"))
    assert check_command("bad.yml", json_file="-") == 2
    (file,) = said(capsys)["files"]
    assert {fault["line"] for fault in file["faults"]} == {2, 3}
    assert check_command("bad.yml") == 2
    assert "routes[1].stbu (line 3): unknown key; did you mean stub?" in capsys.readouterr().out


def test_what_only_this_machine_can_tell_is_a_note(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "noted.yml").write_text(
        'routes:\n  - {host: "*.a", path: /x, stub: acg}\n'
        "  - {host: b.a, to: {name: svc, address: 127.0.0.1, port: 1, scheme: https, "
        "ca_file: gone.pem}, live: {name: prod, address: 127.0.0.1, port: 2}}\n"
        "credentials:\n  inject:\n"
        "    - {upstream: svc, header: A, from_env: NOT_SET}\n"
        "    - {upstream: svc, header: B, from_file: gone.key}\n"
        "    - {upstream: prod, header: A, from_file: switchboard.yml}\n"
    )
    assert check_command("noted.yml", json_file="-") == 0
    (file,) = said(capsys)["files"]
    assert [(note["path"], note["line"]) for note in file["notes"]] == [
        ("routes[1]", 3),
        ("credentials.inject[0]", 6),
        ("credentials.inject[1]", 7),
        ("credentials.inject[2]", 8),
        ("routes[0].stub", 2),
        ("routes[1].to.ca_file", 3),
    ]
    assert "acg" in file["notes"][4]["message"]


def test_an_environment_and_the_rules_that_stand_on_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = here / "environments"
    folder.mkdir()
    (folder / "staging.yml").write_text("base_url: http://10.20.0.5:80\n")
    assert check_command("staging", json_file="-") == 2  # not declared as a sandbox
    (file,) = said(capsys)["files"]
    assert "default deny" in file["faults"][0]["message"]
    (folder / "staging.yml").write_text(
        "base_url: http://10.20.0.5:80\nallow: {networks: [10.20.0.0/16]}\n"
    )
    deny = 'deny: {networks: ["10.20.0.0/24"]}\n'
    (here / "switchboard.yml").write_text(f"environment: staging\n{deny}")
    assert check_command("staging", json_file="-") == 2
    files = said(capsys)["files"]
    assert [(each["kind"], each["sound"]) for each in files] == [
        ("environment", True),
        ("rules", False),
    ]
    assert check_command("environments/staging.yml", json_file="-") == 0


def test_an_environment_by_name_alone_is_noted(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "env.yml").write_text(
        "base_url: http://staging.internal:80\nallow: {hosts: [staging.internal]}\n"
    )
    assert check_command("env.yml", json_file="-") == 0
    (file,) = said(capsys)["files"]
    assert file["kind"] == "environment"
    assert "a switchboard dials addresses only" in file["notes"][0]["message"]


def test_nothing_of_that_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_guarded(lambda: check_command("stagin")) == 2
    assert "'stagin' is neither a file nor an environment" in capsys.readouterr().err
    assert check_command("gone.yml") == 2
    assert "gone.yml cannot be read" in capsys.readouterr().out


def test_a_mode_that_was_never_flipped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show_command() == 0
    out = capsys.readouterr().out
    assert out.startswith("sandbox\n")
    assert out.endswith("never flipped\n")
    assert not (here / "switchboard.mode").exists()  # looking changes nothing


def test_flipping_says_who_and_why(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "switchboard.yml").write_text(WITH_LIVE)
    assert flip_command("live", who="ann", why="release 7", json_file="-") == 0
    flipped = said(capsys)
    assert (flipped["mode"], flipped["flips"]) == ("live", 1)
    assert show_command() == 0
    out = capsys.readouterr().out
    assert out.startswith("live\n")
    assert "by ann: release 7" in out
    assert flip_command("sandbox", who="bo", json_file="-") == 0
    back = said(capsys)
    assert (back["mode"], back["last_flip"]["who"]) == ("sandbox", "bo")
    audit = (here / "switchboard.audit.ndjson").read_text().splitlines()
    assert [json.loads(line)["to"] for line in audit] == ["live", "sandbox"]
    assert (here / "switchboard.mode").read_text() == "sandbox\n"


def test_explaining_follows_the_mode_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "switchboard.yml").write_text(WITH_LIVE)
    assert flip_command("live", why="release 7", json_file="-") == 0
    capsys.readouterr()
    assert explain_command(["https://web.hms.example/"], json_file="-") == 0
    assert said(capsys)["decision"] == "live"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "live needs a reason"),
        ({"why": " "}, "live needs a reason"),
        ({"why": "x"}, "no route of switchboard.yml names a live upstream"),
        ({"why": "a\nb"}, "--why must be one line"),
        ({"why": "x" * 201}, "--why must be one line"),
        ({"why": "x", "who": "a\x1b[2J"}, "--who must be one line"),
    ],
)
def test_live_is_not_for_the_asking(
    here: Path, capsys: pytest.CaptureFixture[str], more: dict[str, Any], says: str
) -> None:
    assert run_guarded(lambda: flip_command("live", **more)) == 2
    assert says in capsys.readouterr().err
    assert not (here / "switchboard.mode").exists()


def test_live_needs_rules_that_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "switchboard.yml").write_text("nonsense: 1\n")
    assert run_guarded(lambda: flip_command("live", why="x", mode_file="m.mode")) == 2
    assert "nonsense" in capsys.readouterr().err


def test_back_to_the_sandbox_works_without_any_rules(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "switchboard.yml").write_text("nonsense: 1\n")
    assert flip_command("sandbox", json_file="-") == 0
    assert said(capsys)["mode"] == "sandbox"
    (here / "switchboard.yml").unlink()
    assert flip_command("sandbox", mode_file="other.mode", json_file="-") == 0
    assert said(capsys)["mode_file"] == str(here / "other.mode")
    assert run_guarded(lambda: flip_command("sandbox")) == 2
    assert "there is no rules file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"timeout": "soon"}, "--timeout 'soon'"),
        ({"control": "http://10.0.0.1:8421"}, "only ever called on this machine"),
        ({"control": "http://staging.internal"}, "only ever called on this machine"),
        ({"control": "http://127.0.0.1@10.0.0.1"}, "--control: "),
        ({"control": "https://127.0.0.1"}, "speaks http on loopback"),
    ],
)
def test_options_that_make_no_sense(
    here: Path, capsys: pytest.CaptureFixture[str], keys: dict[str, str], says: str
) -> None:
    assert run_guarded(lambda: flip_command("sandbox", **keys)) in (2, 97)
    assert says in capsys.readouterr().err
    assert run_guarded(lambda: flip_command("production")) == 2


def test_an_audit_log_that_somebody_spoiled(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flip_command("sandbox", why="first", json_file="-") == 0
    capsys.readouterr()
    with (here / "switchboard.audit.ndjson").open("ab") as file:
        file.write(b'\xff not json\n[1]\n{"cut o')
    assert show_command(json_file="-") == 0
    assert said(capsys)["last_flip"]["why"] == "first"
