"""Deciding: refusal is the default, deny wins, and no spelling finds another way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.decide import (
    LONGEST_AUTHORITY,
    LONGEST_TARGET,
    OURS,
    REFUSALS,
    Ask,
    Forward,
    FromStub,
    Refuse,
    ask_of,
    decide,
    host_is_constant,
    problem,
    refuse,
)
from switchboard.rules import Mode, Rules
from switchboard.rules_reader import parse_rules

SVC = {"name": "svc", "address": "127.0.0.1", "port": 9001}
PROD = {"name": "prod", "address": "127.0.0.2", "port": 80}


def rules_of(*routes: dict[str, Any], **more: Any) -> Rules:
    mapping = {"routes": list(routes), **more}
    return parse_rules(mapping, source="switchboard.yml", line_of=lambda _: None)


RULES = rules_of(
    {"host": "api.hms.example", "path": "/v1", "methods": ["POST"], "ports": [443], "to": SVC},
    {"host": "*.hms.example", "path": "/pay", "stub": "ach"},
    {"host": "*.hms.example", "to": "svc", "live": PROD},
    {"host": ["*", "198.51.100.9"], "path": "/any", "to": "svc"},
    deny={"hosts": ["*.hms.gov", "prod.hms.example"], "networks": ["203.0.113.0/24", "127.0.0.9"]},
)


def asked(authority: str, target: str = "/", scheme: str = "https", method: str = "GET") -> Ask:
    found = ask_of(scheme, authority, method, target)
    assert isinstance(found, Ask), found
    return found


def rule_of(ask: Ask | Refuse, mode: Mode = "sandbox") -> str:
    return ask.rule if isinstance(ask, Refuse) else decide(RULES, mode, ask).rule


@pytest.mark.parametrize(
    ("authority", "scheme", "host", "port"),
    [
        ("a.example", "https", "a.example", 443),
        ("a.example", "http", "a.example", 80),
        ("A.Example.:8080", "http", "a.example", 8080),
        ("[::1]:80", "http", "::1", 80),
        ("[::FFFF:127.0.0.1]", "http", "127.0.0.1", 80),
        ("[2001:DB8::1]", "https", "2001:db8::1", 443),
        ("203.0.113.9", "http", "203.0.113.9", 80),
        ("xn--hm-2ja.gov", "https", "xn--hm-2ja.gov", 443),
    ],
)
def test_an_authority_has_one_reading(authority: str, scheme: str, host: str, port: int) -> None:
    ask = asked(authority, scheme=scheme)
    assert (ask.host, ask.port) == (host, port)


@pytest.mark.parametrize(
    "authority",
    [
        "prod@sandbox",
        "api.hms.example@portal.hms.gov",
        "user:pass@api.hms.example",
        "api.hms.example:80@portal.hms.gov",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.1",
        "127.0.0.01",
        "1.2.3.256",
        "api.hms.example:",
        "api.hms.example:0",
        "api.hms.example:65536",
        "api.hms.example:999999",
        "api.hms.example:+80",
        "api.hms.example:80:80",
        "api.hms.example:8o",
        "::1",
        "[::1",
        "[::1]x",
        "[::1%eth0]",
        "[v1.x]",
        "[127.0.0.1]",
        "api..hms.example",
        ".hms.example",
        "api.hms.example..",
        "-a.example",
        "api hms.example",
        "api.hms.example ",
        " api.hms.example",
        "api.hms.example\t",
        "api.hms.example\r\nHost: portal.hms.gov",
        "api.hms.example\0.hms.gov",
        "api.hms.example/portal.hms.gov",
        "api.hms.example?x",
        "api.hms.example#x",
        "api.hms.example\\portal.hms.gov",
        "api.hms.example%2eevil",
        "api.hms.example,portal.hms.gov",
        "*",
        "*.hms.example",
        "h\N{CYRILLIC SMALL LETTER EM}s.example",
        "api\N{IDEOGRAPHIC FULL STOP}hms.example",
        "\N{FULLWIDTH DIGIT ONE}27.0.0.1",
        "a" * 64 + ".example",
        "a." * 200 + "example",
        "a" * (LONGEST_AUTHORITY + 1),
    ],
)
def test_a_host_that_can_be_read_in_two_ways_is_refused(authority: str) -> None:
    found = ask_of("http", authority, "GET", "/")
    assert isinstance(found, Refuse)
    assert (found.rule, found.status) == ("bad-host", 400)
    assert found.reason.isascii()
    assert found.reason.isprintable()
    assert "pass@" not in found.reason


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/a/b.c",
        "/a//b",
        "/a/...",
        "/.well-known/x",
        "/a.../b",
        "/100%25",
        "/a%2Fb",
        "/a%20b",
        "/x?../..",
        "/x?u=http://portal.hms.gov//..",
        "/x?%00",
        "/a:b@c;d=e,f",
        "/%zz",
        "/[1]",
    ],
)
def test_plain_targets(target: str) -> None:
    assert asked("a.example", target).target == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "x",
        "*",
        "?x",
        "http://portal.hms.gov/",
        "https://api.hms.example/",
        "//portal.hms.gov/",
        "///portal.hms.gov",
        "/\\portal.hms.gov",
        "\\\\portal.hms.gov",
        "/a\\..\\b",
        "/a?x\\y",
        "/..",
        "/.",
        "/../x",
        "/a/./b",
        "/a/..",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/.%2e",
        "/a/%252e%252e/b",
        "/a/%25252e%25252e/b",
        "/a/%2525252525252e/b",
        "/a%2f..%2fb",
        "/a/..%2fb",
        "/a%252f..%252fb",
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a%5c..%5cb",
        "/a%255cb",
        "/a%00b",
        "/a%2500b",
        "/a#b",
        "/a b",
        "/a\tb",
        "/a\r\nHost: x",
        "/a\0b",
        "/\N{SNOWMAN}",
        "/\xe9",
        "/\x7f",
        "/" + "a" * LONGEST_TARGET,
    ],
)
def test_a_target_that_is_no_plain_path_is_refused(target: str) -> None:
    found = ask_of("http", "api.hms.example", "GET", target)
    assert isinstance(found, Refuse)
    assert (found.rule, found.status) == ("bad-target", 400)


def test_only_options_may_ask_for_the_whole_server() -> None:
    assert asked("a.example", "*", method="OPTIONS").target == "*"


@pytest.mark.parametrize(
    ("scheme", "authority", "method", "rule"),
    [
        ("http", "", "GET", "no-host"),
        ("ftp", "a.example", "GET", "not-plain-http"),
        ("", "a.example", "GET", "not-plain-http"),
        ("HTTP", "a.example", "GET", "not-plain-http"),
        ("http", "a.example", "", "bad-request"),
        ("http", "a.example", "G T", "bad-request"),
        ("http", "a.example", "GET\r\n", "bad-request"),
        ("http", "a.example", "G\0T", "bad-request"),
    ],
)
def test_what_is_no_request(scheme: str, authority: str, method: str, rule: str) -> None:
    assert rule_of(ask_of(scheme, authority, method, "/")) == rule


@pytest.mark.parametrize(
    ("authority", "target", "method", "rule"),
    [
        ("api.hms.example", "/v1", "POST", "routes[0]"),
        ("api.hms.example", "/v1/x?y", "POST", "routes[0]"),
        ("API.HMS.EXAMPLE.", "/v1/", "POST", "routes[0]"),
        ("api.hms.example:443", "/v1", "POST", "routes[0]"),
        ("api.hms.example:444", "/v1", "POST", "routes[2]"),
        ("api.hms.example", "/v10", "POST", "routes[2]"),
        ("api.hms.example", "/V1", "POST", "routes[2]"),
        ("api.hms.example", "/v1", "GET", "routes[2]"),
        ("api.hms.example", "/v1", "post", "routes[2]"),
        ("web.hms.example", "/pay/77", "POST", "routes[1]"),
        ("a.b.hms.example", "/", "GET", "routes[2]"),
        ("hms.example", "/any", "GET", "routes[3]"),
        ("hms.example", "/", "GET", "unmapped-path"),
        ("evilhms.example", "/", "GET", "unmapped-path"),
        ("api.hms.example.evil", "/any/x", "GET", "routes[3]"),
        ("portal.hms.gov", "/any", "GET", "deny.hosts[0]"),
        ("PORTAL.HMS.GOV.", "/any", "GET", "deny.hosts[0]"),
        ("a.b.hms.gov:8443", "/any", "GET", "deny.hosts[0]"),
        ("prod.hms.example", "/v1", "POST", "deny.hosts[1]"),
        ("203.0.113.9", "/any", "GET", "deny.networks[0]"),
        ("203.0.113.9:8080", "/any", "GET", "deny.networks[0]"),
        ("[::ffff:203.0.113.9]", "/any", "GET", "deny.networks[0]"),
        ("[::ffff:cb00:7109]", "/any", "GET", "deny.networks[0]"),
        ("127.0.0.9", "/any", "GET", "deny.networks[1]"),
        ("[::ffff:127.0.0.9]", "/any", "GET", "deny.networks[1]"),
        ("198.51.100.9", "/any", "GET", "routes[3]"),
    ],
)
def test_decisions(authority: str, target: str, method: str, rule: str) -> None:
    assert rule_of(ask_of("https", authority, method, target)) == rule


def test_a_stub_and_a_destination() -> None:
    stub = decide(RULES, "sandbox", asked("web.hms.example", "/pay"))
    assert isinstance(stub, FromStub)
    assert stub.stub == "ach"
    forward = decide(RULES, "sandbox", asked("web.hms.example"))
    assert isinstance(forward, Forward)
    assert (forward.to.endpoint, forward.is_live) == (("127.0.0.1", 9001), False)


@pytest.mark.parametrize(
    ("routes", "target", "method", "port", "rule"),
    [
        ([], "/", "GET", 443, "unmapped-host"),
        ([{"ports": [80]}], "/", "GET", 443, "unmapped-port"),
        ([{"path": "/x"}, {"ports": [80]}], "/", "GET", 443, "unmapped-path"),
        ([{"path": "/x"}, {"methods": ["PUT"]}], "/", "GET", 443, "unmapped-method"),
    ],
)
def test_the_nearest_miss_is_named(
    routes: list[dict[str, Any]], target: str, method: str, port: int, rule: str
) -> None:
    rules = rules_of(
        {"host": "other.example", "to": SVC}, *({"host": "a", "to": SVC} | r for r in routes)
    )
    found = decide(rules, "sandbox", Ask("https", "a", port, method, target))
    assert (found.rule, getattr(found, "status", None)) == (rule, OURS)


def test_live_passes_only_where_a_live_upstream_is_named() -> None:
    live = decide(RULES, "live", asked("web.hms.example"))
    assert isinstance(live, Forward)
    assert (live.rule, live.to.name, live.is_live) == ("routes[2].live", "prod", True)
    assert rule_of(asked("web.hms.example", "/pay"), "live") == "no-live-upstream"
    assert rule_of(asked("x", "/any"), "live") == "no-live-upstream"


def test_deny_wins_in_live_mode_too() -> None:
    assert rule_of(asked("portal.hms.gov", "/any"), "live") == "deny.hosts[0]"
    assert rule_of(asked("prod.hms.example"), "live") == "deny.hosts[1]"


def test_without_rules_everything_is_refused() -> None:
    for mode in ("sandbox", "live"):
        found = decide(None, mode, asked("api.hms.example"))
        assert (found.rule, getattr(found, "status", None)) == ("no-rules", OURS)


@pytest.mark.parametrize("mode", ["", "LIVE", "production", None, 1])
def test_a_mode_that_is_none_forwards_nothing(mode: Any) -> None:
    assert isinstance(decide(RULES, mode, asked("web.hms.example")), Refuse)


HOSTS = st.sampled_from(
    ["api.hms.example", "web.hms.example", "prod.hms.example", "portal.hms.gov", "203.0.113.9",
     "[::ffff:203.0.113.9]", "127.0.0.9", "127.0.0.1", "localhost", "[::1]", "x@y", "2130706433",
     "xn--hms-gov.example", "api.hms.example:443", "api.hms.example."]
) | st.text(max_size=30)  # fmt: skip
TARGETS = st.sampled_from(["/", "/v1", "/pay/1", "/any", "/v1/../x", "//x"]) | st.text(
    "/.%2eE5cC?&;#\\ \0ab", max_size=12
)
METHODS = st.sampled_from(["GET", "POST", "CONNECT", "PUT"]) | st.text(max_size=5)


@given(st.sampled_from(["http", "https", "ftp"]), HOSTS, METHODS, TARGETS)
def test_whatever_comes_in_nothing_outside_the_allow_set_is_dialled(
    scheme: str, authority: str, method: str, target: str
) -> None:
    modes: tuple[Mode, Mode] = ("sandbox", "live")
    for mode in modes:
        ask = ask_of(scheme, authority, method, target)
        found = ask if isinstance(ask, Refuse) else decide(RULES, mode, ask)
        if isinstance(found, Forward):
            assert found.to.endpoint in RULES.endpoints(mode)
            assert found.is_live == (mode == "live")
            assert isinstance(ask, Ask)
            assert not ask.host.endswith(".hms.gov")
            assert not ask.host.startswith("203.0.113.")


@given(HOSTS, TARGETS)
def test_what_is_denied_stays_denied_in_every_spelling(host: str, target: str) -> None:
    denied = rules_of({"host": "*", "to": SVC}, deny={"hosts": ["*.gov"]})
    ask = ask_of("http", f"{host}.gov", "GET", target)
    found = ask if isinstance(ask, Refuse) else decide(denied, "sandbox", ask)
    assert isinstance(found, Refuse)


def test_a_host_is_decided_once_only_where_nothing_else_matters() -> None:
    rules = rules_of(
        {"host": "a", "path": "/x", "to": SVC},
        {"host": "*.b", "to": "svc"},
        {"host": "c", "stub": "s"},
    )
    assert [host_is_constant(rules, host) for host in ("a", "x.b", "c", "nobody")] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("rule", REFUSALS)
def test_every_refusal_is_a_problem_document(rule: str) -> None:
    status, headers, body = problem(refuse(rule, "more"), "me:hunter2@h\r\nx")
    assert dict(headers)["x-esr-refused"] == rule
    assert dict(headers)["content-type"] == "application/problem+json"
    assert dict(headers)["content-length"] == str(len(body))
    document = json.loads(body)
    assert document["status"] == status == REFUSALS[rule][0]
    assert document["detail"].endswith(": more")
    assert "hunter2" not in body.decode()
    assert status == OURS or 400 <= status <= 511


def test_a_rule_of_the_file_keeps_its_place() -> None:
    status, headers, body = problem(refuse("deny.hosts[3]"), "portal.hms.gov")
    assert dict(headers)["x-esr-refused"] == "deny.hosts[3]"
    assert json.loads(body)["type"] == "urn:esr:refused:deny.hosts"
    assert status == OURS
