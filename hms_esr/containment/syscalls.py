"""The few system calls that a network namespace does not answer for, as a seccomp filter.

A network namespace holds Internet sockets, but not every way off a machine: AF_VSOCK talks to the
hypervisor from any namespace, TIOCSTI types into the terminal that the command shares with the
shell outside, and io_uring makes sockets without asking seccomp. So sockets are of four families
or none. A program of another architecture (32 bits on a 64 bit machine) could say all that in
other numbers, so it may say nothing. Pure: bytes out. Read next: `jail.py`.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06

_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000

# Offsets in struct seccomp_data; arguments are 64 bits, of which the low half comes first on both
# architectures below.
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_FIRST_ARGUMENT: Final = 16
_SECOND_ARGUMENT: Final = 24

FAMILIES: Final = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
TERMINAL_INPUT: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one machine numbers what is filtered."""

    audit: int
    socket: int
    ioctl: int
    io_uring_setup: int
    foreign_from: int | None = None
    """Numbers from here on are those of another convention (x32)."""


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "x86_64": Architecture(0xC000003E, 41, 16, 425, 0x40000000),
    "aarch64": Architecture(0xC00000B7, 198, 29, 425),
}


def build_filter(machine: str) -> bytes:
    """The BPF program for a machine, as `uname -m` names it. Raises KeyError for one unknown."""
    numbers = ARCHITECTURES[machine]
    no_call = _refuse(errno.ENOSYS)
    foreign = numbers.foreign_from
    program = [
        _step(_LOAD, _ARCHITECTURE),
        *_unless_equal(numbers.audit, no_call),
        _step(_LOAD, _NUMBER),
        *((_step(_JUMP_IF_AT_LEAST, foreign, 0, 1), no_call) if foreign else ()),
        *_if_equal(numbers.io_uring_setup, [no_call]),
        *_if_equal(numbers.socket, _only(FAMILIES, _FIRST_ARGUMENT, errno.EAFNOSUPPORT)),
        *_if_equal(numbers.ioctl, _none_of(TERMINAL_INPUT, _SECOND_ARGUMENT, errno.EPERM)),
        _allow(),
    ]
    return b"".join(program)


def _only(values: Sequence[int], offset: int, number: int) -> list[bytes]:
    steps = [_step(_LOAD, offset)]
    for value in values:
        steps += _if_equal(value, [_allow()])
    return [*steps, _refuse(number)]


def _none_of(values: Sequence[int], offset: int, number: int) -> list[bytes]:
    steps = [_step(_LOAD, offset)]
    for value in values:
        steps += _if_equal(value, [_refuse(number)])
    return [*steps, _allow()]


def _if_equal(value: int, steps: list[bytes]) -> list[bytes]:
    return [_step(_JUMP_IF_EQUAL, value, 0, len(steps)), *steps]


def _unless_equal(value: int, step: bytes) -> list[bytes]:
    return [_step(_JUMP_IF_EQUAL, value, 1, 0), step]


def _allow() -> bytes:
    return _step(_RETURN, _ALLOW)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _REFUSE | number)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
