"""An explanation is the door's own decision, says which rule made it, and shows no secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.curl import parse_curl
from switchboard.decide import Ask, ask_of, decide
from switchboard.explain import Explanation, explain, hidden_target, request_of_url
from switchboard.rules import Mode, Rules
from switchboard.rules_reader import parse_rules

FILE: dict[str, Any] = {
    "routes": [
        {
            "host": "api.hms.example",
            "path": "/v1",
            "methods": ["POST"],
            "ports": [443],
            "to": {"name": "svc", "address": "127.0.0.1", "port": 9001, "host": "svc.sandbox.test"},
            "edit": {"strip_prefix": "/v1", "prefix": "/sandbox", "headers": {"drop": ["x-old"]}},
        },
        {"host": "*.hms.example", "to": {"name": "rest", "address": "127.0.0.1", "port": 9002}},
        {
            "host": ["ach.treasury.example", "eft.treasury.example"],
            "stub": "ach",
            "live": {"name": "prod", "address": "127.0.0.2", "port": 80},
        },
    ],
    "credentials": {
        "inject": [
            {"upstream": "svc", "header": "Authorization", "from_env": "T", "prefix": "Bearer "}
        ]
    },
    "tags": {"labels": {"team": "blue"}},
    "deny": {"hosts": ["*.hms.gov", "prod.hms.example"], "networks": ["203.0.113.0/24"]},
}
LINES = {"routes[0]": 3, "routes[1]": 9, "routes[2]": 10, "deny.hosts[0]": 20, "deny.hosts[1]": 21}


def rules_of(mapping: dict[str, Any] | None = None) -> Rules:
    return parse_rules(mapping or FILE, source="switchboard.yml", line_of=LINES.get)


def told(request: str, mode: Mode = "sandbox", server_name: str | None = None) -> Explanation:
    asked = parse_curl(request) if request.startswith("curl") else request_of_url(request)
    return explain(asked, rules_of(), mode, line_of=LINES.get, server_name=server_name)


def test_a_request_that_is_forwarded() -> None:
    found = told("curl -d x -H 'X-Old: 1' -u me:hunter2 https://api.hms.example/v1/x?token=hunter2")
    assert not found.is_refused
    assert found.sentence == (
        "forwarded to the sandbox: svc at http://127.0.0.1:9001, by routes[0] (switchboard.yml:3)"
    )
    assert found.request == "POST https://api.hms.example/v1/x?token=(hidden)"
    assert found.target_before == "/v1/x?token=(hidden)"
    assert found.target_after == "/sandbox/x?token=sandbox"
    assert found.dropped == ("X-Old", "Authorization")
    added = dict(found.added)
    assert added["Host"] == "svc.sandbox.test"
    assert added["Authorization"] is None
    assert (added["x-esr-env"], added["x-esr-label-team"]) == ("sandbox", "blue")
    assert "hunter2" not in str(found.to_json())


def test_every_rule_that_was_looked_at_before_says_why_it_did_not_match() -> None:
    found = told("https://web.hms.example/")
    assert [(each.rule, each.line, each.why) for each in found.looked] == [
        ("deny.hosts[0]", 20, "web.hms.example is not *.hms.gov"),
        ("deny.hosts[1]", 21, "web.hms.example is not prod.hms.example"),
        ("deny.networks[0]", None, "web.hms.example is a name, and names are not resolved"),
        ("routes[0]", 3, "web.hms.example is not api.hms.example"),
    ]
    assert found.rule == "routes[1]"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("curl http://api.hms.example/v1 -d x", "it takes other ports: 443"),
        ("curl https://api.hms.example/v2 -d x", "it takes other paths: /v1"),
        ("curl https://api.hms.example/v1", "it takes other methods: POST"),
    ],
)
def test_the_part_that_does_not_fit_is_named(request_: str, why: str) -> None:
    assert told(request_).looked[-1].why == why


@pytest.mark.parametrize(
    ("request_", "rule", "line"),
    [
        ("https://portal.hms.gov/x", "deny.hosts[0]", 20),
        ("https://prod.hms.example/x", "deny.hosts[1]", 21),
        ("http://203.0.113.9/", "deny.networks[0]", None),
        ("https://nobody.example/", "unmapped-host", None),
        ("http://prod@api.hms.example/", "bad-host", None),
        ("http://2130706433/", "bad-host", None),
        ("http://h/../x", "bad-target", None),
        ("http://h\\@x/", "bad-host", None),
        ("ftp://api.hms.example/", "not-plain-http", None),
        ("api.hms.example", "not-plain-http", None),
        ("http:///x", "no-host", None),
        ("", "not-plain-http", None),
        ("curl http://a.hms.example -H 'Host: b' -H 'Host: c'", "bad-request", None),
    ],
)
def test_refusals(request_: str, rule: str, line: int | None) -> None:
    found = told(request_)
    assert found.is_refused
    assert (found.rule, found.line) == (rule, line)
    assert found.sentence.endswith("nothing would be dialled")
    assert found.destination is None
    assert found.added == ()


def test_a_stub_answers_in_place() -> None:
    found = told("https://eft.treasury.example/pay")
    assert found.sentence == "answered in place by the stub ach, by routes[2] (switchboard.yml:10)"
    assert found.to_json()["decision"] == "stub"


def test_live_is_said_loudly() -> None:
    found = told("https://eft.treasury.example/pay", "live")
    assert found.sentence.startswith("LIVE: passed untouched to prod at http://127.0.0.2")
    assert found.to_json()["decision"] == "live"


def test_live_without_an_upstream_names_the_route_that_took_it() -> None:
    found = told("https://web.hms.example/", "live")
    assert found.rule == "no-live-upstream"
    assert found.looked[-1].why == "it names no live upstream"


def test_a_host_header_decides_and_the_disagreement_is_noted() -> None:
    found = told("curl http://127.0.0.1:8080/x -H 'Host: web.hms.example'")
    assert found.rule == "routes[1]"
    assert "disagree" in found.notes[0]
    assert told("curl http://WEB.hms.example/x -H 'Host: web.hms.example'").notes == ()


def test_domain_fronting_is_refused() -> None:
    assert told("https://web.hms.example/", server_name="cdn.example").rule == "host-mismatch"
    assert told("https://web.hms.example/", server_name="a b").rule == "host-mismatch"
    assert told("https://web.hms.example/", server_name="WEB.hms.example.").rule == "routes[1]"


def test_what_makes_curl_dial_elsewhere_is_noted() -> None:
    (note,) = told("curl --resolve web.hms.example:80:203.0.113.9 http://web.hms.example/").notes
    assert note.startswith("curl would dial elsewhere: --resolve web.hms.example:80:203.0.113.9")


def test_a_fragment_never_travels() -> None:
    assert told("https://web.hms.example#token=1").target_before == "/"
    assert told("https://web.hms.example?x#y").target_before == "/?x"


def test_another_request_target_is_what_is_judged() -> None:
    assert told("curl http://web.hms.example/x --request-target /y").target_before == "/y"
    found = told("curl http://web.hms.example/x --request-target http://portal.hms.gov/")
    assert found.rule == "bad-target"


def test_web_sockets_are_asked_for_as_http() -> None:
    assert told("wss://web.hms.example/live").rule == "routes[1]"


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/x", "/x"),
        ("/x?a=1&token=s3cret&b=2", "/x?a=1&token=(hidden)&b=2"),
        ("/x;jsessionid=s3cret?a", "/x;jsessionid=(hidden)?a"),
        ("/x?next=/y?token=s3cret", "/x?next=(hidden)"),
        ("/x?a=AKIAABCDEFGHIJKLMNOP", "/x?a=(hidden)"),
        ("/AKIAABCDEFGHIJKLMNOP", "/sandbox"),
    ],
)
def test_secrets_in_a_target_are_hidden(target: str, shown: str) -> None:
    assert hidden_target(target) == shown


@given(
    st.sampled_from(["http://", "https://", "//", "", "wss://"]),
    st.sampled_from(["web.hms.example", "portal.hms.gov", "203.0.113.9", "x@y", ""]) | st.text(),
    st.text("/.%2e?&;=#\\ a"),
)
def test_an_explanation_is_what_the_door_decides(scheme: str, host: str, rest: str) -> None:
    found = told(scheme + host + rest)
    assert found.sentence.isprintable()
    assert found.request.isascii()
    split = (scheme + host + rest).partition("://")
    if found.is_refused or "#" in rest or "/" in host or "?" in host or "#" in host:
        return
    cut = next((at for at, char in enumerate(split[2]) if char in "/?"), len(split[2]))
    target = split[2][cut:]
    asked = ask_of(
        split[0].replace("ws", "http"),
        split[2][:cut],
        "GET",
        target if target[:1] == "/" else f"/{target}",
    )
    assert isinstance(asked, Ask)
    assert decide(rules_of(), "sandbox", asked) == found.decision
