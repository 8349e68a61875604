"""A hostile command: tries every way out it can think of. A program, not a test; needs no library.

It is run in a pretend world only (`contain_runs.py`), with processes and a network of its own.
Prints one JSON object: for each way, `out` when it worked, and otherwise what stopped it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import ssl
import struct
import sys
import termios
import urllib.request
from collections.abc import Callable
from pathlib import Path

PRODUCTION = "203.0.113.7"
PRODUCTION6 = "2001:db8:1::7"
DOOR = "198.18.0.1"
WAIT_S = 1
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def seen() -> list[int]:
    return sorted(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())


def tcp(host: str, port: int) -> str:
    with socket.create_connection((host, port), timeout=WAIT_S) as made:
        return "the door" if made.getpeername()[0] == DOOR else "out"


def udp(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    query = bytes.fromhex("0001010000010000000000000377777703676f760000010001")
    with socket.socket(family, socket.SOCK_DGRAM) as made:
        made.settimeout(WAIT_S)
        made.sendto(query, (host, port))
        made.recv(512)
    return "out"


def unix(address: str) -> str:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(address)
    return "out"


def family(number: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> str:
    socket.socket(number, kind, protocol).close()
    return "out"


def inherited() -> str:
    os.fstat(200)
    return "out"


def redial() -> str:
    """Dial again with a socket that somebody handed down as standard input."""
    with socket.socket(fileno=os.dup(0)) as made:
        made.connect((PRODUCTION, 443))
    return "out"


def type_into_the_terminal() -> str:
    leader, follower = os.openpty()
    os.setsid()
    fcntl.ioctl(follower, termios.TIOCSCTTY, 0)
    fcntl.ioctl(follower, termios.TIOCSTI, b"x")
    os.close(leader)
    return "out"


def join_others() -> str:
    """Enter the network of another process, whichever can be seen."""
    reasons = set()
    for pid in seen():
        if pid == os.getpid():
            continue
        try:
            file = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
            check(libc.setns(file, 0x40000000))
            return tcp(PRODUCTION, 443)
        except OSError as error:
            reasons.add(str(error))
    raise PermissionError(" and ".join(sorted(reasons)))


def join_again() -> str:
    """Enter a network that is already ours, which takes a capability all the same."""
    file = os.open("/proc/self/ns/net", os.O_RDONLY)
    check(libc.setns(file, 0x40000000))
    return "out"


def uncover() -> str:
    check(libc.umount2(b"/run", 2))
    return "out"


def uncover_in_a_nest() -> str:
    check(libc.unshare(0x10000000 | 0x00020000))
    check(libc.umount2(b"/run", 2))
    return "out"


def add_a_route() -> str:
    """RTM_NEWROUTE for 0.0.0.0/0 by way of lo."""
    body = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 3, 253, 1, 0)
    body += struct.pack("HHI", 8, 4, 1)
    message = struct.pack("IHHII", 16 + len(body), 24, 0x505, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as made:
        made.send(message)
        (number,) = struct.unpack_from("i", made.recv(4096), 16)
    if number:
        raise OSError(-number, os.strerror(-number))
    return "out"


def ring() -> str:
    check(libc.syscall(425, 8, ctypes.create_string_buffer(256)))
    return "out"


def kill_the_first() -> str:
    os.kill(1, signal.SIGKILL)
    Path("/proc/1").stat()
    raise ProcessLookupError("it is still there")


def write_a_setting() -> str:
    with Path("/proc/sys/kernel/core_pattern").open("a", encoding="ascii"):
        return "out"


def write_a_rule() -> str:
    """Add a route to production, and ask for it."""
    route = f'  - {{host: "*.gov", to: {{name: p, address: {PRODUCTION}, port: 80}}}}\n'
    rules = Path("switchboard.yml")
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("routes:\n", "routes:\n" + route), encoding="utf-8")
    Path("switchboard.mode").write_text("live", encoding="utf-8")
    try:
        return fetch("http://pay.gov/")
    finally:
        rules.write_text(text, encoding="utf-8")


def fetch(url: str, *, proxied: bool = False) -> str:
    handlers = [] if proxied else [urllib.request.ProxyHandler({})]
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(*handlers, urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=WAIT_S) as answer:
        text = answer.read().decode()
    return "out" if text == "production" else f"the door: {text}"


def secret() -> str:
    return "out" if "ESR_SVC_TOKEN" in os.environ else "no"


def signing_key() -> str:
    key = Path(os.environ["ESR_HOME"]) / "interlock.key"
    return "out" if key.read_bytes() else "no"


def other_processes() -> str:
    return "no" if max(seen()) < 100 else "out"


WAYS: dict[str, Callable[[], str]] = {
    "an address": lambda: tcp(PRODUCTION, 443),
    "an address of this machine": lambda: tcp("127.0.0.2", 443),
    "ssh": lambda: tcp(PRODUCTION, 22),
    "a database by name": lambda: tcp("db.hms.gov", 5432),
    "a mapped address": lambda: tcp(f"::ffff:{PRODUCTION}", 443),
    "IPv6": lambda: tcp(PRODUCTION6, 443),
    "UDP": lambda: udp(PRODUCTION, 53),
    "UDP on loopback": lambda: udp("127.0.0.2", 53),
    "UDP over IPv6": lambda: udp(PRODUCTION6, 53),
    "an abstract socket": lambda: unix("\0esr-production"),
    "a socket file": lambda: unix("production.sock"),
    "an inherited descriptor": inherited,
    "a socket as standard input": redial,
    "vsock": lambda: family(40),
    "packets": lambda: family(17, socket.SOCK_RAW),
    "raw IP": lambda: family(socket.AF_INET, socket.SOCK_RAW, 1),
    "a ring": ring,
    "the terminal": type_into_the_terminal,
    "the network of another process": join_others,
    "a namespace entered": join_again,
    "a cover taken off": uncover,
    "a cover taken off in a nest": uncover_in_a_nest,
    "a route added": add_a_route,
    "a setting of the machine": write_a_setting,
    "a rule added": write_a_rule,
    "the first process killed": kill_the_first,
    "other processes": other_processes,
    "a secret of the doors": secret,
    "the key of the interlock": signing_key,
}


def main() -> None:
    """Try everything, each in a process of its own."""
    found = {}
    for name, way in WAYS.items():
        reading, writing = os.pipe()
        if os.fork() == 0:
            try:
                said = way()
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            os.write(writing, said.encode())
            os._exit(0)
        os.close(writing)
        os.wait()
        found[name] = os.read(reading, 65_536).decode()
        os.close(reading)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
