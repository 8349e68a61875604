"""Rules files: all that is wrong is said at once, and what denies is never outvoted."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.environment import Environment, parse_environment
from switchboard.errors import RuleError
from switchboard.rules import Destination, Injection, Keep, Rules
from switchboard.rules_reader import parse_rules

SVC = {"name": "svc", "address": "127.0.0.1", "port": 9001}
ROUTE = {"host": "*.hms.example", "to": SVC}
INJECT = {"upstream": "svc", "header": "Authorization", "from_env": "ESR_SVC_TOKEN"}


def no_line(_path: str) -> int | None:
    return None


def parse(mapping: object, environment: Environment | None = None) -> Rules:
    return parse_rules(mapping, source="switchboard.yml", line_of=no_line, environment=environment)


def faults_of(mapping: object, environment: Environment | None = None) -> list[str]:
    with pytest.raises(RuleError) as caught:
        parse(mapping, environment)
    assert str(caught.value).startswith("switchboard.yml: ")
    return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]


def environment(**keys: Any) -> Environment:
    mapping = {"base_url": "http://127.0.0.1:8000", **keys}
    if "upstreams" in keys:
        del mapping["base_url"]
    return parse_environment(mapping, source="environments/staging.yml", line_of=no_line)


SMALLEST = {
    "mode": "sandbox",
    "routes": [ROUTE, {"host": "api.treasury.example", "stub": "ach"}],
    "credentials": {"inject": [{**INJECT, "prefix": "Bearer "}]},
    "deny": {"hosts": ["*.hms.gov"], "networks": ["203.0.113.0/24"]},
}


def test_the_smallest_file_that_must_work() -> None:
    rules = parse(SMALLEST)
    first, second = rules.routes
    assert (first.rule, first.hosts) == ("routes[0]", ("*.hms.example",))
    assert first.to == Destination("svc", "127.0.0.1", 9001)
    assert (second.stub, second.to) == ("ach", None)
    assert rules.injections == (
        Injection("svc", "Authorization", "ESR_SVC_TOKEN", None, "Bearer "),
    )
    assert rules.deny_hosts == ("*.hms.gov",)
    assert rules.deny_networks == (ip_network("203.0.113.0/24"),)
    assert (rules.mode, rules.cookies, rules.canaries) == ("sandbox", "sandbox", None)
    assert rules.endpoints("sandbox") == {("127.0.0.1", 9001)}
    assert rules.endpoints("live") == frozenset()
    assert rules.notes == ()
    assert len(rules.digest) == 64


def test_a_file_that_says_everything() -> None:
    rules = parse(
        {
            "mode": "live",
            "notes": "for drills",
            "routes": [
                {
                    "host": ["API.hms.example", "www.hms.example."],
                    "ports": [443, 8443],
                    "path": "/v1/",
                    "methods": ["get", "POST"],
                    "to": {
                        "name": "tls",
                        "address": "10.20.0.5",
                        "port": 443,
                        "scheme": "https",
                        "host": "{service}.sandbox.test",
                        "server_name": "sandbox.test",
                        "ca_file": "ca.pem",
                    },
                    "live": {"name": "app", "address": "::1", "port": 8000},
                    "edit": {
                        "strip_prefix": "/v1",
                        "prefix": "/sandbox",
                        "headers": {"set": {"x-team": "blue"}, "drop": ["X-Trace"]},
                        "query": {"set": {"env": "sb", "n": 5}, "drop": ["debug"]},
                        "cookies": {"set": {"flag": "on"}, "drop": ["ads"]},
                        "links": True,
                    },
                    "notes": "the API",
                },
                {"host": "x.*", "to": "tls", "ports": 80, "methods": "PUT"},
            ],
            "credentials": {
                "inject": [{"upstream": "tls", "header": "X-Key", "from_file": "key"}],
                "keep": {"headers": ["X-CSRF-Token"], "query": ["Code"], "cookies": ["Lang"]},
                "cookies": "drop",
            },
            "tags": {"run": "drill-7", "labels": {"Team": "blue", "round": 2}},
            "allow": {"networks": ["10.20.0.0/16"]},
            "interlock": {"canaries": ["prod.hms.gov", "203.0.113.9:443", "[::1]:80"]},
        }
    )
    first, second = rules.routes
    assert first.hosts == ("api.hms.example", "www.hms.example")
    assert (first.path, sorted(first.ports)) == ("/v1", [443, 8443])
    assert (sorted(first.methods), first.edits.links) == (["GET", "POST"], True)
    assert first.edits.set_query == (("env", "sb"), ("n", "5"))
    assert first.edits.drop_headers == {"x-trace"}
    assert first.to == second.to
    assert (list(second.ports), list(second.methods)) == ([80], ["PUT"])
    assert rules.keep == Keep(frozenset({"x-csrf-token"}), frozenset({"code"}), frozenset({"lang"}))
    assert rules.labels == (("team", "blue"), ("round", "2"))
    assert rules.canaries == ("prod.hms.gov", "203.0.113.9:443", "[::1]:80")
    assert rules.secret_files == ("key",)
    assert rules.endpoints("sandbox") == {("10.20.0.5", 443)}
    assert rules.endpoints("live") == {("::1", 8000)}


def route(**keys: Any) -> dict[str, Any]:
    return {"routes": [{**ROUTE, **keys}]}


def to(**keys: Any) -> dict[str, Any]:
    return route(to={**SVC, **keys})


def edit(**keys: Any) -> dict[str, Any]:
    return route(edit=keys)


def inject(*items: Any) -> dict[str, Any]:
    return {**route(), "credentials": {"inject": list(items)}}


def top(**keys: Any) -> dict[str, Any]:
    return {**route(), **keys}


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (None, ": must be a mapping"),
        ([], ": must be a mapping"),
        ({}, ": the file is empty"),
        ({"mode": "sandbox"}, "routes: name at least one route"),
        ({"routes": []}, "routes: name at least one route"),
        ({"routes": {}}, "routes: must be a list"),
        ({"routes": [5]}, "routes[0]: must be a mapping"),
        (top(mode="production"), "mode: must be sandbox or live"),
        (top(mode=True), "mode: must be sandbox or live"),
        (top(mode="live"), "mode: is live, and no route names a live upstream"),
        (top(rotes=[]), "rotes: unknown key; did you mean routes?"),
        (top(environment=5), "environment: must be text"),
        (top(environment="staging"), "environment: environment staging is not at hand"),
        (route(host=5), "routes[0].host: must be a list"),
        (route(host=[]), "routes[0].host: is empty"),
        (route(host=None), "routes[0].host: host is missing"),
        (route(host="a*"), "routes[0].host: a* is not a host pattern"),
        (route(host=["*.a", "b c"]), "routes[0].host[1]: b c is not a host name"),
        (route(host="2130706433"), "routes[0].host: 2130706433 is a number"),
        (route(host="h\N{CYRILLIC SMALL LETTER EM}s.gov"), "routes[0].host: the host has non-A"),
        (route(stub="ach"), "routes[0]: needs exactly one of `to`"),
        ({"routes": [{"host": "a"}]}, "routes[0]: needs exactly one of `to`"),
        (route(to="elsewhere"), "routes[0].to: no destination is called elsewhere"),
        (route(to=5), "routes[0].to: must be a destination"),
        ({"routes": [{"host": "a", "stub": "a b"}]}, "routes[0].stub: must be the name"),
        (to(name="a b"), "routes[0].to.name: must be letters"),
        (to(address="sandbox.internal"), "routes[0].to.address: sandbox.internal is a name"),
        (to(address="localhost"), "routes[0].to.address: localhost is a name"),
        (to(address="127.1"), "routes[0].to.address: 127.1 is a number"),
        (to(address="0x7f.1"), "routes[0].to.address: 0x7f.1 is a number"),
        (to(address="0177.0.0.1"), "routes[0].to.address: 0177.0.0.1 is a number"),
        (to(address=""), "routes[0].to.address: the host is missing"),
        (to(address=2130706433), "routes[0].to.address: must be text"),
        (to(port=0), "routes[0].to.port: port is missing or no number"),
        (to(port="80"), "routes[0].to.port: port is missing or no number"),
        (to(port=True), "routes[0].to.port: port is missing or no number"),
        (to(port=65_536), "routes[0].to.port: port is missing or no number"),
        (to(scheme="ftp"), "routes[0].to.scheme: must be http or https"),
        (to(scheme="https"), "routes[0].to.ca_file: an https destination needs ca_file"),
        (to(ca_file="ca.pem"), "routes[0].to: ca_file and server_name belong to"),
        (to(host="a\r\nb"), "routes[0].to.host: a\\r\\nb is not a host name"),
        (to(host="u@h"), "routes[0].to.host: must be a host, without user"),
        (route(ports="80"), "routes[0].ports: must be a list"),
        (route(ports=[0]), "routes[0].ports[0]: must be a number"),
        (route(ports=[True]), "routes[0].ports[0]: must be a number"),
        (route(path="v1"), "routes[0].path: must "),
        (route(path="/a/../b"), "routes[0].path: must be plain segments"),
        (route(path="/a%2e%2e/b/%2e%2e"), "routes[0].path: must be plain segments"),
        (route(path="//prod"), "routes[0].path: must be plain segments"),
        (route(methods=["CONNECT"]), "routes[0].methods[0]: must be a method"),
        (route(methods=["G T"]), "routes[0].methods[0]: must be a method"),
        (edit(links="yes"), "routes[0].edit.links: must be true or false"),
        (edit(prefix="sandbox"), "routes[0].edit.prefix: must "),
        (edit(headers={"set": {"Host": "x"}}), "headers.set.Host: Host is set by the switchboard"),
        (edit(headers={"set": {"x-esr-env": "x"}}), "is set by the switchboard itself"),
        (edit(headers={"set": {"a b": "x"}}), "must be a header name"),
        (edit(headers={"set": {"x": "a\r\nb"}}), "must be visible ASCII"),
        (edit(headers={"set": {"x": "Bearer abc"}}), "looks like a secret"),
        (edit(headers={"set": []}), "routes[0].edit.headers.set: must be a mapping"),
        (edit(cookies={"set": {"a": "b; c"}}), "must be a cookie's name"),
        (edit(query={"drop": [5]}), "routes[0].edit.query.drop[0]: must be a name"),
        (edit(haeders={}), "routes[0].edit.haeders: unknown key; did you mean headers?"),
        (inject({**INJECT, "upstream": "scv"}), "no route leads to scv; did you mean svc?"),
        (inject({**INJECT, "value": "s3cret"}), "a secret does not belong in a file"),
        (inject({**INJECT, "from_file": "x"}), "needs exactly one of from_env and from_file"),
        (inject({"upstream": "svc", "header": "A"}), "needs exactly one of from_env"),
        (inject({**INJECT, "from_env": "sk_live_abcdefgh12"}), "looks like a secret"),
        (inject({**INJECT, "from_env": "A-B"}), "must name an environment variable"),
        (inject({**INJECT, "header": "Host"}), "Host is set by the switchboard itself"),
        (inject({**INJECT, "header": "Cookie"}), "Cookie is set by the switchboard itself"),
        (inject({**INJECT, "prefix": "\r\n"}), "must be short plain text"),
        (inject(INJECT, {**INJECT, "header": "authorization"}), "there already is one"),
        (top(credentials={"cookies": "keep"}), "credentials.cookies: must be sandbox or drop"),
        (top(credentials={"keep": {"headers": ["cookie"]}}), "cookie never passes"),
        (top(credentials={"keep": {"headers": ["Proxy-Authorization"]}}), "never passes"),
        (top(credentials={"keep": {"headers": [5]}}), "credentials.keep.headers[0]: must be text"),
        (top(tags={"run": "a b"}), "tags.run: must be letters"),
        (top(tags={"labels": {"a b": "x"}}), "a label's name is letters"),
        (top(tags={"labels": {"a": "x\ny"}}), "tags.labels.a: must be short plain text"),
        (top(deny={"hosts": ["hms*"]}), "deny.hosts[0]: hms* is not a host pattern"),
        (top(deny={"networks": ["203.0.113.9/24"]}), "is an address inside a network"),
        (top(deny={"networks": ["everything"]}), "everything is not a network"),
        (top(allow={"networks": ["0.0.0.0/0"]}), "is too wide for a sandbox"),
        (top(allow={"hosts": ["a"]}), "allow.hosts: unknown key"),
        (top(interlock={"canaries": 5}), "interlock.canaries: must be true, false or a list"),
        (top(interlock={"canaries": []}), "interlock.canaries: is empty"),
        (top(interlock={"canaries": ["*.gov"]}), "is a pattern; a canary dials one host"),
        (top(interlock={"canaries": ["a:0"]}), "is not HOST or HOST:PORT"),
    ],
)  # fmt: skip
def test_faults(mapping: object, fault: str) -> None:
    found = faults_of(mapping)
    assert any(fault in each for each in found), found


def test_every_fault_is_reported_at_once() -> None:
    mapping = {"mode": "x", "routes": [{"host": 5, "stub": "a b"}], "deny": {"hosts": ["a*"]}}
    assert len(faults_of(mapping)) == 4


def test_no_fault_quotes_a_secret() -> None:
    secret = "sk_live_abcdefgh12"
    mapping = {**inject({**INJECT, "from_env": secret, "value": secret}), **route()}
    mapping["credentials"]["inject"][0]["from_env"] = secret
    assert secret not in "".join(faults_of(mapping))
    assert secret not in "".join(faults_of(edit(headers={"set": {"x": secret}})))


PUBLIC = "198.51.100.7"


def allow(network: str) -> dict[str, Any]:
    return {"allow": {"networks": [network]}}


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ({**to(address=PUBLIC)}, "routes[0].to"),
        ({**to(address="10.20.0.5")}, "routes[0].to"),
        ({**to(address="fd00::5")}, "routes[0].to"),
        ({**to(address="169.254.169.254"), **allow("169.254.0.0/16")}, "routes[0].to"),
        ({**to(address="0.0.0.0")}, "routes[0].to"),
        ({**to(address="::ffff:10.20.0.5"), **allow("10.20.0.0/16")}, "routes[0].to"),
        ({**route(live={"name": "l", "address": PUBLIC, "port": 80})}, "routes[0].live"),
    ],
)
def test_only_loopback_needs_no_declaration(mapping: dict[str, Any], path: str) -> None:
    assert any(each.startswith(f"{path}: ") for each in faults_of(mapping))


@pytest.mark.parametrize(
    ("deny", "where"),
    [
        ({"networks": ["198.51.100.0/24"]}, "deny.networks[0]"),
        ({"networks": ["10.0.0.0/8", "198.51.100.7/32"]}, "deny.networks[1]"),
        ({"networks": ["0.0.0.0/0"]}, "deny.networks[0]"),
        ({"networks": ["::ffff:198.51.100.0/120"]}, "deny.networks[0]"),
        ({"hosts": [PUBLIC]}, "deny.hosts[0]"),
        ({"hosts": ["198.51.*"]}, "deny.hosts[0]"),
    ],
)
def test_deny_wins_over_every_allow(deny: dict[str, Any], where: str) -> None:
    allowed = {**to(address=PUBLIC), **allow(f"{PUBLIC}/32")}
    parse(allowed)  # sound without the denial
    found = faults_of({**allowed, "deny": deny})
    assert any(e.startswith("allow.networks[0]: ") and where in e for e in found), found
    assert any(e.startswith("routes[0].to: ") and where in e for e in found), found


def test_deny_wins_over_loopback() -> None:
    assert faults_of({**route(), "deny": {"networks": ["127.0.0.0/8"]}}) == [
        "routes[0].to: 127.0.0.1: it is denied by deny.networks[0] (127.0.0.0/8), and deny wins"
    ]


def test_deny_wins_over_the_environment() -> None:
    below = environment(
        upstreams=[{"name": "svc", "hosts": ["svc.*"], "base_url": f"http://{PUBLIC}:80"}],
        allow={"networks": ["198.51.100.0/24"]},
    )
    assert parse({"environment": "staging"}, below).endpoints("sandbox") == {(PUBLIC, 80)}
    found = faults_of({"environment": "staging", "deny": {"networks": ["198.51.100.0/25"]}}, below)
    assert found == [
        "environment: 198.51.100.0/24 touches deny.networks[0] (198.51.100.0/25), and deny wins",
        "environment.svc.to: 198.51.100.7: it is denied by deny.networks[0] (198.51.100.0/25), "
        "and deny wins",
    ]


@pytest.mark.parametrize("denied", ["*.hms.example", "*.example", "*"])
def test_a_route_whose_hosts_are_all_denied_is_a_fault(denied: str) -> None:
    found = faults_of({**route(), "deny": {"hosts": [denied]}})
    assert found[-1].startswith("routes[0].host: never matches: deny.hosts[0]")


def test_a_route_that_is_denied_in_part_is_sound() -> None:
    parse({**route(), "deny": {"hosts": ["prod.hms.example"]}})


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"routes": [{"to": SVC, **first}, {"to": "svc", **second}]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"host": "*"}, {"host": "a.b"}),
        ({"host": "*.b"}, {"host": "x.a.b"}),
        ({"host": "*.b"}, {"host": "*.a.b"}),
        ({"host": "svc.*"}, {"host": "svc.a.*"}),
        ({"host": ["a", "b"]}, {"host": "b"}),
        ({"host": "a"}, {"host": "a", "path": "/x"}),
        ({"host": "a", "path": "/x"}, {"host": "a", "path": "/x/y"}),
        ({"host": "a"}, {"host": "a", "methods": ["GET"], "ports": [80]}),
    ],
)
def test_a_route_that_can_never_match_is_a_fault(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert faults_of(two(first, second)) == [
        "routes[1]: never matches: routes[0] takes all of its requests"
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"host": "a.b"}, {"host": "*.b"}),
        ({"host": "svc.*"}, {"host": "*.b"}),
        ({"host": ["a", "b"]}, {"host": ["b", "c"]}),
        ({"host": "a", "path": "/x"}, {"host": "a"}),
        ({"host": "a", "methods": ["GET", "PUT"]}, {"host": "a", "methods": ["PUT", "POST"]}),
    ],
)
def test_routes_that_overlap_are_noted(first: dict[str, Any], second: dict[str, Any]) -> None:
    (note,) = parse(two(first, second)).notes
    assert note.path == "routes[1]"
    assert "shares requests with routes[0]" in note.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"host": "*.a"}, {"host": "*.b"}),
        ({"host": "*.b"}, {"host": "b"}),
        ({"host": "a", "path": "/x"}, {"host": "a", "path": "/xy"}),
        ({"host": "a", "ports": [80]}, {"host": "a", "ports": [81]}),
        ({"host": "a", "methods": ["GET"]}, {"host": "a", "methods": ["PUT"]}),
    ],
)
def test_routes_that_share_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert parse(two(first, second)).notes == ()


def test_a_destination_can_be_named_before_it_is_declared() -> None:
    rules = parse({"routes": [{"host": "a", "to": "svc"}, {"host": "b", "to": SVC}]})
    assert rules.routes[0].to == rules.routes[1].to


def test_a_name_belongs_to_one_address() -> None:
    other = {**SVC, "port": 9002}
    (found,) = faults_of({"routes": [{"host": "a", "to": SVC}, {"host": "b", "to": other}]})
    assert found.startswith("routes[1].to.name: there already is a svc at 127.0.0.1:9001")


def test_the_layer_below_takes_what_the_file_leaves_over() -> None:
    below = environment(
        upstreams=[
            {"name": "svc", "hosts": ["svc.*"], "base_url": "http://127.0.0.1:8001/sandbox"},
            {"name": "rest", "hosts": ["*"], "base_url": "http://127.0.0.1:8002"},
        ],
        credentials=[
            {"header": "Authorization", "from_env": "ALL"},
            {"header": "Authorization", "from_env": "OWN", "upstream": "svc"},
        ],
    )
    file = {"environment": "staging", "routes": [{"host": "svc.hms.example", "to": "rest"}]}
    rules = parse(file, below)
    assert [each.rule for each in rules.routes] == [
        "routes[0]",
        "environment.svc",
        "environment.rest",
    ]
    assert rules.routes[1].edits.prefix == "/sandbox"
    assert {each.upstream: each.from_env for each in rules.injections} == {
        "svc": "OWN",
        "rest": "ALL",
    }


def test_a_file_may_take_everything_from_the_layer_below() -> None:
    rules = parse(
        {"environment": "staging", "routes": [{"host": "*", "stub": "ach"}]}, environment()
    )
    assert [each.rule for each in rules.routes] == ["routes[0]", "environment.default"]
    assert rules.notes == ()


@pytest.mark.parametrize("url", ["http://staging.internal:80", "https://10.20.0.5"])
def test_an_upstream_that_no_rule_can_dial(url: str) -> None:
    below = environment(base_url=url, allow={"networks": ["10.20.0.0/16"]})
    (found,) = faults_of({"environment": "staging"}, below)
    assert found.startswith("environment: upstream default of environment staging ")


def test_the_digest_is_of_everything_that_was_read() -> None:
    file = {"environment": "staging", "routes": [ROUTE]}
    one = parse(file, environment())
    assert one.digest == parse(file, environment()).digest
    assert one.digest != parse(file, environment(base_url="http://127.0.0.1:8001")).digest
    assert one.digest != parse({**file, "tags": {"run": "x"}}, environment()).digest


ADDRESSES = st.sampled_from(
    ["127.0.0.1", "::1", "10.20.0.5", "198.51.100.7", "203.0.113.9", "::ffff:203.0.113.9",
     "fd00::5", "169.254.169.254", "prod.hms.gov", "2130706433"]
)  # fmt: skip
NETWORKS = st.sampled_from(
    ["10.0.0.0/8", "203.0.113.0/24", "203.0.113.9/32", "198.51.100.0/25", "127.0.0.0/8",
     "::/0", "fd00::/32", "0.0.0.0/0", "::ffff:203.0.113.0/120"]
)  # fmt: skip


@given(
    st.lists(st.tuples(ADDRESSES, st.booleans()), min_size=1, max_size=4),
    st.lists(NETWORKS, max_size=3),
    st.lists(NETWORKS, max_size=3),
)
def test_nothing_denied_or_undeclared_is_ever_an_endpoint(
    ends: list[tuple[str, bool]], allowed: list[str], denied: list[str]
) -> None:
    routes = [
        {
            "host": f"h{at}.example",
            "to": {"name": f"s{at}", "address": "127.0.0.9" if is_live else address, "port": 80},
            **({"live": {"name": f"l{at}", "address": address, "port": 80}} if is_live else {}),
        }
        for at, (address, is_live) in enumerate(ends)
    ]
    mapping = {"routes": routes, "allow": {"networks": allowed}, "deny": {"networks": denied}}
    try:
        rules = parse(mapping)
    except RuleError:
        return
    for address, _ in rules.endpoints("sandbox") | rules.endpoints("live"):
        found = ip_address(address)
        assert not any(found in network for network in rules.deny_networks)
        assert found.is_loopback or any(found in network for network in rules.allow_networks)


WORDS = st.sampled_from(
    ["routes", "host", "to", "stub", "live", "edit", "name", "address", "port", "deny", "allow",
     "hosts", "networks", "credentials", "inject", "keep", "mode", "tags", "labels", "interlock",
     "canaries", "headers", "set", "drop"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_mapping_is_rules_or_faults(mapping: object) -> None:
    try:
        parse(mapping)
    except RuleError as error:
        faults = error.faults
    else:
        return
    assert faults


@given(JSON, st.sampled_from(["routes", "credentials", "tags", "deny", "allow", "interlock"]))
def test_any_value_of_a_key_is_rules_or_faults(value: object, key: str) -> None:
    try:
        parse({**route(), key: value})
    except RuleError as error:
        faults = error.faults
    else:
        return
    assert faults
