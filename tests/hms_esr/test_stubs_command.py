"""`esr stubs serve` before it serves: what is listed, and the sentence for what cannot be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.definitions_files import DefinitionsError, ServiceFiles
from hms_esr.exits import run_guarded
from hms_esr.stubs_command import read_chaos, read_latencies, serve_command
from stubs.clock import RecordedClock
from stubs.records import record_nothing
from stubs.service import Surroundings

LIB = """\
service: lib
title: Library cards
hosts: [cards.example]
routes:
  - {{method: GET, path: /cards, answer: {{json: {{cards: {count}}}}}}}
"""
LEARNED = {
    "schema": "esr.latencies/1",
    "routes": [
        {
            "service": "ach",
            "method": "POST",
            "template": "/payments",
            "latency": {"model": "fixed", "ms": 30},
        }
    ],
}


def surroundings(name: str) -> Surroundings:
    return Surroundings(0, RecordedClock(), record_nothing, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "lib.yml").write_text(LIB.format(count=1))
    return made


def test_services_and_routes_are_listed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.json"
    where = [str(folder)]
    assert serve_command(["lib"], definitions=where, is_list=True, json_file=str(file)) == 0
    assert capsys.readouterr().out == "lib  Library cards  (cards.example)\n  GET /cards\n"
    assert orjson.loads(file.read_bytes())["services"] == [
        {
            "name": "lib",
            "title": "Library cards",
            "hosts": ["cards.example"],
            "routes": [{"method": "GET", "path": "/cards"}],
        }
    ]
    assert serve_command(definitions=where, is_list=True) == 0
    names = [line.split(" ")[0] for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert {"ach", "svc", "act", "lib"} <= set(names)
    assert names == sorted(names)


def test_every_mistake_is_one_sentence_with_its_line(folder: Path) -> None:
    (folder / "a.yml").write_text(
        "service: Bad-Name\nroutes:\n  - {method: GET, path: nowhere, answer: {status: 99}}\n"
    )
    (folder / "b.yml").write_text("service: [")
    (folder / "c.yml").write_bytes(b"\xff\xfe")
    (folder / "d.yml").write_text(LIB.format(count=1))
    (folder / ".hidden.yml").write_text("[")
    (folder / "notes.txt").write_text("[")
    os.mkfifo(folder / "pipe.yml")
    with pytest.raises(DefinitionsError) as caught:
        ServiceFiles([str(folder)]).load(surroundings)
    said = str(caught.value)
    for sentence in (
        f"{folder / 'a.yml'}:1: service: ",
        f"{folder / 'a.yml'}:3: ",
        f"{folder / 'b.yml'}:",
        f"{folder / 'c.yml'}: it cannot be read: it is not UTF-8 text",
        f"{folder / 'lib.yml'}: the service lib is already in d.yml",
        f"{folder / 'pipe.yml'}: it cannot be read: ",
    ):
        assert sentence in said
    assert "hidden" not in said
    assert "notes" not in said
    assert caught.value.exit_code == 2


def test_ten_mistakes_are_ten_sentences(folder: Path) -> None:
    routes = "".join(f"  - {{method: GET, path: bad{n}}}\n" for n in range(10))
    (folder / "bad.yml").write_text(f"service: bad\nroutes:\n{routes}")
    with pytest.raises(DefinitionsError) as caught:
        ServiceFiles([str(folder)]).load(surroundings)
    lines = {sentence.split(":")[1] for sentence in caught.value.sentences}
    assert {str(n) for n in range(3, 13)} <= lines


def test_a_later_folder_takes_the_place_of_an_earlier_one(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.yml").write_text(LIB.format(count=2).replace("Library", "Other"))
    (other / "svc.yaml").write_text(LIB.format(count=2).replace("lib", "svc"))
    served = ServiceFiles([str(folder), str(other)]).load(surroundings)
    titles = {service.name: service.title for service in served}
    assert titles["lib"] == "Other cards"
    assert titles["svc"] == "Library cards"
    assert len(served) == len(titles), "each once"


def test_what_did_not_change_is_the_same_as_before(folder: Path) -> None:
    files = ServiceFiles([str(folder)])
    before = {service.name: service for service in files.load(surroundings)}
    (folder / "new.yml").write_text(LIB.format(count=1).replace("lib", "new"))
    after = {service.name: service for service in files.load(surroundings)}
    assert all(after[name] is service for name, service in before.items())
    (folder / "lib.yml").write_text("service: [")
    with pytest.raises(DefinitionsError):
        files.load(surroundings)
    (folder / "lib.yml").write_text(LIB.format(count=1))
    again = {service.name: service for service in files.load(surroundings)}
    assert again["new"] is after["new"]
    (folder / "lib.yml").write_text(LIB.format(count=5))
    edited = {service.name: service for service in files.load(surroundings)}
    assert edited["lib"] is not after["lib"]
    assert edited["ach"] is after["ach"]


def test_a_users_definition_has_no_logic(folder: Path) -> None:
    (folder / "x.yml").write_text(
        "service: x\nlogic: ach\nroutes: [{method: GET, path: /, handler: pay}]\n"
    )
    with pytest.raises(DefinitionsError, match="logic"):
        ServiceFiles([str(folder)]).load(surroundings)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(
            {"services": ["nobody"]}, "there is no service 'nobody'; there are ", id="name"
        ),
        pytest.param({"services": ["./x.yml"]}, "say --definitions", id="file as a service"),
        pytest.param(
            {"definitions": ["/no/such"]}, "/no/such: there is no such folder", id="folder"
        ),
        pytest.param({"chaos": "no.yml"}, "no.yml cannot be read: No such file", id="no chaos"),
        pytest.param({"chaos": "bad.yml"}, "earthquake", id="bad chaos"),
        pytest.param(
            {"latencies": "bad.yml"},
            "bad.yml has latencies that cannot be: 2 faults\n  ach (line 1): must",
            id="bad latency",
        ),
        pytest.param({"latencies": "list.yml"}, "latencies are a mapping", id="no latencies"),
        pytest.param(
            {"answers": "no.json"},
            "cannot read the answers in no.json: No such file or directory\n",
            id="answers",
        ),
        pytest.param({"allow_callback": ["10.0.0.0/33"]}, "allow", id="network"),
        pytest.param({"listen": "8080"}, "cannot listen on '8080'", id="listen"),
        pytest.param(
            {"listen": "192.0.2.1:80"},
            "cannot listen on '192.0.2.1:80': Cannot assign requested address\n",
            id="not ours",
        ),
        pytest.param({"admin": "8080"}, "cannot listen on '8080'", id="admin"),
        pytest.param({"toxiproxy": "::1"}, "cannot listen on '::1'", id="toxiproxy"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yml").write_text("ach: [1]\nchaos: [{kind: earthquake, target: ach}]\n")
    (tmp_path / "list.yml").write_text("- 1\n")
    assert run_guarded(lambda: serve_command(**options)) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Errno" not in said
    assert said.count("\n") == 1 or " faults\n" in said


def test_learned_latencies_are_taken_as_json(tmp_path: Path) -> None:
    path = tmp_path / "learned.json"
    path.write_bytes(orjson.dumps(LEARNED))
    assert read_latencies(path) == {"ach POST /payments": {"model": "fixed", "ms": 30.0}}
    path.write_text("ach: 12\n")
    assert read_latencies(path) == {"ach": 12}


@pytest.mark.parametrize(
    "text", ["- {kind: hang, target: ach}", "chaos: [{kind: hang, target: ach}]"]
)
def test_faults_are_a_list_or_under_chaos(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chaos.yml"
    path.write_text(text)
    (fault,) = read_chaos(path)
    assert fault["kind"] == "hang"
