"""What goes on to the sandbox: rebuilt, without the client's secrets, with the sandbox's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.decide import Ask, Forward, decide
from switchboard.edit_request import (
    HOP,
    MissingSecretError,
    Outgoing,
    edit_request,
    hop_header,
    is_loop,
)
from switchboard.headers import HOP_BY_HOP, is_token, is_value
from switchboard.rules import Mode, Rules
from switchboard.rules_reader import parse_rules

SVC = {"name": "svc", "address": "127.0.0.1", "port": 9001}
SECRETS = {"SVC_TOKEN": "sandbox-svc", "ACT_TOKEN": "sandbox-act", "file:key": "sandbox-key"}
S = "s3cret-0f-production"
"""Must never be found in what goes out."""


def rules_of(route: dict[str, Any] | None = None, **more: Any) -> Rules:
    routes = [
        {"host": "api.hms.example", "to": SVC, "live": {**SVC, "name": "prod", "port": 80}}
        | (route or {}),
        {"host": "act.hms.example", "to": {"name": "act", "address": "127.0.0.1", "port": 9002}},
    ]
    return parse_rules({"routes": routes, **more}, source="s.yml", line_of=lambda _: None)


def edit(
    *headers: tuple[str, str],
    target: str = "/",
    host: str = "api.hms.example",
    rules: Rules | None = None,
    mode: Mode = "sandbox",
    hop: str = "",
    port: int = 443,
) -> Outgoing:
    rules = rules or rules_of()
    ask = Ask("https", host, port, "GET", target)
    forward = decide(rules, mode, ask)
    assert isinstance(forward, Forward)
    return edit_request(ask, forward, headers, rules, SECRETS, hop)


def values(out: Outgoing, name: str) -> list[str]:
    return [value for key, value in out.headers if key.lower() == name.lower()]


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "authorization", "AUTHORIZATION", "Proxy-Authorization", "X-Api-Key",
        "x_api_key", "Api-Key", "X-Amz-Security-Token", "X-Amz-Date", "X-Goog-Iam-Authority",
        "X-Auth-Token", "X-CSRF-Token", "X-XSRF-TOKEN", "X-Session-Id", "X-Vault-Token",
        "Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-For", "X-Forwarded-Client-Cert",
        "Forwarded", "X-Real-IP", "DPoP", "Signature", "X-Hub-Signature-256", "X-User-Password",
        "X-Esr-Env", "x-esr-label-x", "Cookie", "Cookie2", "X-Original-Host", "Private-Key",
    ],
)  # fmt: skip
def test_credentials_go_out_by_name(name: str) -> None:
    out = edit((name, S), ("Accept", "*/*"))
    assert S not in str(out.headers)
    assert values(out, "accept") == ["*/*"]


@pytest.mark.parametrize(
    "value",
    [
        f"Bearer {S}",
        "basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256 Credential=x",
        "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJwcm9kIn0.c2ln",
        "AKIAABCDEFGHIJKLMNOP",
        "sk_live_abcdefgh1234",
        "https://user:pass@portal.hms.gov/",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_credentials_go_out_by_shape_wherever_they_stand(value: str) -> None:
    out = edit(("X-Anything", value), ("Referer", f"https://h/?token={S}"))
    assert value not in str(out.headers)
    assert values(out, "referer") == ["https://h/?token=sandbox"]


@pytest.mark.parametrize("name", ["x-esr-run", "x-esr-service", "x-esr-hop", "x-esr-request"])
@pytest.mark.parametrize(
    "value",
    ["eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJwcm9kIn0.c2ln", "sk_live_abcdefgh1234", "a b", "a\r\nb"],
)
def test_our_own_tags_carry_no_secret_along(name: str, value: str) -> None:
    assert value not in str(edit((name, value), hop="gw-1").headers)


@pytest.mark.parametrize(
    ("target", "goes"),
    [
        ("/x?a=1&b=2", "/x?a=1&b=2"),
        (f"/x?token={S}&a=1", "/x?token=sandbox&a=1"),
        (f"/x?X-Amz-Signature={S}&X-Amz-Date=1", "/x?X-Amz-Signature=sandbox&X-Amz-Date=sandbox"),
        (f"/x?sig={S}&se=2026", "/x?sig=sandbox&se=2026"),
        (f"/x?a=1;api_key={S}", "/x?a=1;api_key=sandbox"),
        (f"/x;jsessionid={S}?a", "/x;jsessionid=sandbox?a"),
        (f"/x?%74oken={S}", "/x?%74oken=sandbox"),
        (f"/x?%2574oken={S}", "/x?%2574oken=sandbox"),
        (f"/x?next=/cb?token={S}", "/x?next=sandbox"),
        ("/x?u=https://me:pw@h/", "/x?u=sandbox"),
        ("/x?", "/x?"),
        ("/x?=&&", "/x?=&&"),
    ],
)  # fmt: skip
def test_signed_and_secret_parameters_go_out(target: str, goes: str) -> None:
    assert edit(target=target).target == goes


def test_what_is_kept_is_kept_and_nothing_beside_it() -> None:
    rules = rules_of(
        credentials={"keep": {"headers": ["X-Api-Key"], "query": ["code"], "cookies": ["lang"]}}
    )
    out = edit(
        ("x-api-key", "kept"),
        ("authorization", S),
        ("cookie", f"lang=fr; sid={S}"),
        ("x-other-key", S),
        target=f"/x?code=kept&token={S}&a=1",
        rules=rules,
    )
    assert values(out, "x-api-key") == ["kept"]
    assert values(out, "cookie") == ["lang=fr"]
    assert out.target == "/x?code=kept&token=sandbox&a=1"
    assert S not in str(out.headers)


def test_a_kept_parameter_takes_no_other_along() -> None:
    rules = rules_of(credentials={"keep": {"query": ["code"]}})
    assert edit(target=f"/x?code=1;token={S}", rules=rules).target == "/x?code=1;token=sandbox"


def test_only_cookies_that_the_sandbox_has_set_come_back_to_it() -> None:
    out = edit(
        ("Cookie", f"esr_sid=1; sid={S}; __Host-esr_a=2; __Host-a={S}"), ("cookie", "esr_b=3; bad")
    )
    assert values(out, "cookie") == ["sid=1; __Host-a=2; b=3"]
    dropped = rules_of(credentials={"cookies": "drop"})
    assert values(edit(("Cookie", "esr_sid=1; sid=2"), rules=dropped), "cookie") == []


SVC_TOKEN = {"header": "Authorization", "from_env": "SVC_TOKEN", "prefix": "Bearer "}
INJECTED = {
    "inject": [
        {"upstream": "svc", **SVC_TOKEN},
        {"upstream": "svc", "header": "X-Key", "from_file": "key"},
        {"upstream": "act", "header": "Authorization", "from_env": "ACT_TOKEN"},
    ]
}


def test_secrets_go_to_the_upstream_they_belong_to_and_no_other() -> None:
    rules = rules_of(credentials=INJECTED)
    svc = edit(("Authorization", S), ("x-key", S), rules=rules)
    assert values(svc, "authorization") == ["Bearer sandbox-svc"]
    assert values(svc, "x-key") == ["sandbox-key"]
    act = edit(("Authorization", S), host="act.hms.example", rules=rules)
    assert values(act, "authorization") == ["sandbox-act"]
    assert values(act, "x-key") == []
    assert "sandbox-svc" not in str(act.headers)


def test_no_printout_shows_what_is_injected() -> None:
    assert "sandbox-svc" not in repr(edit(rules=rules_of(credentials=INJECTED)))


@pytest.mark.parametrize("value", [None, "", " \n", "a\r\nb", "\N{SNOWMAN}"])
def test_a_secret_that_is_not_there_stops_the_request(value: str | None) -> None:
    rules = rules_of(credentials=INJECTED)
    ask = Ask("https", "api.hms.example", 443, "GET", "/")
    forward = decide(rules, "sandbox", ask)
    assert isinstance(forward, Forward)
    secrets = {} if value is None else {**SECRETS, "SVC_TOKEN": value}
    with pytest.raises(MissingSecretError, match="SVC_TOKEN") as caught:
        edit_request(ask, forward, [], rules, secrets)
    assert value is None or len(value.strip()) < 2 or value not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        (None, "127.0.0.1:9001"),
        ("svc.sandbox.test", "svc.sandbox.test"),
        ("{service}.sandbox.test", "api.sandbox.test"),
        ("{host}", "api.hms.example:8443"),
    ],
)
def test_the_host_header_is_the_destinations(host: str | None, sent: str) -> None:
    route = {"to": SVC if host is None else {**SVC, "host": host}}
    out = edit(("Host", "portal.hms.gov"), ("HOST", "x"), rules=rules_of(route), port=8443)
    assert values(out, "host") == [sent]


def test_tags_say_where_it_is_and_whose_run() -> None:
    rules = rules_of(tags={"run": "drill-7", "labels": {"team": "blue"}})
    out = edit(("x-esr-run", "other"), ("x-esr-label-team", "red"), rules=rules)
    tags = dict(pair for pair in out.headers if pair[0].startswith("x-esr-"))
    assert tags == {
        "x-esr-env": "sandbox",
        "x-esr-run": "drill-7",
        "x-esr-service": "api",
        "x-esr-label-team": "blue",
    }


def test_an_injectors_own_tags_are_believed_where_they_are_plain() -> None:
    out = edit(("X-Esr-Run", "RUN-1"), ("X-Esr-Service", "ach"), ("X-Esr-Request", "2a"))
    assert values(out, "x-esr-run") == ["RUN-1"]
    assert values(out, "x-esr-service") == ["ach"]
    assert values(out, "x-esr-request") == ["2a"]
    assert values(edit(("X-Esr-Request", "2z")), "x-esr-request") == []


def test_hop_by_hop_headers_end_here() -> None:
    hop = [(name, "x") for name in HOP_BY_HOP if name != "connection"]
    out = edit(*hop, ("Connection", "close, X-Once"), ("X-Once", "1"), ("Accept", "a"))
    names = {name.lower() for name, _ in out.headers}
    assert names.isdisjoint(HOP_BY_HOP | {"x-once"})
    assert "accept" in names


@pytest.mark.parametrize(
    ("edits", "target", "goes"),
    [
        ({"prefix": "/sandbox"}, "/x?a", "/sandbox/x?a"),
        ({"prefix": "/sandbox"}, "/", "/sandbox/"),
        ({"strip_prefix": "/v1"}, "/v1/x", "/x"),
        ({"strip_prefix": "/v1"}, "/v1", "/"),
        ({"strip_prefix": "/v1"}, "/v10", "/v10"),
        ({"strip_prefix": "/v1"}, "/v1//portal.hms.gov/x", "/portal.hms.gov/x"),
        ({"strip_prefix": "/v1", "prefix": "/sb"}, "/v1/x", "/sb/x"),
        ({"query": {"set": {"env": "s b", "n": 1}}}, "/x", "/x?env=s%20b&n=1"),
        ({"query": {"set": {"a": "2"}}}, "/x?a=1&b=1&%61=3", "/x?b=1&a=2"),
        ({"query": {"drop": ["a"]}}, "/x?a=1&a=2&ab=3", "/x?ab=3"),
        ({"query": {"drop": ["b"]}}, f"/x?token={S}", "/x?token=sandbox"),
    ],
)
def test_the_target_is_edited(edits: dict[str, Any], target: str, goes: str) -> None:
    assert edit(target=target, rules=rules_of({"edit": edits})).target == goes


def test_the_whole_server_has_no_prefix() -> None:
    assert edit(target="*", rules=rules_of({"edit": {"prefix": "/sandbox"}})).target == "*"


def test_headers_and_cookies_are_edited() -> None:
    rules = rules_of(
        {
            "edit": {
                "headers": {
                    "set": {"X-Team": "blue", "X-Key": "mine"},
                    "drop": ["Accept-Language"],
                },
                "cookies": {"set": {"flag": "on"}, "drop": ["ads"]},
            }
        },
        credentials=INJECTED,
    )
    out = edit(
        ("x-team", "red"),
        ("accept-language", "fr"),
        ("cookie", "esr_ads=1; esr_sid=2"),
        rules=rules,
    )
    assert values(out, "x-team") == ["blue"]
    assert values(out, "accept-language") == []
    assert values(out, "cookie") == ["sid=2; flag=on"]
    assert values(out, "x-key") == ["sandbox-key"]  # what is injected wins, and stands once


def test_live_passes_all_but_what_ends_at_this_hop() -> None:
    headers = [
        ("Host", "api.hms.example"),
        ("Authorization", S),
        ("Cookie", "a=b"),
        ("X-Esr-Run", "x"),
    ]
    out = edit(
        *headers,
        ("Connection", "X-Once, host"),
        ("X-Once", "1"),
        ("TE", "x"),
        target=f"/x?token={S}",
        mode="live",
        rules=rules_of({"edit": {"prefix": "/sandbox"}}, credentials=INJECTED),
        hop="gw-1",
    )
    assert out.headers == headers
    assert out.target == f"/x?token={S}"


def test_a_door_knows_a_request_that_comes_back() -> None:
    headers = hop_header([("X-Esr-Hop", "gw-1, gw-2")], "gw-3")
    assert headers == [(HOP, "gw-1, gw-2, gw-3")]
    assert is_loop(headers, "gw-3")
    assert is_loop(headers, "gw-1")
    assert not is_loop(headers, "gw")
    long = hop_header([(HOP, ", ".join(f"gw-{n}" for n in range(1_000)))], "gw-x")
    assert len(long[0][1]) < 500
    assert long[0][1].endswith("gw-999, gw-x")


NAMES = st.sampled_from(
    ["Authorization", "Cookie", "X-Api-Key", "X-Esr-Env", "Connection", "Host", "Accept", "Te",
     "X-Esr-Hop", "x-esr-run", "X-Amz-Date", "Content-Length", "Transfer-Encoding", "Referer"]
) | st.text(max_size=12)  # fmt: skip
VALUES = st.sampled_from(
    [f"Bearer {S}", "keep-alive, x", f"https://h/?token={S}", "chunked", f"sid={S}", "a\r\nb: c"]
) | st.text(max_size=20)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_whatever_comes_in_what_goes_out_is_well_formed_and_holds_no_secret(
    headers: list[tuple[str, str]],
) -> None:
    out = edit(*headers, rules=rules_of(credentials=INJECTED), hop="gw-1", target=f"/x?key={S}")
    assert S not in str(out.headers) + out.target
    assert all(is_token(name) and is_value(value) for name, value in out.headers)
    names = [name.lower() for name, _ in out.headers]
    assert HOP_BY_HOP.isdisjoint(names)
    for once in ("host", "authorization", "cookie", "x-esr-env", "x-esr-run", "x-esr-hop"):
        assert names.count(once) <= 1
    assert values(out, "authorization") == ["Bearer sandbox-svc"]
    assert "sandbox-act" not in str(out.headers)
