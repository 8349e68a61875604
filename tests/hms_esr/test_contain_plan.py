"""What is decided before there is a jail: the plan, the variables, the sockets, the account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.contain import choose_canaries
from hms_esr.containment.account import sum_up
from hms_esr.containment.doors import (
    FORWARD,
    GATEWAY,
    Home,
    build_arguments,
    last_words,
    record_of,
)
from hms_esr.containment.jail import ask_only_dns
from hms_esr.containment.plan import (
    DOOR,
    PROXY_PORT,
    Listening,
    Plan,
    choose_listenings,
    parse_plan,
)
from hms_esr.containment.proof import build_proof
from hms_esr.containment.surroundings import build_surroundings
from hms_esr.containment.ways_round import folders_to_cover, parse_unix_table
from switchboard.interlock import HmacKey, check_document
from switchboard.rules import Rules

OWN = "/tmp/esr-contain-1"  # a name only
UNIX_TABLE = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17032 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 17041
0000000000000000: 00000002 00000000 00010000 0001 01 17050 @/tmp/.X11-unix/X0
0000000000000000: 00000002 00000000 00010000 0001 01 17051 /tmp/.X11-unix/X0
0000000000000000: 00000002 00000000 00010000 0001 01 17052 /tmp/with a space
0000000000000000: 00000003 00000000 00000000 0001 03 17060 /run/docker.sock
"""


def a_plan(command: tuple[str, ...], environment: Mapping[str, str]) -> Plan:
    return Plan(
        way="user namespace",
        command=command,
        environment=environment,
        folder="/",
        listenings=choose_listenings(frozenset({8443}), has_proxy=True),
        canaries=(("192.0.2.1", 443),),
        denied_hosts=("esr-canary.hms.gov",),
        own=OWN,
        covered=("/run",),
        sockets=("/tmp/.X11-unix/X0",),
        hidden=("/home/u/.esr/interlock.key",),
    )


# What a command line may hold on Linux, also what is no UTF-8.
words = st.text(st.characters(exclude_characters="\0", exclude_categories=())).map(
    lambda text: text.encode("utf-8", "replace").decode("utf-8", "surrogateescape")
) | st.binary().map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))


@given(st.lists(words, min_size=1).map(tuple), st.dictionaries(words, words))
def test_a_plan_comes_back_as_it_was(command: tuple[str, ...], environment: dict[str, str]) -> None:
    plan = a_plan(command, environment)
    assert parse_plan(plan.to_bytes()) == plan


@pytest.mark.parametrize(
    ("ports", "has_proxy", "tcp"),
    [
        pytest.param(set(), False, [80, 443], id="web alone"),
        pytest.param(set(), True, [PROXY_PORT, 80, 443], id="with a proxy"),
        pytest.param({8443, 80}, False, [80, 443, 8443], id="a port of the rules"),
        pytest.param({53, PROXY_PORT}, True, [PROXY_PORT, 80, 443], id="ports that are taken"),
    ],
)
def test_the_sockets_of_a_jail(ports: set[int], has_proxy: bool, tcp: list[int]) -> None:
    made = choose_listenings(frozenset(ports), has_proxy=has_proxy)
    assert made[:2] == (
        Listening("dns-udp", "127.0.0.1", 53),
        Listening("dns-tcp", "127.0.0.1", 53),
    )
    assert [each.port for each in made[2:]] == tcp
    assert {each.host for each in made[2:]} == {DOOR}


class TestSurroundings:
    def test_proxy_settings_lead_to_the_door_and_nowhere_else(self) -> None:
        said = {"http_proxy": "http://corp:1", "NO_PROXY": "*.gov", "no_proxy": "*", "HOME": "/h"}
        built = build_surroundings(said, (), OWN, has_proxy=True)
        proxies = {value for name, value in built.items() if name.lower().endswith("s_proxy")}
        assert proxies == {f"http://{DOOR}:{PROXY_PORT}"}
        assert built["http_proxy"] == built["HTTP_PROXY"] == built["ALL_PROXY"] == proxies.pop()
        assert built["NO_PROXY"] == built["no_proxy"] == ""
        assert built["HOME"] == "/h"

    def test_without_a_proxy_there_is_no_proxy_setting(self) -> None:
        built = build_surroundings(
            {"HTTPS_PROXY": "x", "SSL_CERT_FILE": "y"}, (), OWN, has_proxy=False
        )
        assert "HTTPS_PROXY" not in built
        assert built["SSL_CERT_FILE"] == "y"

    def test_the_doors_authority_is_trusted(self) -> None:
        built = build_surroundings({"SSL_CERT_DIR": "/d"}, (), OWN, has_proxy=True)
        assert built["SSL_CERT_FILE"] == built["NODE_EXTRA_CA_CERTS"] == f"{OWN}/ca.pem"
        assert "SSL_CERT_DIR" not in built

    @pytest.mark.parametrize("name", ["ESR_SVC_TOKEN", "ESR_TOKEN", "DOCKER_HOST", "SSH_AUTH_SOCK"])
    def test_what_the_command_does_not_need_it_does_not_get(self, name: str) -> None:
        built = build_surroundings({name: "x"}, ("ESR_SVC_TOKEN",), OWN, has_proxy=True)
        assert name not in built


def test_the_table_of_unix_sockets() -> None:
    """Abstract names belong to the network and are left there; a path is listed once."""
    assert parse_unix_table(UNIX_TABLE) == (
        "/run/docker.sock",
        "/tmp/.X11-unix/X0",
        "/tmp/with a space",
    )


def test_folders_are_covered_once(tmp_path: Path) -> None:
    outside, below = tmp_path / "sockets", Path("/run/below")
    outside.mkdir()
    covered = folders_to_cover({"XDG_RUNTIME_DIR": str(outside)})
    assert str(outside) in covered
    assert str(below) not in folders_to_cover({"XDG_RUNTIME_DIR": str(below)})
    assert "/" not in folders_to_cover({"XDG_RUNTIME_DIR": "/"})


def test_host_names_come_from_files_and_dns_alone() -> None:
    text = "passwd: files sss\nhosts: files mdns4_minimal [NOTFOUND=return] resolve dns\n"
    assert ask_only_dns(text) == "passwd: files sss\nhosts: files dns\n"


def test_canaries_are_asked_also_where_no_rule_wants_them() -> None:
    rules = Rules((), "r", deny_hosts=("*.hms.gov", "pay.example"))
    hosts = [each.host for each in choose_canaries(rules)]
    assert hosts == ["192.0.2.1", "esr-canary.hms.gov", "pay.example"]


def test_the_arguments_of_doors() -> None:
    home = Home(Path("/o"), Path("/o/rules/switchboard.yml"), Path("/w/drill.ndjson"), {})
    gateway = build_arguments(GATEWAY, home)
    assert gateway[0] == "gateway"
    assert "--ca-dir" not in gateway
    assert gateway[gateway.index("--record") + 1] == "/w/drill-gateway.ndjson"
    forward = build_arguments(FORWARD, home)
    assert forward[:3] == ["proxy", "--mode", "forward"]
    assert forward[forward.index("--ca-dir") + 1] == "/o/authority"
    # A mode file of the user's could be flipped by the command.
    assert gateway[gateway.index("--mode-file") + 1] == "/o/switchboard.mode"


def test_each_door_records_into_a_file_of_its_own() -> None:
    assert record_of(Path("/a/b.c.ndjson"), "forward") == Path("/a/b.c-forward.ndjson")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "it said nothing", id="nothing"),
        pytest.param("one\nesr: port taken\n\n", "port taken", id="the last line"),
        pytest.param("x" * 9000, "x" * 4096, id="one long line"),
    ],
)
def test_last_words(tmp_path: Path, text: str, words: str) -> None:
    log = tmp_path / "log"
    log.write_text(text, encoding="utf-8")
    assert last_words(log) == words


def test_what_the_jail_proves_is_signed_and_sound() -> None:
    rules = Rules((), "r", deny_hosts=("*.hms.gov",), digest="d")
    key = HmacKey(b"k" * 32)
    document = build_proof(
        run_id="CONTAIN-1",
        rules=rules,
        canaries=choose_canaries(rules),
        rounds=2,
        no_route=3,
        way="root",
        written="2020-03-15T09:30:00.250Z",
        signer=key,
    )
    assert check_document(document, [key]) == []
    assert document["attempts_refused"] == 3
    assert [each["target"] for each in document["canaries"]["results"]] == [
        "192.0.2.1:443",
        "[2001:db8::1]:443",
        "esr-canary.hms.gov:443",
    ]


def row(address: str, port: int, count: int) -> dict[str, Any]:
    return {"address": address, "port": port, "requests": count}


class TestAccount:
    def test_doors_are_added_up(self) -> None:
        account = sum_up(
            {
                "gateway": {"contacted": [row("127.0.0.1", 9001, 3)], "refused": [{"attempts": 2}]},
                "forward": {"contacted": [row("", 0, 4)], "refused": [{"attempts": 1}]},
            },
            {("127.0.0.1", 9001)},
            no_route=1,
        )
        assert str(account) == (
            "contained: 0 connections to production, 4 attempts refused (3 by the doors, 1 without "
            "a route), 7 requests to the sandbox"
        )

    def test_an_address_that_no_rule_names_is_production(self) -> None:
        account = sum_up(
            {"gateway": {"contacted": [row("127.0.0.1", 9002, 1)], "refused": []}},
            {("127.0.0.1", 9001)},
            no_route=0,
        )
        assert str(account).startswith("contained: 1 connection to production")

    def test_what_was_not_heard_is_not_counted_as_nothing(self) -> None:
        account = sum_up({"gateway": None, "forward": {}}, (), no_route=0)
        assert str(account).endswith("; not counted: what went through gateway")
