"""Environments: what a file may say, and that all that is wrong in one is said at once."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.environment import (
    Credential,
    Environment,
    Upstream,
    embedded_environment,
    environment_for_url,
    parse_environment,
)
from switchboard.errors import GuardError, RuleError

BASE = "http://127.0.0.1:9000"


def no_line(_path: str) -> int | None:
    return None


def parse(mapping: object, line_of: Callable[[str], int | None] = no_line) -> Environment:
    return parse_environment(mapping, source="environments/staging.yml", line_of=line_of)


def faults_of(mapping: object) -> list[str]:
    with pytest.raises(RuleError) as caught:
        parse(mapping)
    assert str(caught.value).startswith("environments/staging.yml: ")
    return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]


def test_a_whole_file() -> None:
    environment = parse(
        {
            "name": "staging",
            "notes": "ask the platform team",
            "upstreams": [
                {
                    "name": "svc",
                    "hosts": ["svc.*", "*.svc.example"],
                    "base_url": "http://10.20.0.5:8080/sandbox",
                    "host": "{service}.staging.internal",
                },
                {"name": "rest", "hosts": ["*"], "base_url": "https://staging.internal"},
            ],
            "allow": {"hosts": ["staging.internal", "*.sb.corp"], "networks": ["10.20.0.0/16"]},
            "credentials": [
                {
                    "header": "Authorization",
                    "from_env": "ESR_STAGING_TOKEN",
                    "prefix": "Bearer ",
                    "upstream": "svc",
                }
            ],
        }
    )
    svc = Upstream(
        name="svc",
        scheme="http",
        host="10.20.0.5",
        port=8080,
        prefix="/sandbox",
        matches=("svc.*", "*.svc.example"),
        host_header="{service}.staging.internal",
    )
    rest = Upstream("rest", "https", "staging.internal", 443, "", ("*",), None)
    assert environment == Environment(
        name="staging",
        upstreams=(svc, rest),
        allow_hosts=("staging.internal", "*.sb.corp"),
        allow_networks=(ip_network("10.20.0.0/16"),),
        credentials=(Credential("Authorization", "ESR_STAGING_TOKEN", None, "Bearer ", "svc"),),
        source="environments/staging.yml",
    )
    assert (svc.authority, svc.address) == ("10.20.0.5:8080", "10.20.0.5")
    assert (rest.authority, rest.address) == ("staging.internal", None)
    assert environment.secret_names == ("ESR_STAGING_TOKEN",)


def test_the_short_form_takes_every_host() -> None:
    environment = parse({"base_url": "http://localhost:9000"})
    assert environment.name == "staging"  # after its file
    assert environment.upstreams == (
        Upstream("default", "http", "localhost", 9000, "", ("*",), None),
    )
    assert environment.upstreams[0].address == "127.0.0.1"


def upstream(**keys: Any) -> dict[str, Any]:
    return {"upstreams": [{"name": "a", "hosts": ["*"], "base_url": BASE, **keys}]}


def credential(**keys: Any) -> dict[str, Any]:
    return {"base_url": BASE, "credentials": [{"header": "X-Key", "from_env": "KEY", **keys}]}


def allow(**keys: Any) -> dict[str, Any]:
    return {"base_url": BASE, "allow": keys}


TWO = [
    {"name": "a", "hosts": ["*"], "base_url": BASE},
    {"name": "a", "hosts": ["x.*"], "base_url": BASE},
]


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (None, ": must be a mapping with name"),
        ([], ": must be a mapping with name"),
        ("x", ": must be a mapping with name"),
        ({"name": "x"}, "upstreams: is missing; name at least one"),
        ({"upstreams": []}, "upstreams: is empty"),
        ({"upstreams": {}}, "upstreams: must be a list"),
        ({"upstreams": [5]}, "upstreams[0]: must be a mapping"),
        ({"upstreams": TWO}, "upstreams[1].name: there are two upstreams"),
        ({"upstreams": TWO}, 'upstreams[1].hosts[0]: never matches: "*" above'),
        ({"base_url": BASE, "upstreams": []}, "base_url: belongs in each of upstreams"),
        ({"base_url": BASE, "name": "a/b"}, "name: must be letters"),
        ({"base_url": BASE, "name": 5}, "name: must be text, not a number"),
        ({"base_url": BASE, "alow": {}}, "alow: unknown key; did you mean allow?"),
        ({"base_url": BASE, 5: 5}, "5: unknown key"),
        ({"base_url": BASE, "allow": []}, "allow: must be a mapping with hosts, networks"),
        ({"base_url": BASE, "host": "a b"}, "host: a b is not a host name"),
        ({"base_url": 5}, "base_url: must be text, not a number"),
        ({"base_url": "http://2130706433"}, "base_url: 2130706433 is a number"),
        ({"base_url": "http://a@b"}, "base_url: the URL must not have user information"),
        (upstream(name="a b"), "upstreams[0].name: must be letters"),
        (upstream(name=None), "upstreams[0].name: must be text, not nothing"),
        (upstream(hosts=[]), "upstreams[0].hosts: name the recorded hosts"),
        (upstream(hosts="*"), "upstreams[0].hosts: must be a list"),
        (upstream(hosts=["a*"]), "upstreams[0].hosts[0]: a* is not a host pattern"),
        (upstream(hosts=["a.*", 5]), "upstreams[0].hosts[1]: must be text"),
        (upstream(base_url="x"), "upstreams[0].base_url: the URL must start with"),
        (upstream(host="a\r\nX: y"), "upstreams[0].host: the port must be a number"),
        (upstream(host="a\r\nx"), "upstreams[0].host: a\\r\\nx is not a host name"),
        (upstream(host="u@h"), "upstreams[0].host: must be a host, without user"),
        (upstream(host="{svc}.x"), "upstreams[0].host: {svc}.x is not a host name"),
        (upstream(hots=1), "upstreams[0].hots: unknown key; did you mean hosts?"),
        (allow(hosts=["*"]), "allow.hosts[0]: must be a whole host or *.suffix"),
        (allow(hosts=["staging.*"]), "allow.hosts[0]: must be a whole host or *.suffix"),
        (allow(hosts=["*.com"]), "allow.hosts[0]: *.com is too wide"),
        (allow(hosts=["10.0.0.1"]), "allow.hosts[0]: an address belongs in allow.networks"),
        (allow(hosts=["127.1"]), "allow.hosts[0]: 127.1 is a number"),
        (allow(networks=["10.0.0.1/8"]), "allow.networks[0]: 10.0.0.1/8 is an address inside"),
        (allow(networks=["0.0.0.0/0"]), "allow.networks[0]: 0.0.0.0/0 is too wide"),
        (allow(networks=["::/0"]), "allow.networks[0]: ::/0 is too wide"),
        (allow(networks=["x"]), "allow.networks[0]: x is not a network"),
        (allow(networks=[10]), "allow.networks[0]: must be text"),
        (allow(networks="10.0.0.0/8"), "allow.networks: must be a list"),
        (credential(header="a b"), "credentials[0].header: must be a header name"),
        (credential(header="a\r\nb"), "credentials[0].header: must be a header name"),
        (credential(header="Host"), "credentials[0].header: Host is set by the switchboard"),
        (credential(header="X-Esr-Run"), "credentials[0].header: X-Esr-Run is set by"),
        (credential(header="Content-Length"), "credentials[0].header: Content-Length is set"),
        (credential(from_env="A B"), "credentials[0].from_env: must name an environment"),
        (credential(from_env="AKIAIOSFODNN7EXAMPLE"), "credentials[0].from_env: looks like a sec"),
        (credential(prefix="a\n"), "credentials[0].prefix: must be short plain text"),
        (
            credential(upstream="defalt"),
            "credentials[0].upstream: there is no upstream defalt; did",
        ),
        (credential(value="hunter2"), "credentials[0].value: a secret does not belong"),
        (
            {"base_url": BASE, "credentials": [{"header": "A"}]},
            "credentials[0].from_env: from_env is missing",
        ),
        (
            {"base_url": BASE, "credentials": [{"header": h, "from_env": "A"} for h in "Aa"]},
            "credentials[1]: there already is a credential for a",
        ),
    ],
)
def test_faults(mapping: object, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults_of(mapping)), faults_of(mapping)


def test_every_fault_is_reported_at_once_with_its_line() -> None:
    mapping = {
        "nam": "x",
        "base_url": "http://h:0",
        "allow": {"hosts": ["*"], "networks": ["x"]},
        "credentials": [{"header": "Host", "from_env": "1"}],
    }
    with pytest.raises(RuleError) as caught:
        parse(mapping, line_of=lambda path: len(path))
    assert [fault.path for fault in caught.value.faults] == [
        "nam",
        "base_url",
        "allow.hosts[0]",
        "allow.networks[0]",
        "credentials[0].header",
        "credentials[0].from_env",
    ]
    assert all(fault.line == len(fault.path) for fault in caught.value.faults)


@pytest.mark.parametrize("secret_at", ["value", "from_env", "prefix", "header"])
def test_a_secret_in_the_wrong_place_is_not_repeated(secret_at: str) -> None:
    assert "hunter2" not in str(faults_of(credential(**{secret_at: "hunter2 \n"})))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "hosts", "base_url", "upstreams", "allow", "credentials"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_mapping_is_an_environment_or_faults(mapping: object) -> None:
    try:
        parse(mapping)
    except RuleError as error:
        faults = error.faults
    else:
        return
    assert faults


def test_the_embedded_environment() -> None:
    environment = embedded_environment(4321)
    (only,) = environment.upstreams
    assert (only.address, only.port, only.matches) == ("127.0.0.1", 4321, ("*",))
    assert only.host_header == "{service}.sandbox.test"
    assert environment.secret_names == ()
    with pytest.raises(ValueError, match="port"):
        embedded_environment(0)


def test_a_url_is_an_environment_that_declares_nothing() -> None:
    environment = environment_for_url("http://staging.internal:8080/sandbox")
    assert environment.upstreams == (
        Upstream("target", "http", "staging.internal", 8080, "/sandbox", ("*",), None),
    )
    assert environment.allow_hosts == environment.allow_networks == environment.credentials == ()
    assert environment.source == "command line"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.01"])
def test_a_url_in_disguise_is_refused_by_the_guard(host: str) -> None:
    with pytest.raises(GuardError, match=r"plain|number") as caught:
        environment_for_url(f"http://{host}:80/")
    assert caught.value.exit_code == 97


@pytest.mark.parametrize("url", ["http://me:hunter2@h", "h:80", "http://h:0", "http://h/?x"])
def test_a_url_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(RuleError, match="--target") as caught:
        environment_for_url(url)
    assert caught.value.exit_code == 2
    assert "hunter2" not in str(caught.value)


def test_no_printout_shows_a_credential() -> None:
    credential = Credential("Authorization", None, "hunter2", "Bearer ")
    environment = Environment("x", (), (), (), (credential,), "x")
    for text in (repr(credential), str(credential), repr(environment), f"{environment}"):
        assert "hunter2" not in text
        assert "Authorization" in text
