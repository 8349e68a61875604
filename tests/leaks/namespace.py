"""Getting into a network namespace without a way out, as root or as anybody.

A mount namespace goes with it, so that `/etc/hosts` and `/etc/resolv.conf` can say that
production's names are production's. Read next: `runner.py`, which runs inside.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Final

from tests.leaks.places import (
    CLIENT,
    HOSTS,
    PROD_LINK,
    PROD_MAC,
    PROD_V4,
    PROD_V6,
    RESOLV,
    RUNNER_LINK,
    RUNNER_MAC,
    RUNNER_V4,
    RUNNER_V6,
)

SIOCGIFFLAGS: Final = 0x8913
SIOCSIFFLAGS: Final = 0x8914
SIOCSIFADDR: Final = 0x8916
IFF_UP: Final = 1


def unshare_command() -> list[str]:
    """What starts a process in namespaces of its own."""
    rootless = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *rootless, "--net", "--mount"]


def why_impossible() -> str | None:
    """Why this machine gives no namespace, or None when it does."""
    if shutil.which("unshare") is None:
        return "there is no `unshare` (util-linux) on this machine"
    tried = subprocess.run(
        [*unshare_command(), "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode == 0:
        return None
    return f"the kernel gives no network namespace: {tried.stderr.strip() or tried.returncode}"


def has_ip() -> bool:
    """Whether iproute2 is there."""
    return shutil.which("ip") is not None


def bring_up_loopback() -> None:
    """The loopback interface, and without iproute2 production's address on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        _set_up(sock, b"lo")
        if not has_ip():
            address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(PROD_V4))
            fcntl.ioctl(sock, SIOCSIFADDR, struct.pack("16s16s", b"lo:1", address))
            _set_up(sock, b"lo:1")


def _set_up(sock: socket.socket, name: bytes) -> None:
    asked = struct.pack("16sH14x", name, 0)
    (flags,) = struct.unpack_from("H", fcntl.ioctl(sock, SIOCGIFFLAGS, asked), 16)
    fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", name, flags | IFF_UP))


def cover_names(folder: Path) -> None:
    """Whoever asks for a name in here, asks production."""
    for name, text in (("hosts", HOSTS), ("resolv.conf", RESOLV)):
        file = folder / name
        file.write_text(text)
        file.chmod(0o644)
        subprocess.run(["mount", "--bind", str(file), f"/etc/{name}"], check=True)


def link_to(pid: int) -> None:
    """A wire from here to the namespace of the process, and everything outside is behind it."""
    for line in (
        f"link add {RUNNER_LINK} address {RUNNER_MAC} type veth"
        f" peer name {PROD_LINK} address {PROD_MAC}",
        f"link set {PROD_LINK} netns {pid}",
        f"addr add {RUNNER_V4}/24 dev {RUNNER_LINK}",
        f"link set {RUNNER_LINK} up",
        f"neigh replace {PROD_V4} lladdr {PROD_MAC} nud permanent dev {RUNNER_LINK}",
        f"route add default via {PROD_V4}",
        f"addr add {CLIENT}/32 dev lo",
    ):
        subprocess.run(["ip", *line.split()], check=True)
    for line in (
        f"addr add {RUNNER_V6}/64 dev {RUNNER_LINK} nodad",
        f"neigh replace {PROD_V6} lladdr {PROD_MAC} nud permanent dev {RUNNER_LINK}",
        f"-6 route add default via {PROD_V6}",
    ):
        subprocess.run(["ip", *line.split()], check=False)  # a kernel without IPv6 leaks none
