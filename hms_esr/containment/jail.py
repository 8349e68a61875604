"""Making a jail: namespaces of its own, a network with nothing in it but `lo`, covered ways round.

Runs in the warden, step by step, as root of the new namespaces; nothing of it needs root outside.
Every step that fails raises: a jail that is only half there is no jail.
Read next: `kernel.py`, `syscalls.py`, docs/containment.md.
"""

from __future__ import annotations

import errno
import os
import platform
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from hms_esr.containment import kernel
from hms_esr.containment.plan import DOOR, RESOLVER, Listening, Plan, Way
from hms_esr.containment.syscalls import ARCHITECTURES, build_filter

NAMESPACES: Final = kernel.NEW_NET | kernel.NEW_MOUNT | kernel.NEW_IPC | kernel.NEW_PID
BACKLOG: Final = 512
TRUST_STORES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_NET_SETTINGS: Final = (
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    # The command has no capability, and yet a service of its own may want port 80 of its own.
    ("ipv4/ip_unprivileged_port_start", "0"),
)


def enter(way: Way) -> None:
    """Leave this machine's network, mounts and processes. The next child is the jail's first."""
    uid, gid = os.geteuid(), os.getegid()
    if way == "root":
        kernel.unshare(NAMESPACES)
        return
    kernel.unshare(kernel.NEW_USER | NAMESPACES)
    # Only with this may a user who is not root map a group.
    with suppress(FileNotFoundError):
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def furnish(plan: Plan) -> list[str]:
    """Make mounts and network; what could not be had, but does no harm. Raises OSError."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    notes = [*_mount_proc()]
    for path in plan.sockets:
        _cover_socket(path)
    for path in plan.hidden:
        if Path(path).is_file():
            kernel.mount("/dev/null", os.path.realpath(path), None, kernel.MS_BIND)
    for folder in plan.covered:
        if Path(folder).is_dir():
            _mount_empty(folder)
    Path(plan.own).mkdir(parents=True, exist_ok=True)
    _mount_empty(plan.own)
    _write_names(Path(plan.own))
    kernel.bring_up_loopback()
    kernel.add_loopback_address(DOOR)
    notes += _set_network()
    _protect_settings()
    # By name once more: a working directory that was opened before may lie under a cover.
    os.chdir(plan.folder)
    return notes


def trust(plan: Plan, authority: str) -> None:
    """Have programs of the jail trust the doors' authority, and no other."""
    file = Path(plan.own) / "ca.pem"
    file.write_text(authority, encoding="ascii")
    for path in {os.path.realpath(each) for each in TRUST_STORES}:
        if Path(path).is_file():
            kernel.mount(str(file), path, None, kernel.MS_BIND)


def listen(wanted: Listening) -> socket.socket:
    """A socket inside the jail that accepts for somebody outside."""
    made = socket.socket(socket.AF_INET, wanted.type)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((wanted.host, wanted.port))
    if wanted.type == socket.SOCK_STREAM:
        made.listen(BACKLOG)
    return made


def give_up_power() -> None:
    """For the command: no capability, none to be had, and no call that leads round the network."""
    kernel.drop_capabilities()
    kernel.gain_nothing_by_exec()
    kernel.install_filter(build_filter(platform.machine()))


def is_known_machine() -> bool:
    """Whether there is a filter for this machine."""
    return platform.machine() in ARCHITECTURES


def _mount_proc() -> Iterator[str]:
    """A /proc that shows the jail's own processes, and nobody else's."""
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    try:
        kernel.mount("proc", "/proc", "proc", flags)
    except PermissionError:
        # In a container that masks a part of /proc, the kernel gives out no unmasked one.
        yield "/proc still lists the processes outside, because this system allows no other"


def _mount_empty(folder: str) -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", folder, "tmpfs", flags, "mode=755,size=64m")


def _cover_socket(path: str) -> None:
    """Have a socket of this machine lead nowhere. What cannot be found, the command cannot find."""
    try:
        if stat.S_ISSOCK(Path(path).stat().st_mode):
            kernel.mount("/dev/null", path, None, kernel.MS_BIND)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.EACCES, errno.ENOTDIR}:
            raise


def _write_names(own: Path) -> None:
    """Let names be asked of the jail's resolver alone."""
    texts = {
        "resolv.conf": f"nameserver {RESOLVER}\noptions timeout:2 attempts:2\n",
        "hosts": f"127.0.0.1 localhost {socket.gethostname()}\n",
    }
    with suppress(FileNotFoundError):
        told = Path("/etc/nsswitch.conf").read_text(encoding="utf-8", errors="surrogateescape")
        texts["nsswitch.conf"] = ask_only_dns(told)
    for file, text in texts.items():
        (own / file).write_text(text, encoding="utf-8", errors="surrogateescape")
        target = Path(os.path.realpath(Path("/etc", file)))
        if not target.exists():
            if not Path("/etc", file).is_symlink():
                continue  # without one, libraries ask 127.0.0.1 by themselves
            # A link into /run, which is empty here.
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        kernel.mount(str(own / file), str(target), None, kernel.MS_BIND)


def ask_only_dns(nsswitch: str) -> str:
    """`/etc/nsswitch.conf` with no source of host names but the jail's own."""
    kept = [line for line in nsswitch.splitlines() if not line.lstrip().startswith("hosts:")]
    return "\n".join([*kept, "hosts: files dns", ""])


def _set_network() -> Iterator[str]:
    for name, value in _NET_SETTINGS:
        try:
            Path("/proc/sys/net", name).write_text(value, encoding="ascii")
        except FileNotFoundError:
            continue  # this kernel has no IPv6
        except OSError as error:
            yield f"net/{name} could not be set ({error.strerror})"


def _protect_settings() -> None:
    """Settings of the machine (core_pattern, uevent_helper) can start programs outside.

    The kernel lets uid 0 write them by its number alone, without a capability.
    """
    for folder in ("/proc/sys", "/sys"):
        if not Path(folder).is_dir():
            continue
        try:
            kernel.mount(folder, folder, None, kernel.MS_BIND | kernel.MS_REC)
            kernel.make_read_only(folder)
        except OSError:
            if os.geteuid() == 0:
                raise
