"""The filter of system calls, run by a small interpreter of BPF: no kernel is asked."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_esr.containment.syscalls import ARCHITECTURES, FAMILIES, build_filter

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
VSOCK, PACKET = 40, 17
TIOCSTI, TIOCLINUX, TCGETS = 0x5412, 0x541C, 0x5401
X86 = ARCHITECTURES["x86_64"]
MACHINES = sorted(ARCHITECTURES)


def decide(program: bytes, number: int, architecture: int, *arguments: int) -> int:
    """What the kernel would do: ALLOW, or the error number of a refusal."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<iIQ6Q", number, architecture, 0, *padded)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    position = loaded = 0
    while True:
        code, if_true, if_false, value = steps[position]
        position += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, value)
        elif code == 0x15:
            position += if_true if loaded == value else if_false
        elif code == 0x35:
            position += if_true if loaded >= value else if_false
        else:
            assert code == 0x06
            return ALLOW if value == ALLOW else value - ERRNO


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_four_families_are_allowed(machine: str, family: int) -> None:
    numbers = ARCHITECTURES[machine]
    assert decide(build_filter(machine), numbers.socket, numbers.audit, family) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@given(st.integers(0, 255).filter(lambda family: family not in FAMILIES))
def test_every_other_family_is_not(machine: str, family: int) -> None:
    numbers = ARCHITECTURES[machine]
    refused = decide(build_filter(machine), numbers.socket, numbers.audit, family)
    assert refused == errno.EAFNOSUPPORT


@pytest.mark.parametrize("machine", MACHINES)
def test_a_family_is_the_low_half_of_its_argument(machine: str) -> None:
    """The kernel takes an int: what stands above it makes no other family."""
    numbers = ARCHITECTURES[machine]
    for family, expected in ((VSOCK, errno.EAFNOSUPPORT), (socket.AF_INET, ALLOW)):
        asked = 1 << 40 | family
        assert decide(build_filter(machine), numbers.socket, numbers.audit, asked) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("request_", "expected"), [(TIOCSTI, errno.EPERM), (TIOCLINUX, errno.EPERM), (TCGETS, ALLOW)]
)
def test_nobody_types_into_the_terminal(machine: str, request_: int, expected: int) -> None:
    numbers = ARCHITECTURES[machine]
    assert decide(build_filter(machine), numbers.ioctl, numbers.audit, 0, request_) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_there_are_no_rings(machine: str) -> None:
    numbers = ARCHITECTURES[machine]
    assert decide(build_filter(machine), numbers.io_uring_setup, numbers.audit) == errno.ENOSYS


@given(st.integers(0, 600), st.integers(0, 2**32 - 1))
def test_other_numberings_say_nothing(number: int, architecture: int) -> None:
    refused = decide(build_filter("x86_64"), number, architecture, VSOCK)
    assert refused == errno.ENOSYS or architecture == X86.audit
    assert decide(build_filter("x86_64"), 0x40000000 + number, X86.audit) == errno.ENOSYS


@given(st.integers(0, 600))
def test_everything_else_is_allowed(number: int) -> None:
    if number not in {X86.socket, X86.ioctl, X86.io_uring_setup}:
        assert decide(build_filter("x86_64"), number, X86.audit, VSOCK, TIOCSTI) == ALLOW


def test_a_machine_nobody_knows() -> None:
    with pytest.raises(KeyError):
        build_filter("pdp11")
