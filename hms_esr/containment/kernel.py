"""The system calls that Python has no name for, each as a plain function that raises OSError.

Linux only. `os.unshare` exists from Python 3.12 on; the floor is 3.11, so ctypes it is.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
from typing import Final

NEW_USER: Final = 0x10000000
NEW_NET: Final = 0x40000000
NEW_MOUNT: Final = 0x00020000
NEW_IPC: Final = 0x08000000
NEW_PID: Final = 0x20000000

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_PR_CAPBSET_DROP: Final = 24
_PR_SET_SECUREBITS: Final = 28
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_NO_ROOT_LOCKED: Final = 0b1111
"""SECBIT_NOROOT and SECBIT_NO_SETUID_FIXUP, both locked: uid 0 is a name and no more."""
_CAPABILITY_VERSION_3: Final = 0x20080522
_LAST_CAPABILITY: Final = 63
_MOUNT_SETATTR: Final = 442  # one number on every architecture
_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_MOUNT_ATTR_RDONLY: Final = 0x1

_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_IFF_UP: Final = 0x1

_libc: Final = ctypes.CDLL(None, use_errno=True)
# Looked up now: `die_with_parent` also runs between fork and exec, where less is allowed.
_prctl: Final = _libc.prctl


def _check(result: int, what: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _set(option: int, *values: int) -> None:
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _check(_prctl(option, *words), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode() if kind else None)
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), target)


def make_read_only(target: str) -> None:
    """Forbid writing to a mount and to all below it."""
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.c_char_p(attributes),
        ctypes.c_size_t(len(attributes)),
    )
    _check(result, target)


def die_with_parent() -> None:
    """SIGKILL for this process as soon as the thread that started it is gone."""
    _set(_PR_SET_PDEATHSIG, signal.SIGKILL)


def hide_from_debuggers() -> None:
    """Nobody of the same user may read this process's memory or borrow its files."""
    _set(_PR_SET_DUMPABLE, 0)


def gain_nothing_by_exec() -> None:
    """No set-user-id program makes this process more than it is."""
    _set(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability for good, those of uid 0 included."""
    _set(_PR_SET_SECUREBITS, _NO_ROOT_LOCKED)
    _set(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            _set(_PR_CAPBSET_DROP, capability)
        except OSError:
            break  # past the last that this kernel knows
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, struct.pack("6I", *(0,) * 6)), "capset")


def install_filter(program: bytes) -> None:
    """Put every later system call of this process through a BPF program."""
    held = ctypes.create_string_buffer(program, len(program))
    words = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(held))
    mode, nothing = ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.c_ulong(0)
    result = _prctl(_PR_SET_SECCOMP, mode, ctypes.c_char_p(words), nothing, nothing)
    _check(result, "seccomp")


def bring_up_loopback() -> None:
    """Set `lo` up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        answer = fcntl.ioctl(asked, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        (flags,) = struct.unpack("16xH14x", answer)
        fcntl.ioctl(asked, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def add_loopback_address(address: str) -> None:
    """Give `lo` one more IPv4 address, of itself alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, _SIOCSIFADDR, _named(address))
        fcntl.ioctl(asked, _SIOCSIFNETMASK, _named("255.255.255.255"))


def _named(address: str) -> bytes:
    return struct.pack("16sHH4s8x", b"lo:esr", socket.AF_INET, 0, socket.inet_aton(address))
