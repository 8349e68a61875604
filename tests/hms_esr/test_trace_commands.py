"""`esr trace` and `esr tape` as somebody types them: what is printed, written, and refused."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hms_esr.cli import app
from replay.tape import Tape
from tests.hms_esr.full_disk import files_no_larger_than

Esr = Callable[..., Result]

SSN = "219-09-1234"
MAIL = "john.smith@gmail.com"
EVENTS: list[dict[str, Any]] = [
    {
        "ts": f"2020-03-15T12:00:0{number}.250000000Z",
        "method": method,
        "url": f"https://svc.hms.example{path}",
        "user": f"C-4821973{number}",
        "session": f"S-{number}",
        "service": "svc",
        "headers": {"accept": "application/json"},
        "status": 200,
        "wait_ms": 12.5,
        "response_headers": {"content-type": "application/json"},
        "response_body": '{"id":"a81f4c2e9d"}',
    }
    for number, (method, path) in enumerate(
        (("GET", "/a?x=1"), ("POST", "/b"), ("GET", "/a?x=2"), ("DELETE", "/c/1"))
    )
]


@pytest.fixture(name="esr")
def esr_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Esr:
    """Types a command in an empty folder, with settings of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    def esr(*words: str, stdin: bytes | None = None) -> Result:
        # What is typed is also what the way out of a refusal repeats.
        monkeypatch.setattr("sys.argv", ["esr", *words])
        return CliRunner().invoke(app, list(words), input=stdin, catch_exceptions=False)

    return esr


def write_events(path: Path, *events: dict[str, Any]) -> str:
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return path.name


def read_events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(name="log")
def log_fixture(tmp_path: Path) -> str:
    return write_events(tmp_path / "day.ndjson", *EVENTS)


def test_info_gives_every_count(esr: Esr, log: str, tmp_path: Path) -> None:
    with (tmp_path / log).open("a") as file:
        file.write("oops\n\n")
    ran = esr("trace", "info", log, "--json", "info.json")
    assert ran.exit_code == 0
    info = json.loads((tmp_path / "info.json").read_text())
    assert (info["format"], info["entries"], info["used"]) == ("ops", 6, 4)
    assert info["skipped"] == {"blank line": 1, "not JSON": 1}
    assert info["window"] == {
        "from": "2020-03-15T12:00:00.250000000Z",
        "to": "2020-03-15T12:00:03.250000000Z",
        "seconds": 3.0,
    }
    assert (info["sessions"], info["users"], info["stamp"]) == (4, 4, "start")
    assert info["hosts"] == {"svc.hms.example": 4}
    assert info["methods"] == {"GET": 2, "POST": 1, "DELETE": 1}
    assert info["statuses"] == {"200": 4}
    assert info["routes"] == {"svc GET /a": 2, "svc POST /b": 1, "svc DELETE /c/{id}": 1}
    assert "6 entries (ops): 4 used; skipped" in " ".join(ran.stdout.split())


def test_info_of_a_log_of_which_nothing_can_be_used(esr: Esr, tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text('{"method": "GET"}\n{"url": "/"}\n')
    ran = esr("trace", "info", "x.ndjson", "--json", "-")
    assert ran.exit_code == 0
    info = json.loads(ran.stdout)
    assert (info["entries"], info["used"], sum(info["skipped"].values())) == (2, 0, 2)
    assert info["window"] == {"from": None, "to": None, "seconds": 0.0}


def test_info_of_several_formats_names_each_and_what_is_none(esr: Esr, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_events(tmp_path / "in" / "a.ndjson", EVENTS[0])
    (tmp_path / "in" / "b.log").write_text(
        '192.0.2.1 - - [15/Mar/2020:12:00:00 +0000] "GET /b HTTP/1.1" 200 5 "-" "curl"\n'
    )
    (tmp_path / "in" / "c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "in" / "d.txt").write_text("Dear diary\n")
    info = json.loads(esr("trace", "info", "in", "--json", "-").stdout)
    assert info["format"] == "combined, ops"
    assert (info["entries"], info["used"]) == (3, 2)
    assert [each["file"] for each in info["examples"]] == ["d.txt"]


def test_head_prints_events_without_credentials(esr: Esr, tmp_path: Path) -> None:
    secret = {**EVENTS[0], "headers": {"authorization": "Bearer abcdefgh12345678", "accept": "a/b"}}
    log = write_events(tmp_path / "x.ndjson", secret, *EVENTS[1:])
    ran = esr("trace", "head", log, "-n", "2")
    lines = ran.stdout.splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["headers"] == {"accept": "a/b"}
    assert "abcdefgh" not in ran.output


@pytest.mark.parametrize("to", ["ops", "har", "gor", "vegeta"])
def test_import_export_import_gives_the_same_events(
    to: str, esr: Esr, log: str, tmp_path: Path
) -> None:
    assert esr("trace", "import", log, "--out", "one.ndjson").exit_code == 0
    exported = esr("trace", "export", "one.ndjson", "--to", to, "--out", "between")
    assert exported.exit_code == 0, exported.output
    assert esr("trace", "import", "between", "--out", "two.ndjson").exit_code == 0
    first, second = read_events(tmp_path / "one.ndjson"), read_events(tmp_path / "two.ndjson")
    assert len(first) == len(EVENTS)
    if to == "vegeta":  # whose targets have no answers
        kept = {"ts", "method", "url", "user", "session", "service", "headers"}
        first = [{k: v for k, v in event.items() if k in kept} for event in first]
    assert first == second


def test_a_pipe_in_and_a_pipe_out(esr: Esr, log: str, tmp_path: Path) -> None:
    data = gzip.compress((tmp_path / log).read_bytes())
    ran = esr("trace", "export", "-", "--to", "gor", "--out", "-", stdin=data)
    assert ran.exit_code == 0
    assert ran.stdout_bytes.count("\n🐵🙈🙉\n".encode()) == 8
    again = esr("trace", "import", "-", "--out", "-", stdin=ran.stdout_bytes)
    urls = [json.loads(line)["url"] for line in again.stdout.splitlines()]
    assert urls == [event["url"] for event in EVENTS]


def test_an_import_that_leaks_writes_nothing_and_says_the_way_out(esr: Esr, tmp_path: Path) -> None:
    log = write_events(tmp_path / "x.ndjson", {**EVENTS[0], "url": f"/p?ssn={SSN}"})
    before = sorted(tmp_path.iterdir())
    for words in (
        ("trace", "import", log, "--out", "out.ndjson"),
        ("trace", "import", log, "--tape", "tape"),
        ("tape", "build", log, "--out", "tape"),
        ("trace", "export", log, "--to", "har", "--out", "out.har"),
        ("trace", "import", log, "--out", "-"),
    ):
        ran = esr(*words)
        assert ran.exit_code == 97, words
        assert ran.stdout == ""
        assert f"{log}:1 url.query.ssn" in ran.stderr
        assert f"with: esr {' '.join(words)} --anonymise" in ran.stderr
        assert SSN not in ran.output
        assert sorted(tmp_path.iterdir()) == before
    assert esr(*words, "--anonymise").exit_code == 0


def test_a_tape_of_a_name_that_is_no_text_is_refused_before_it_is_built(
    esr: Esr, log: str, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    ran = esr("tape", "build", log, "--out", os.fsdecode(b"a\xff"), "--json", "-")
    assert ran.exit_code == 2
    assert "has a name that is not UTF-8" in ran.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_what_an_answer_leaks_is_refused_where_answers_are_kept(esr: Esr, tmp_path: Path) -> None:
    log = write_events(tmp_path / "x.ndjson", {**EVENTS[0], "response_body": f"call {MAIL}"})
    ran = esr("trace", "import", log, "--out", "out.ndjson")
    assert ran.exit_code == 97
    assert "answer.body" in ran.stderr
    assert not (tmp_path / "out.ndjson").exists()
    # A tape keeps no answers.
    assert esr("tape", "build", log, "--out", "tape").exit_code == 0


def test_an_allowed_kind_is_on_the_record(esr: Esr, tmp_path: Path) -> None:
    log = write_events(tmp_path / "x.ndjson", {**EVENTS[0], "url": f"/p?mail={MAIL}"})
    built = esr("tape", "build", log, "--out", "tape", "--allow-kind", "email")
    assert built.exit_code == 0, built.output
    account = json.loads((tmp_path / "tape" / "tape.json").read_text())["account"]
    assert (account["allowed"], account["found"]) == (["email"], {"email": 1})
    plan = esr("plan", "tape")
    assert plan.exit_code == 0
    assert "1 email" in plan.stdout


def test_an_unknown_kind_format_or_key_is_named(esr: Esr, log: str) -> None:
    for words, said in (
        (("--allow-kind", "mail"), "--allow-kind: 'mail' is not a kind of finding"),
        (("--format", "combind"), "--format: 'combind' is not a trace format"),
        (("--format", "csv"), "--format csv needs --mapping FILE"),
        (("--session-key", "coookie:a"), "--session-key: 'coookie:a' is not a session key"),
        (("--mapping", "no.yml", "--format", "csv"), "--mapping no.yml cannot be read"),
        (("--policy", "no.yml"), "--policy no.yml cannot be read"),
    ):
        ran = esr("trace", "import", log, "--out", "x", *words)
        assert ran.exit_code == 2, words
        assert said in ran.stderr


def test_every_fault_of_a_policy_is_told_with_its_line(esr: Esr, log: str, tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("name: x\nheader.a: keeep\nboddy.$..b: drop\n")
    ran = esr("trace", "anonymise", log, "--policy", "p.yml", "--out", "x")
    assert ran.exit_code == 2
    assert "line 2" in ran.stderr
    assert "line 3" in ran.stderr
    assert not (tmp_path / "x").exists()


def test_cut_counts_what_each_filter_left_out(esr: Esr, log: str, tmp_path: Path) -> None:
    ran = esr(
        "trace", "cut", log, "--method", "GET", "--to", "+2s", "--out", "part.ndjson.gz",
        "--json", "cut.json",
    )  # fmt: skip
    assert ran.exit_code == 0
    account = json.loads((tmp_path / "cut.json").read_text())
    assert account["dropped"] == {"method": 1, "time": 2}
    assert (account["entries"], account["used"]) == (4, 1)
    kept = gzip.decompress((tmp_path / "part.ndjson.gz").read_bytes())
    assert [json.loads(line)["url"] for line in kept.splitlines()] == [EVENTS[0]["url"]]
    wrong = esr("trace", "cut", log, "--status", "6xx?", "--out", "x")
    assert wrong.exit_code == 2


def test_merge_puts_logs_in_order(esr: Esr, tmp_path: Path) -> None:
    one = write_events(tmp_path / "one.ndjson", EVENTS[3], EVENTS[0])
    two = write_events(tmp_path / "two.ndjson", EVENTS[2], EVENTS[1])
    assert esr("trace", "merge", one, two, "--out", "all.ndjson").exit_code == 0
    stamps = [event["ts"] for event in read_events(tmp_path / "all.ndjson")]
    assert stamps == sorted(stamps)
    assert len(stamps) == 4


def test_one_citizen_is_one_pseudonym_in_three_files(esr: Esr, tmp_path: Path) -> None:
    """In a URL, a header, a cookie, JSON, base64 and an answer; and the result is clean."""
    blob = base64.b64encode(json.dumps({"ssn": SSN}).encode()).decode()
    event = {
        **EVENTS[0],
        "method": "POST",
        "url": f"https://svc.hms.example/people/{SSN}?mail={MAIL}",
        "headers": {"cookie": f"mail={MAIL}; ssn={SSN}", "x-user-email": MAIL,
                    "content-type": "application/json"},
        "body": {"applicant": {"ssn": SSN, "email": MAIL}, "blob": blob},
        "response_body": json.dumps({"citizen": {"ssn": SSN, "email": MAIL}}),
    }  # fmt: skip
    write_events(tmp_path / "a.ndjson", event)
    (tmp_path / "b.log").write_text(
        f"192.0.2.1 - - [15/Mar/2020:12:00:00 +0000] "
        f'"GET /people/{SSN}?mail={MAIL} HTTP/1.1" 200 5\n'
    )
    har_event = {**event, "url": event["url"].replace("12:00", "12:01")}
    write_events(tmp_path / "c.ndjson", har_event)
    assert esr("trace", "scan", "a.ndjson", "b.log", "c.ndjson").exit_code == 97
    texts = []
    for name in ("a.ndjson", "b.log", "c.ndjson"):
        out = tmp_path / f"{name}.clean"
        ran = esr("trace", "anonymise", name, "--out", out.name)
        assert ran.exit_code == 0, ran.output
        assert esr("trace", "scan", out.name).exit_code == 0
        texts.append(out.read_text())
    (first,) = read_events(tmp_path / "a.ndjson.clean")
    body = first["body"] if isinstance(first["body"], dict) else json.loads(first["body"])
    ssn, mail = body["applicant"]["ssn"], body["applicant"]["email"]
    assert ssn.startswith("666-")
    assert mail.endswith("@example.com")
    assert json.loads(base64.b64decode(body["blob"])) == {"ssn": ssn}
    assert json.loads(first["response_body"]) == {"citizen": {"ssn": ssn, "email": mail}}
    assert f"/people/{ssn}?" in first["url"]
    assert f"ssn={ssn}" in first["headers"]["cookie"]
    assert mail in first["headers"]["cookie"].replace("%40", "@")
    for text in texts:
        assert SSN not in text
        assert MAIL not in text
        assert ssn in text
        assert mail in text.replace("%40", "@")


def test_scan_never_shows_a_value(esr: Esr, tmp_path: Path) -> None:
    log = write_events(
        tmp_path / "x.ndjson",
        {**EVENTS[0], "body": {"ssn": SSN, "note": f"write to {MAIL}"}},
    )
    ran = esr("trace", "scan", log, "--json", "scan.json")
    assert ran.exit_code == 97
    found = json.loads((tmp_path / "scan.json").read_text())
    assert found["kinds"] == {"email": 1, "ssn": 1}
    assert {(each["line"], each["path"]) for each in found["examples"]} == {
        (1, "body.$.ssn"),
        (1, "body.$.note"),
    }
    for text in (ran.output, (tmp_path / "scan.json").read_text()):
        assert SSN not in text
        assert MAIL not in text
    allowed = esr("trace", "scan", log, "--allow-kind", "ssn", "--allow-kind", "email")
    assert allowed.exit_code == 0


def test_a_tape_plays_and_cannot_be_read_anew(esr: Esr, log: str, tmp_path: Path) -> None:
    built = esr("tape", "build", log, "--out", "day.tape", "--json", "built.json")
    assert built.exit_code == 0
    facts = json.loads((tmp_path / "built.json").read_text())
    assert (facts["requests"], facts["tape"]) == (4, "day.tape")
    with Tape.open(tmp_path / "day.tape") as tape:
        assert tape.info.digest == facts["digest"]
    assert json.loads(esr("plan", "day.tape", "--json", "-").stdout)["requests"] == 4
    refused = esr("plan", "day.tape", "--anonymise")
    assert refused.exit_code == 2
    assert "is a tape" in refused.stderr


def test_a_result_never_overwrites_the_trace(esr: Esr, log: str, tmp_path: Path) -> None:
    before = (tmp_path / log).read_bytes()
    (tmp_path / "link").symlink_to(log)
    for words in (
        ("info", log, "--json", f"./{log}"),
        ("scan", log, "--json", "link"),
        ("import", log, "--tape", "t", "--json", log),
        ("import", log, "--out", "x", "--json", log),
        ("import", log, "--out", "x", "--json", "x"),
    ):
        ran = esr("trace", *words)
        assert ran.exit_code == 2
        assert "would overwrite the trace" in ran.stderr
    assert (tmp_path / log).read_bytes() == before
    # --out may: what is written takes its place once all of it was read.
    assert esr("trace", "import", log, "--out", log).exit_code == 0
    assert [event["url"] for event in read_events(tmp_path / log)] == [e["url"] for e in EVENTS]


def test_the_seed_decides_where_stamps_fall(esr: Esr, tmp_path: Path) -> None:
    line = '192.0.2.1 - - [15/Mar/2020:12:00:00 +0000] "GET /{} HTTP/1.1" 200 5\n'
    (tmp_path / "a.log").write_text("".join(map(line.format, range(5))))

    def stamps(seed: str) -> list[str]:
        assert esr("trace", "import", "a.log", "--seed", seed, "--out", "x").exit_code == 0
        return [event["ts"] for event in read_events(tmp_path / "x")]

    assert stamps("1") == stamps("1") != stamps("2")
    ran = esr("trace", "import", "a.log", "--workers", "2", "--out", "x")
    assert ran.exit_code == 2
    assert "--workers is for --tape" in ran.stderr


def test_what_is_not_kept_is_noted(esr: Esr, log: str) -> None:
    ran = esr("trace", "export", log, "--to", "vegeta", "--out", "-")
    assert ran.exit_code == 0
    assert "note  vegeta's targets have no times" in ran.stderr
    assert "note" not in esr("trace", "export", log, "--to", "vegeta", "--out", "x").output


def test_a_tape_without_room_is_a_sentence_and_leaves_nothing(
    esr: Esr, log: str, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    with files_no_larger_than(100):
        ran = esr("tape", "build", log, "--out", "day.tape")
    assert ran.exit_code == 2
    assert "the tape day.tape cannot be written: " in ran.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_killed_builder_left_is_gone_with_the_next(
    esr: Esr, log: str, tmp_path: Path
) -> None:
    old, other = (tmp_path / f".{name}.1a2b3c4d.building" for name in ("t[1]", "t1"))
    for folder in (old, other):
        folder.mkdir()
        os.utime(folder, (0, 0))
    assert esr("tape", "build", log, "--out", "t[1]").exit_code == 0
    assert not old.exists()
    assert other.exists()


def test_a_tape_is_no_log(esr: Esr, log: str) -> None:
    assert esr("tape", "build", log, "--out", "day.tape").exit_code == 0
    for words in (("info", "day.tape"), ("cut", log, "day.tape", "--out", "x")):
        ran = esr("trace", *words)
        assert ran.exit_code == 2
        assert "day.tape is a tape and no log any more" in ran.stderr


def test_an_out_that_cannot_be_is_said_before_a_log_is_read(esr: Esr, log: str) -> None:
    ran = esr("trace", "import", log, "--out", "nowhere/x.ndjson")
    assert ran.exit_code == 2
    assert "there is no folder nowhere" in ran.stderr
    both = esr("trace", "import", log, "--out", "x", "--tape", "y")
    assert both.exit_code == 2
    twice = esr("trace", "cut", log, "--out", "-", "--json", "-")
    assert twice.exit_code == 2


def test_a_table_is_read_through_its_mapping(esr: Esr, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("when,verb,path,code\n1584273600.25,GET,/a,200\n")
    (tmp_path / "m.yml").write_text("ts: when\nts_unit: s\nmethod: verb\nurl: path\nstatus: code\n")
    ran = esr("trace", "import", "t.csv", "--format", "csv", "--mapping", "m.yml", "--out", "-")
    assert ran.exit_code == 0, ran.output
    (event,) = [json.loads(line) for line in ran.stdout.splitlines()]
    assert (event["url"], event["status"]) == ("/a", 200)
    assert event["ts"] == "2020-03-15T12:00:00.250000000Z"


def test_a_plan_is_not_written_over_its_log(esr: Esr, log: str, tmp_path: Path) -> None:
    before = (tmp_path / log).read_bytes()
    ran = esr("plan", log, "--json", log)
    assert ran.exit_code == 2
    assert "would overwrite the trace" in ran.stderr
    assert (tmp_path / log).read_bytes() == before
