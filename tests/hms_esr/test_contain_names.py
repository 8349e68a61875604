"""The jail's resolver: every name is the door, whatever is asked and however badly."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.containment.names import (
    AAAA,
    ANY,
    BAD_QUERY,
    HTTPS,
    NO_ERROR,
    NOT_DONE,
    REFUSED,
    SVCB,
    A,
    build_answer,
    parse_question,
)

DOOR = "198.18.0.1"
NAME = b"\x03API\x08treasury\x07example\x00"
MX, TXT, PTR, SRV = 15, 16, 12, 33
CHAOS = 3


def query(kind: int = A, network: int = 1, *, name: bytes = NAME, flags: int = 0x0100) -> bytes:
    return struct.pack("!6H", 77, flags, 1, 0, 0, 0) + name + struct.pack("!2H", kind, network)


def code_of(answer: bytes | None) -> int:
    assert answer is not None
    return answer[3] & 0x0F


def answers_in(answer: bytes | None) -> int:
    assert answer is not None
    return int(struct.unpack_from("!H", answer, 6)[0])


@pytest.mark.parametrize(
    ("kind", "code", "answers"),
    [
        pytest.param(A, NO_ERROR, 1, id="A"),
        pytest.param(ANY, NO_ERROR, 1, id="ANY"),
        pytest.param(AAAA, NO_ERROR, 0, id="AAAA: there is no IPv6"),
        pytest.param(HTTPS, NO_ERROR, 0, id="HTTPS: no hint to hide the name"),
        pytest.param(SVCB, NO_ERROR, 0, id="SVCB"),
        pytest.param(MX, REFUSED, 0, id="MX"),
        pytest.param(TXT, REFUSED, 0, id="TXT: no tunnel"),
        pytest.param(PTR, REFUSED, 0, id="PTR"),
        pytest.param(SRV, REFUSED, 0, id="SRV"),
    ],
)
def test_what_is_answered(kind: int, code: int, answers: int) -> None:
    answer = build_answer(query(kind), DOOR)
    assert (code_of(answer), answers_in(answer)) == (code, answers)


def test_an_address_is_the_doors_and_not_kept_long() -> None:
    answer = build_answer(query(), DOOR)
    assert answer is not None
    number, flags, questions, answers, _, _ = struct.unpack_from("!6H", answer)
    assert (number, flags, questions, answers) == (77, 0x8580, 1, 1)
    assert answer[12:-16] == NAME + struct.pack("!2H", A, 1)
    assert answer[-16:] == struct.pack("!3HIH", 0xC00C, A, 1, 5, 4) + socket.inet_aton(DOOR)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param(query(network=CHAOS), REFUSED, id="another network"),
        pytest.param(query(flags=0x2800), NOT_DONE, id="an update"),
        pytest.param(query(name=b"\xc0\x0c"), BAD_QUERY, id="a pointer for a name"),
        pytest.param(query(name=b"\x40" + b"a" * 64 + b"\0"), BAD_QUERY, id="a long label"),
        pytest.param(query(name=(b"\x3f" + b"a" * 63) * 4 + b"\0"), BAD_QUERY, id="a long name"),
        pytest.param(query()[:-3], BAD_QUERY, id="cut off"),
        pytest.param(struct.pack("!6H", 1, 0, 2, 0, 0, 0), BAD_QUERY, id="two questions"),
    ],
)
def test_what_is_refused(asked: bytes, code: int) -> None:
    assert code_of(build_answer(asked, DOOR)) == code


@pytest.mark.parametrize("asked", [b"", b"\0" * 11, query(flags=0x8180)])
def test_what_deserves_no_word(asked: bytes) -> None:
    """Two resolvers that answer answers would never stop."""
    assert build_answer(asked, DOOR) is None


def test_names_are_read_as_a_person_writes_them() -> None:
    assert parse_question(query()).name == "api.treasury.example"
    assert parse_question(query(name=b"\0")).name == ""
    assert parse_question(query(name=b"\x02\xff.\0")).name == "\\xff."


@given(st.binary(max_size=600) | st.binary(max_size=60).map(lambda tail: query()[:12] + tail))
def test_nothing_upsets_it(data: bytes) -> None:
    """And whatever address it gives is the door's."""
    answer = build_answer(data, DOOR)
    if answer is not None and answers_in(answer):
        assert answer.endswith(socket.inet_aton(DOOR))
