"""The seal: exactly the pairs of the allow-set, and nothing that looks like one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.errors import GuardError
from switchboard.seal import check_dial

ALLOWED = frozenset({("127.0.0.1", 9001), ("::1", 443)})


@pytest.mark.parametrize(("address", "port"), sorted(ALLOWED))
def test_what_is_allowed_passes(address: str, port: int) -> None:
    check_dial(ALLOWED, address, port)


class LooksAllowed(str):
    """Says it is whatever it is compared with."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("127.0.0.1", 9002),
        ("127.0.0.2", 9001),
        ("::1", 9001),
        ("localhost", 9001),
        ("127.0.0.1.", 9001),
        ("127.0.0.01", 9001),
        ("127.1", 9001),
        ("2130706433", 9001),
        ("::ffff:127.0.0.1", 9001),
        ("0:0:0:0:0:0:0:1", 443),
        ("127.0.0.1 ", 9001),
        ("127.0.0.1\0", 9001),
        ("", 9001),
        (None, 9001),
        (b"127.0.0.1", 9001),
        ("127.0.0.1", "9001"),
        ("127.0.0.1", 9001.0),
        ("127.0.0.1", None),
        ("::1", True),
        (LooksAllowed("127.0.0.1"), 9001),
        (("127.0.0.1", 9001), 9001),
    ],
)
def test_anything_else_is_refused(address: Any, port: Any) -> None:
    with pytest.raises(GuardError) as caught:
        check_dial(ALLOWED, address, port)
    assert caught.value.exit_code == 97
    assert str(caught.value).isprintable()


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_an_empty_allow_set_lets_nothing_out(address: object, port: int) -> None:
    with pytest.raises(GuardError):
        check_dial(frozenset(), str(address), port)


@given(st.ip_addresses().map(str), st.integers(0, 65_535))
def test_only_members_pass(address: str, port: int) -> None:
    try:
        check_dial(ALLOWED, address, port)
    except GuardError:
        return
    assert (address, port) in ALLOWED
