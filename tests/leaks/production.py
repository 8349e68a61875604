"""The pretend production: it accepts whatever comes, answers it, and counts it.

Run as a process: on loopback beside the sandbox, and as a host of its own in a network namespace
of its own, where it is the whole outside world. Commands come as lines on standard input, answers
go as JSON lines to standard output; it ends with its standard input.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from tests.leaks import dns
from tests.leaks.packets import Counter, is_fence
from tests.leaks.places import (
    PROD_LINK,
    PROD_LOOPBACK,
    PROD_TCP,
    PROD_UDP,
    PROD_V4,
    PROD_V6,
    RUNNER_MAC,
    RUNNER_V4,
    RUNNER_V6,
    SANDBOX,
)

ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nx-production: yes\r\ncontent-length: 10\r\nconnection: close\r\n\r\n"
    b"PRODUCTION"
)
FENCE_WAIT_S: Final = 5.0
MOST_NOTES: Final = 20


class Production:
    """Listeners and counts of one host."""

    def __init__(self, interface: str, addresses: Sequence[str]) -> None:
        self._counter = Counter(interface, [a for a in addresses if ":" not in a])
        self._selector = selectors.DefaultSelector()
        self._connections = 0
        self._packets = 0
        self._notes: list[str] = []
        self._fences: set[str] = set()
        self._asked: set[str] = set()
        for address in addresses or ("0.0.0.0", "::"):
            self._listen(address)
        for number in self._counter.fileno_all():
            self._selector.register(number, selectors.EVENT_READ, "packets")

    def _listen(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for kind, ports in ((socket.SOCK_STREAM, PROD_TCP), (socket.SOCK_DGRAM, PROD_UDP)):
            for port in ports:
                sock = socket.socket(family, kind)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind((address, port))
                if kind == socket.SOCK_STREAM:
                    sock.listen(128)
                    self._selector.register(sock, selectors.EVENT_READ, "accept")
                else:
                    self._selector.register(sock, selectors.EVENT_READ, "datagram")

    def run(self) -> None:
        """Until standard input ends."""
        self._selector.register(0, selectors.EVENT_READ, "command")
        self._say({"event": "ready"})
        while True:
            for key, _ in self._selector.select():
                if key.data == "command":
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self._tell(line.strip())
                else:
                    self._take(key)

    def _tell(self, fence: str) -> None:
        """The counts, once the fence has arrived: nothing sent before it is under way then."""
        self._count()
        while fence not in self._fences:
            found = self._selector.select(FENCE_WAIT_S)
            if not found:
                self._say({"event": "lost", "fence": fence})
                return
            for key, _ in found:
                if key.data == "command":
                    return  # nobody waits for the answer any more
                self._take(key)
        self._fences.discard(fence)
        self._say(
            {
                "event": "counts",
                "connections": self._connections,
                "packets": self._packets,
                "notes": self._notes,
            }
        )
        self._notes = []

    def _say(self, what: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    def _take(self, key: selectors.SelectorKey) -> None:
        if key.data == "packets":
            self._count()
            return
        sock = key.fileobj
        assert isinstance(sock, socket.socket)
        if key.data == "accept":
            self._accept(sock)
        elif key.data == "datagram":
            self._answer_datagram(sock)
        else:
            self._answer(sock)

    def _count(self) -> None:
        for packet in self._counter.arrived():
            if is_fence(packet):
                self._fences.add(packet.payload.decode("latin-1"))
                continue
            self._packets += 1
            self._note(str(packet))

    def _note(self, what: str) -> None:
        if len(self._notes) < MOST_NOTES:
            self._notes.append(what)

    def _accept(self, sock: socket.socket) -> None:
        connection, where = sock.accept()
        self._connections += 1
        self._note(f"connection from {where[0]} to {connection.getsockname()[:2]}")
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ, "answer")

    def _answer(self, sock: socket.socket) -> None:
        try:
            got = sock.recv(65_536)
            if got:
                self._note(f"read {got[:60]!r}")
                sock.send(ANSWER)
        except OSError as error:
            self._note(f"answering failed: {error}")
        self._selector.unregister(sock)
        sock.close()

    def _answer_datagram(self, sock: socket.socket) -> None:
        got, where = sock.recvfrom(65_535)
        if sock.getsockname()[1] != 53:
            return
        try:
            name, kind, _ = dns.parse_question(got)
        except ValueError:
            return
        self._note(f"asked for {name}")
        sock.sendto(dns.build_answer(got, self._look_up(name) if kind == dns.A else []), where)

    def _look_up(self, name: str) -> list[str]:
        """Every name is production's; one that is to rebind is the sandbox's the first time."""
        if name.startswith("rebind") and name not in self._asked:
            self._asked.add(name)
            return [SANDBOX]
        return [PROD_V4 if name.startswith("api") else PROD_LOOPBACK]


def set_up_link() -> None:
    """Be a host of its own: everything that arrives is for us, whatever its address."""
    for line in (
        "link set lo up",
        f"addr add {PROD_V4}/24 dev {PROD_LINK}",
        f"link set {PROD_LINK} up",
        f"neigh replace {RUNNER_V4} lladdr {RUNNER_MAC} nud permanent dev {PROD_LINK}",
        "route add local 0.0.0.0/0 dev lo table main",
    ):
        subprocess.run(["ip", *line.split()], check=True)
    for line in (
        f"addr add {PROD_V6}/64 dev {PROD_LINK} nodad",
        f"neigh replace {RUNNER_V6} lladdr {RUNNER_MAC} nud permanent dev {PROD_LINK}",
        "-6 route add local ::/0 dev lo table main",
    ):
        subprocess.run(["ip", *line.split()], check=False)  # a kernel without IPv6 leaks none


def main() -> None:
    """`loopback ADDRESS...`, or `world` in a namespace of its own."""
    kind, *addresses = sys.argv[1:]
    if kind == "world":
        sys.stdout.write("here\n")
        sys.stdout.flush()
        sys.stdin.readline()  # the runner has moved the link here
        set_up_link()
        Production(PROD_LINK, ()).run()
    else:
        Production("lo", addresses).run()


if __name__ == "__main__":
    main()
