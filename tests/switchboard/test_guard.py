"""The guard: deny is the default, and nothing slips through a spelling."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.environment import (
    COMMAND_LINE,
    Environment,
    Upstream,
    embedded_environment,
    environment_for_url,
)
from switchboard.errors import GuardError
from switchboard.guard import DEFAULT_DENY, check_address, check_declared

FILE = "environments/staging.yml"


def environment(
    host: str, *, hosts: tuple[str, ...] = (), networks: tuple[str, ...] = (), source: str = FILE
) -> Environment:
    upstream = Upstream("svc", "http", host, 8080, "/sb", ("*",), None)
    return Environment("staging", (upstream,), hosts, tuple(map(ip_network, networks)), (), source)


def refusal(env: Environment, ip: str | None = None) -> GuardError:
    try:
        if ip is None:
            check_declared(env)
        else:
            check_address(env, env.upstreams[0], ip)
    except GuardError as error:
        return error
    raise AssertionError("the guard let it pass")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "svc.localhost"])
def test_loopback_needs_no_declaration(host: str) -> None:
    check_declared(environment(host))


def test_the_embedded_sandbox_passes() -> None:
    check_declared(embedded_environment(1234))


@pytest.mark.parametrize(
    ("host", "hosts", "networks"),
    [
        ("staging.internal", ("staging.internal",), ()),
        ("svc.staging.internal", ("*.staging.internal",), ()),
        ("10.20.0.5", (), ("10.20.0.0/16",)),
        ("203.0.113.7", (), ("203.0.113.7/32",)),
        ("fd12::5", (), ("fd12::/32",)),
    ],
)
def test_declared(host: str, hosts: tuple[str, ...], networks: tuple[str, ...]) -> None:
    check_declared(environment(host, hosts=hosts, networks=networks))


@pytest.mark.parametrize(
    ("host", "hosts", "networks"),
    [
        ("prod.example", (), ()),
        ("prod.example", ("staging.internal", "*.prod.example"), ("10.0.0.0/8",)),
        ("evilstaging.internal", ("staging.internal", "*.staging.internal"), ()),
        ("staging.internal.evil", ("staging.internal",), ()),
        ("127.0.0.1.nip.io", (), ("127.0.0.0/8",)),
        ("localhost.evil", (), ()),
        ("10.21.0.5", (), ("10.20.0.0/16",)),
        ("10.20.0.5", ("staging.internal",), ()),
        ("8.8.8.8", (), ()),
        ("fd12::5", (), ("10.0.0.0/8",)),
    ],
)
def test_undeclared(host: str, hosts: tuple[str, ...], networks: tuple[str, ...]) -> None:
    error = refusal(environment(host, hosts=hosts, networks=networks))
    assert error.exit_code == 97
    assert error.host == host
    assert error.rule == DEFAULT_DENY


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "224.0.0.1",
        "fe80::1",
        "::ffff:10.20.0.5",
        "2002:a14:5::",
        "255.255.255.255",
    ],
)
def test_no_declaration_allows_these(host: str) -> None:
    networks = ("0.0.0.0/0", "::/0")
    assert "No declaration can allow it" in str(refusal(environment(host, networks=networks)))


def test_one_undeclared_upstream_among_many_is_enough() -> None:
    good = environment("127.0.0.1").upstreams[0]
    bad = environment("prod.example").upstreams[0]
    env = Environment("staging", (good, bad), (), (), (), FILE)
    assert refusal(env).host == "prod.example"


def test_the_message_names_host_rule_and_what_to_declare() -> None:
    assert str(refusal(environment("staging.internal"))) == (
        "refused staging.internal: default deny: only loopback needs no declaration. "
        "If it really is a sandbox, declare it in environments/staging.yml:\n"
        '  allow:\n    hosts: ["staging.internal"]'
    )


def test_the_message_for_a_url_shows_a_whole_file() -> None:
    error = refusal(environment_for_url("http://10.20.0.5:8080/sb"))
    assert str(error).endswith(
        "declare it in environments/NAME.yml and use --target NAME:\n"
        '  base_url: http://10.20.0.5:8080/sb\n  allow:\n    networks: ["10.20.0.5/32"]'
    )
    assert refusal(environment("a.b", source=COMMAND_LINE)).remedy.count("base_url: ") == 1


DECLARED = environment("staging.internal", hosts=("staging.internal",), networks=("8.8.4.0/24",))


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "192.168.0.9", "fd00::1", "8.8.4.4"]
)
def test_a_declared_host_may_resolve_to(ip: str) -> None:
    check_address(DECLARED, DECLARED.upstreams[0], ip)


@pytest.mark.parametrize(
    "ip",
    [
        "8.8.8.8",
        "2606:4700::1",
        "169.254.169.254",
        "0.0.0.0",
        "100.100.100.200",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "",
        "localhost",
        "127.0.0.01",
        "10.1.2.3 ",
        "fe80::1%eth0",
        "2130706433",
    ],
)
def test_a_declared_host_may_not_resolve_to(ip: str) -> None:
    assert refusal(DECLARED, ip).host.startswith("staging.internal")


def test_a_public_address_says_that_its_network_is_wanted() -> None:
    error = refusal(DECLARED, "8.8.8.8")
    assert "a public address needs its network" in error.rule
    assert '["8.8.8.8/32"]' in error.remedy


@pytest.mark.parametrize("ip", ["10.1.2.3", "8.8.8.8"])
def test_an_undeclared_host_may_only_be_loopback(ip: str) -> None:
    env = environment("staging.internal")
    check_address(env, env.upstreams[0], "127.0.0.1")
    assert refusal(env, ip).rule == DEFAULT_DENY


@pytest.mark.parametrize(("host", "ip"), [("127.0.0.1", "127.0.0.2"), ("localhost", "10.0.0.1")])
def test_an_address_is_dialled_as_it_is_written(host: str, ip: str) -> None:
    assert "was to be dialled" in refusal(environment(host), ip).rule


@given(st.ip_addresses())
def test_without_a_declaration_only_loopback_passes(address: object) -> None:
    env = environment("staging.internal")
    try:
        check_address(env, env.upstreams[0], str(address))
    except GuardError:
        return
    assert str(address).startswith(("127.", "::ffff:127.", "::ffff:7f")) or str(address) == "::1"
