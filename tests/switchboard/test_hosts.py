"""Hosts that mean one thing only."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.hosts import (
    DisguisedHostError,
    host_of,
    literal_address,
    matches,
    parse_host,
    parse_pattern,
    why_never,
)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Staging.Internal", "staging.internal"),
        ("staging.internal.", "staging.internal"),
        ("localhost.", "localhost"),
        ("my_service", "my_service"),
        ("xn--nxasmq6b.example", "xn--nxasmq6b.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::FFFF:127.0.0.1]", "127.0.0.1"),
        ("1.example", "1.example"),
    ],
)
def test_hosts(text: str, host: str) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "256.0.0.1",
        "127.0.0.1.0x0",
        "example.0",
    ],
)
def test_numbers_in_disguise_are_refused(text: str) -> None:
    with pytest.raises(DisguisedHostError):
        parse_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "a..",
        ".a",
        "-a",
        "a-",
        "a b",
        "a\n",
        "a\r\nHost: x",
        "a\0",
        "a%2e",
        "a/b",
        "a:1",
        "a@b",
        "*",
        "::1",
        "[::1",
        "[::1%eth0]",
        "[v1.x]",
        "[127.0.0.1]",
        "[]",
        "bücher.example",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "localhos\u212a",
        "a" * 64,
        "a." * 130 + "a",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_host(text)


@given(st.text())
def test_a_parsed_host_is_plain_and_parses_to_itself(text: str) -> None:
    try:
        host = parse_host(text)
    except ValueError as error:
        said = str(error)
    else:
        said = host
        assert parse_host(f"[{host}]" if ":" in host else host) == host
    assert said.isprintable()
    assert said.isascii()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("svc.localhost", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("staging.internal", None),
        ("notlocalhost", None),
        ("localhost.example", None),
    ],
)
def test_literal_addresses(host: str, address: str | None) -> None:
    assert literal_address(host) == (None if address is None else ip_address(address))


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",
        "0.0.0.1",
        "::",
        "224.0.0.1",
        "ff02::1",
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "255.255.255.255",
        "240.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fec0::1",
    ],
)
def test_addresses_that_are_never_sent_to(ip: str) -> None:
    assert why_never(ip_address(ip))


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "10.0.0.1", "fd12::1", "8.8.8.8"]
)
def test_addresses_that_a_declaration_can_allow(ip: str) -> None:
    assert why_never(ip_address(ip)) is None


@pytest.mark.parametrize(
    ("pattern", "host", "taken"),
    [
        ("*", "anything", True),
        ("*", "", True),
        ("ach.*", "ach.hms.example", True),
        ("ach.*", "ach", False),
        ("ach.*", "coach.hms.example", False),
        ("*.hms.example", "ach.hms.example", True),
        ("*.hms.example", "a.b.hms.example", True),
        ("*.hms.example", "hms.example", False),
        ("*.hms.example", "evilhms.example", False),
        ("*.hms.example", "", False),
        ("ach.hms.example", "ach.hms.example", True),
        ("ach.hms.example", "ach.hms.example.evil", False),
    ],
)
def test_patterns(pattern: str, host: str, taken: bool) -> None:
    assert matches(parse_pattern(pattern), host) is taken


@pytest.mark.parametrize("text", ["", "**", "a.*.b", "*a", "a*", "*.", ".*", "*.*", "*.a b", "ü.*"])
def test_bad_patterns(text: str) -> None:
    with pytest.raises(ValueError, match="host"):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Svc.hms.example:443", "svc.hms.example"),
        ("svc:", "svc"),
        ("[::1]:80", "::1"),
        ("user:pass@svc:80", "svc"),
    ],
)
def test_recorded_authorities(authority: str, host: str) -> None:
    assert host_of(authority) == host


@pytest.mark.parametrize("authority", ["svc:x", "svc:80:80", "[::1]x", "a b", "svc:٨٠", "::1"])
def test_what_is_no_authority(authority: str) -> None:
    with pytest.raises(ValueError, match=r"host|port|brackets"):
        host_of(authority)
