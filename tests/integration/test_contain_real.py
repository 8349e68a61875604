"""`esr contain` as a user starts it, with the product's doors: HTTP, TLS, refusals, a recording."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hms_esr.signing import load_verifiers
from switchboard.interlock import check_document, parse_document
from tests.integration.contain_runs import HOSTILE, Contained, needs_namespaces, run_in_world
from tests.integration.esr import BIN

pytest.importorskip("mitmproxy")
pytestmark = needs_namespaces

RULES = """\
routes:
  - {host: api.treasury.example, stub: ach}
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
credentials:
  inject: [{upstream: svc, header: Authorization, from_env: ESR_SVC_TOKEN, prefix: "Bearer "}]
deny: {hosts: ["*.hms.gov"], networks: ["203.0.113.0/24"]}
interlock: {canaries: true}
"""
CURL = 'curl -sS -o /dev/null -w "%{http_code} %header{x-esr-refused}\\n"'
PAID = "https://api.treasury.example/payments/PAY-1"


def contain(folder: Path, *command: str, options: tuple[str, ...] = ()) -> Contained:
    (folder / "switchboard.yml").write_text(RULES, encoding="utf-8")
    return run_in_world(folder, [str(BIN / "esr"), "contain", *options, "--", *command])


def interlocks(folder: Path) -> list[Path]:
    return sorted((folder / "home/switchboard").glob("interlock-*.json"))


def test_a_session(tmp_path: Path) -> None:
    """By proxy and past it, by HTTP and TLS, to the sandbox and to production."""
    lines = [
        f"{CURL} {PAID}",
        f'{CURL} --noproxy "*" {PAID}',
        f"{CURL} {PAID.replace('https', 'http')}",
        f'{CURL} --noproxy "*" {PAID.replace("https", "http")}',
        f'{CURL} --noproxy "*" https://pay.hms.gov/',
        f'{CURL} --noproxy "*" http://pay.hms.gov/',
        f'{CURL} --noproxy "*" http://nobody.example/',
        f"{CURL} http://203.0.113.7/",
        f'{CURL} --noproxy "*" http://203.0.113.7/',
        "exit 5",
    ]
    done = contain(
        tmp_path, "sh", "-c", "\n".join(lines), options=("--record", str(tmp_path / "t.ndjson"))
    )
    assert done.code == 5, done.err
    assert done.out.splitlines() == [
        *["200 "] * 4,
        *["599 deny.hosts[0]"] * 2,
        "599 unmapped-host",
        "599 deny.networks[0]",
        "000 ",
    ]
    assert done.reached == {}
    assert done.err.splitlines()[-1] == (
        "esr: contained: 0 connections to production, 5 attempts refused "
        "(4 by the doors, 1 without a route), 4 requests to the sandbox"
    )
    recorded = [
        json.loads(line)
        for part in ("gateway", "forward", "reverse")
        for line in (tmp_path / f"t-{part}.ndjson").read_text(encoding="utf-8").splitlines()
    ]
    assert len(recorded) == 4
    keys = load_verifiers({"ESR_HOME": str(tmp_path / "home")}, tmp_path)
    documents = [parse_document(file.read_bytes()) for file in interlocks(tmp_path)]
    assert [check_document(document, keys) for document in documents] == [[]] * 4
    (proof,) = [document for document in documents if document["door"] == "jail"]
    assert proof["attempts_refused"] == 1


def test_a_hostile_command_reaches_nothing_through_the_doors(tmp_path: Path) -> None:
    done = contain(tmp_path, *HOSTILE)
    assert done.code == 0, done.err
    ways = json.loads(done.out)
    assert [name for name, said in ways.items() if said == "out"] == []
    assert "599" in ways["a rule added"]
    assert done.reached == {}


def test_python_trusts_the_doors_and_nobody_else(tmp_path: Path) -> None:
    script = f"import urllib.request; print(urllib.request.urlopen({PAID!r}).status)"
    done = contain(tmp_path, sys.executable, "-I", "-c", script)
    assert (done.code, done.out) == (0, "200\n"), done.err
