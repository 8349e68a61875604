"""Who reaches the admin API, and that nobody does by way of a stubbed service."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.admin.place import Door, is_address, is_admin_call, is_loopback, why_refused

HERE = "127.0.0.1"
HOST = (b"host", b"127.0.0.1:8080")
TOKEN = "t0ken-of-this-gateway"
BEARER = (b"authorization", f"Bearer {TOKEN}".encode())
OPEN = Door()
LOCKED = Door(TOKEN)
FROM_OUTSIDE = Door(TOKEN, is_loopback=False)
Pairs = list[tuple[bytes, bytes]]


@pytest.mark.parametrize(
    ("path", "headers", "peer", "door", "is_ours"),
    [
        pytest.param(b"/__esr/faults", [HOST], HERE, OPEN, True, id="plainly meant"),
        pytest.param(b"/__esr", [HOST], HERE, OPEN, True, id="the bare prefix"),
        pytest.param(b"/__esr/", [HOST], HERE, OPEN, True, id="with a slash"),
        pytest.param(b"/__esr/x", [(b"host", b"[::1]:80")], "::1", OPEN, True, id="IPv6"),
        pytest.param(b"/__esr/x", [(b"host", b"LocalHost")], HERE, OPEN, True, id="localhost"),
        pytest.param(b"/__esr/x", [HOST], "::ffff:127.0.0.1", OPEN, True, id="mapped peer"),
        pytest.param(b"/__esr/x", [HOST, BEARER], HERE, LOCKED, True, id="token"),
        pytest.param(b"/__esr/x", [HOST, BEARER], "10.1.1.1", LOCKED, True, id="token, from afar"),
        pytest.param(
            b"/__esr/x", [(b"host", b"10.0.0.9:8080"), BEARER], "10.1.1.1", FROM_OUTSIDE, True,
            id="an open address, by number, with the token",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"sec-fetch-site", b"none")], HERE, OPEN, True, id="typed in"
        ),
        # paths
        pytest.param(b"/ach/__esr/faults", [HOST], HERE, OPEN, False, id="below a service"),
        pytest.param(b"//__esr/faults", [HOST], HERE, OPEN, False, id="two slashes"),
        pytest.param(b"/%5f_esr/faults", [HOST], HERE, OPEN, False, id="percent-encoded"),
        pytest.param(b"/./__esr/faults", [HOST], HERE, OPEN, False, id="dots"),
        pytest.param(b"/__ESR/faults", [HOST], HERE, OPEN, False, id="upper case"),
        pytest.param(b"/__esrx", [HOST], HERE, OPEN, False, id="a longer word"),
        pytest.param(b"/__esr;a/faults", [HOST], HERE, OPEN, False, id="a parameter"),
        pytest.param(b"", [HOST], HERE, OPEN, False, id="nothing"),
        # whom it was sent to
        pytest.param(b"/__esr/x", [(b"host", b"ach.hms.example")], HERE, OPEN, False, id="a name"),
        pytest.param(
            b"/__esr/x", [(b"host", b"rebound.example:8080")], HERE, OPEN, False, id="rebound"
        ),
        pytest.param(
            b"/__esr/x", [(b"host", b"ach.localhost")], HERE, OPEN, False, id="*.localhost"
        ),
        pytest.param(b"/__esr/x", [(b"host", b"2130706433")], HERE, OPEN, False, id="a number"),
        pytest.param(b"/__esr/x", [(b"host", b"127.1")], HERE, OPEN, False, id="a short address"),
        pytest.param(b"/__esr/x", [(b"host", b"x@127.0.0.1")], HERE, OPEN, False, id="user info"),
        pytest.param(b"/__esr/x", [(b"host", b"")], HERE, OPEN, False, id="an empty host"),
        pytest.param(b"/__esr/x", [(b"host", b"\xff")], HERE, OPEN, False, id="no ASCII"),
        pytest.param(b"/__esr/x", [], HERE, OPEN, False, id="no host"),
        pytest.param(b"/__esr/x", [HOST, HOST], HERE, OPEN, False, id="two hosts"),
        pytest.param(
            b"/__esr/x", [(b"host", b"ach.hms.example"), BEARER], HERE, LOCKED, False,
            id="a name, even with the token",
        ),
        # who sent it
        pytest.param(b"/__esr/x", [HOST], "10.1.1.1", OPEN, False, id="from afar"),
        pytest.param(b"/__esr/x", [HOST], None, OPEN, False, id="from who knows where"),
        pytest.param(b"/__esr/x", [HOST], "x", OPEN, False, id="from no address"),
        pytest.param(b"/__esr/x", [HOST], HERE, LOCKED, False, id="no token"),
        pytest.param(b"/__esr/x", [HOST], HERE, Door(None, is_loopback=False), False, id="no key"),
        pytest.param(b"/__esr/x", [HOST, BEARER, BEARER], HERE, LOCKED, False, id="two tokens"),
        pytest.param(
            b"/__esr/x", [HOST, (b"authorization", TOKEN.encode())], HERE, LOCKED, False,
            id="no bearer",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"authorization", b"Bearer t0ken")], HERE, LOCKED, False,
            id="half a token",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"x-esr-request", b"1f")], HERE, OPEN, False, id="replayed"
        ),
        pytest.param(
            b"/__esr/x", [HOST, BEARER, (b"x-esr-service", b"ach")], HERE, LOCKED, False,
            id="replayed, even with the token",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"origin", b"https://evil.example")], HERE, OPEN, False,
            id="another origin",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"origin", b"http://127.0.0.1:8080")], HERE, OPEN, False,
            id="a page that a stub served",
        ),
        pytest.param(b"/__esr/x", [HOST, (b"origin", b"null")], HERE, OPEN, False, id="null"),
        pytest.param(
            b"/__esr/x", [HOST, (b"sec-fetch-site", b"cross-site")], HERE, OPEN, False,
            id="another site",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"sec-fetch-site", b"same-origin")], HERE, OPEN, False,
            id="the same site is a stub's",
        ),
        pytest.param(
            b"/__esr/x", [HOST, (b"x-forwarded-for", b"127.0.0.1")], HERE, OPEN, False,
            id="through a proxy",
        ),
        pytest.param(b"/__esr/x", [HOST, (b"via", b"1.1 p")], HERE, OPEN, False, id="via"),
    ],
)  # fmt: skip
def test_is_admin_call(
    path: bytes, headers: Pairs, peer: str | None, door: Door, is_ours: bool
) -> None:
    assert is_admin_call(path, headers, peer, door) is is_ours


def test_a_whole_url_is_for_whom_it_names() -> None:
    assert not is_admin_call(b"/__esr/faults", [HOST], HERE, OPEN, is_absolute_form=True)


NAMES = st.sampled_from(
    [b"host", b"origin", b"authorization", b"accept", b"via", b"sec-fetch-site", b"x-esr-run",
     b"x-esr-anything", b"cookie"]
)  # fmt: skip
VALUES = st.sampled_from(
    [b"127.0.0.1", b"localhost", b"ach.hms.example", b"none", b"null", b"Bearer x", BEARER[1], b""]
)
HEADERS = st.lists(st.tuples(NAMES, VALUES | st.binary(max_size=12)), max_size=6)
PATHS = st.sampled_from([b"/__esr", b"/__esr/faults", b"/__esr/state"]) | st.binary(max_size=12)
PEERS = st.sampled_from([HERE, "::1", "10.0.0.1", None, ""])
DOORS = st.sampled_from([OPEN, LOCKED, FROM_OUTSIDE, Door(None, is_loopback=False)])


@given(PATHS, HEADERS, PEERS, DOORS, st.booleans())
def test_whoever_gets_in_meant_the_gateway_itself(
    path: bytes, headers: Pairs, peer: str | None, door: Door, is_absolute_form: bool
) -> None:
    if not is_admin_call(path, headers, peer, door, is_absolute_form=is_absolute_form):
        return
    named = [name for name, _ in headers]
    assert path == b"/__esr" or path.startswith(b"/__esr/")
    assert not is_absolute_form
    assert not any(name.startswith(b"x-esr-") for name in named)
    assert b"origin" not in named
    assert [is_address(value) for name, value in headers if name == b"host"] == [True]
    if door.token is None:
        assert door.is_loopback
        assert is_loopback(peer)
    else:
        assert BEARER in headers


@given(PATHS, HEADERS, PEERS, DOORS, st.integers(0, 6))
def test_a_tag_of_a_run_keeps_everybody_out(
    path: bytes, headers: Pairs, peer: str | None, door: Door, at: int
) -> None:
    replayed = [*headers[:at], (b"x-esr-request", b"0"), *headers[at:]]
    assert not is_admin_call(path, replayed, peer, door)


@pytest.mark.parametrize(
    ("headers", "peer", "door", "status"),
    [
        ([HOST], HERE, OPEN, None),
        ([(b"host", b"esr-admin:8475"), BEARER], "172.18.0.3", FROM_OUTSIDE, None),
        ([(b"host", b"esr-admin:8475")], HERE, OPEN, 421),
        ([HOST], "10.0.0.1", OPEN, 403),
        ([HOST], HERE, Door(None, is_loopback=False), 403),
        ([HOST], HERE, LOCKED, 401),
        ([HOST, (b"origin", b"null"), BEARER], HERE, LOCKED, 403),
        ([HOST, (b"x-esr-run", b"R")], HERE, OPEN, 403),
    ],
)
def test_an_address_of_its_own_says_why(
    headers: Pairs, peer: str, door: Door, status: int | None
) -> None:
    refusal = why_refused(headers, peer, door)
    assert (None if refusal is None else refusal.status) == status
    if refusal is not None:
        assert TOKEN not in f"{refusal}"


def test_a_door_does_not_show_its_token() -> None:
    assert TOKEN not in repr(LOCKED)
