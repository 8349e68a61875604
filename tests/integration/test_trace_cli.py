"""A foreign log from first look to scorecard, by the installed commands and at a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.esr import ACCESS_LOG, BIN, environment, esr, run_folders
from tests.integration.recording_server import RecordingServer

SSN = "219-09-1234"
LINE = (
    '192.0.2.{n} - - [15/Mar/2020:12:00:0{n} +0000] "GET /p/{n}{query} HTTP/1.1" 200 5 "-" "curl"\n'
)
HARS = {
    "chrome_github.com_home.har": ["har", 20, 20],
    "firefox_h2_filamentgroup.com.har": ["har", 15, 10],
}


def write_log(path: Path, query: str = "") -> str:
    lines = [LINE.format(n=number, query="") for number in range(1, 5)]
    path.write_text("".join(lines) + LINE.format(n=5, query=query))
    return path.name


def test_a_log_with_one_planted_ssn_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    log = write_log(tmp_path / "access.log", f"?ssn={SSN}")
    with RecordingServer() as server:
        ran = esr(tmp_path, log, "--target", server.url, "--speed", "max",
                  script="esr-replay")  # fmt: skip
        assert ran.code == 97
        assert server.requests == []
        assert server.connections == 0
    assert "1 ssn; first at access.log:5 url.query.ssn" in ran.err
    assert "--anonymise" in ran.err
    assert SSN not in ran.out + ran.err
    assert run_folders(tmp_path) == []
    assert list((tmp_path / "home").rglob("tape.json")) == []


def test_cleaned_on_the_way_it_plays(tmp_path: Path) -> None:
    log = write_log(tmp_path / "access.log", f"?ssn={SSN}")
    own = {"XDG_CONFIG_HOME": str(tmp_path / "settings")}
    with RecordingServer() as server:
        ran = esr(tmp_path, log, "--target", server.url, "--speed", "max", "--anonymise",
                  "--json", "-", script="esr-replay", env=own)  # fmt: skip
        assert ran.code == 0, ran.err
        targets = [request.target for request in server.requests]
    assert len(targets) == 5
    (planted,) = [target for target in targets if "ssn=" in target]
    assert "ssn=666-" in planted
    assert "policy built_in" in ran.json["trace"]["anonymiser"]
    (key,) = (tmp_path / "settings").rglob("anonymise.key")
    assert key.stat().st_mode & 0o777 == 0o600
    secret = key.read_text().strip()
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            kept = file.read_bytes()
            assert SSN.encode() not in kept, file
            assert secret.encode() not in kept, file


def test_what_is_let_through_is_said_on_every_report(tmp_path: Path) -> None:
    log = write_log(tmp_path / "access.log", f"?ssn={SSN}")
    with RecordingServer() as server:
        ran = esr(tmp_path, log, "--target", server.url, "--speed", "max",
                  "--allow-kind", "ssn", script="esr-replay")  # fmt: skip
    assert ran.code == 0, ran.err
    assert "let through by --allow-kind: 1 ssn" in ran.out
    assert "let through by --allow-kind: 1 ssn" in esr(tmp_path, "runs", "show", "latest").out
    card = json.loads((run_folders(tmp_path)[-1] / "scorecard.json").read_text())
    assert card["trace"]["found"] == {"ssn": 1}


@pytest.mark.skipif(not ACCESS_LOG.exists(), reason=f"the real access log is not at {ACCESS_LOG}")
def test_info_counts_a_real_access_log(tmp_path: Path) -> None:
    info = esr(tmp_path, "trace", "info", str(ACCESS_LOG), "--json", "-").json
    lines = ACCESS_LOG.read_bytes().splitlines()
    assert info["entries"] == info["used"] + sum(info["skipped"].values()) == len(lines)
    statuses: dict[str, int] = {}
    methods: dict[str, int] = {}
    for line in lines:  # no quoted part of this log holds a quote before its status
        request, after = line.split(b'"', 3)[1:3]
        method, status = request.split(b" ")[0].decode(), after.split()[0].decode()
        statuses[status] = statuses.get(status, 0) + 1
        methods[method] = methods.get(method, 0) + 1
    assert info["statuses"] == statuses
    assert info["methods"] == methods
    assert info["window"] == {
        "from": "2015-05-17T10:05:00.000000000Z",
        "to": "2015-05-20T21:05:59.000000000Z",
        "seconds": 298859.0,
    }


@pytest.mark.parametrize("name", HARS)
def test_info_counts_a_real_har(name: str, tmp_path: Path) -> None:
    path = ACCESS_LOG.parents[1] / "har" / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not on this machine")
    info = esr(tmp_path, "trace", "info", str(path), "--json", "-").json
    assert [info["format"], info["entries"], info["used"]] == HARS[name]
    entries: list[dict[str, Any]] = json.loads(path.read_text("utf-8-sig"))["log"]["entries"]
    assert info["entries"] == len(entries)
    answered = [entry for entry in entries if entry["response"]["status"]]
    assert info["used"] == len(answered)
    assert sum(info["hosts"].values()) == len(answered)


def test_traces_pass_through_pipes(tmp_path: Path) -> None:
    write_log(tmp_path / "access.log")
    script = f"'{BIN}/esr' trace import - --out - | '{BIN}/esr' trace export - --to gor --out -"
    with (tmp_path / "access.log").open("rb") as log:
        ran = subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", script], stdin=log, cwd=tmp_path,
            env=environment(tmp_path / "home"), capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    requests = [part for part in ran.stdout.split("\n🐵🙈🙉\n".encode()) if part[:1] == b"1"]
    assert len(requests) == 5
