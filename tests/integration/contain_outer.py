"""A pretend outside world in a network namespace, and a command run in it. A program, not a test.

`unshare -n python contain_outer.py` reads a JSON object from standard input and prints one: how the
command ended, and how often anything reached production. Nothing here can reach a real network.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

PRODUCTION = "203.0.113.7"
PRODUCTION6 = "2001:db8:1::7"
PORTS = (22, 80, 443, 5432)
ABSTRACT = "\0esr-production"


class Production:
    """Listeners of every kind, and how often each was reached."""

    def __init__(self, folder: Path) -> None:
        self.reached: dict[str, int] = {}
        self._held: list[socket.socket] = []
        for host in (PRODUCTION, "127.0.0.2"):
            for port in PORTS:
                self._accept(f"tcp {host} {port}", socket.AF_INET, (host, port))
            self._hear(f"udp {host}", socket.AF_INET, (host, 53))
        self._accept("tcp6", socket.AF_INET6, (PRODUCTION6, 443))
        self._hear("udp6", socket.AF_INET6, (PRODUCTION6, 53))
        self._accept("abstract", socket.AF_UNIX, ABSTRACT)
        self._accept("path", socket.AF_UNIX, str(folder / "production.sock"))

    def _accept(self, name: str, family: int, address: Any) -> None:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                self.reached[name] = self.reached.get(name, 0) + 1
                connection.close()

        self._start(listener, serve)

    def _hear(self, name: str, family: int, address: Any) -> None:
        bound = socket.socket(family, socket.SOCK_DGRAM)
        bound.bind(address)

        def serve() -> None:
            while True:
                _, peer = bound.recvfrom(65_536)
                self.reached[name] = self.reached.get(name, 0) + 1
                bound.sendto(b"production", peer)

        self._start(bound, serve)

    def _start(self, held: socket.socket, serve: Any) -> None:
        self._held.append(held)
        threading.Thread(target=serve, daemon=True).start()


def main() -> None:
    """Set the world up, run the command in it, and say what happened."""
    task = json.load(sys.stdin)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in (f"{PRODUCTION}/32", f"{PRODUCTION6}/128"):
        nodad = ["nodad"] if ":" in address else []
        subprocess.run(["ip", "addr", "add", address, "dev", "lo", *nodad], check=True)
    production = Production(Path.cwd())
    inherited = socket.create_connection((PRODUCTION, 22))
    os.dup2(inherited.fileno(), 200, inheritable=True)
    inherited.recv(1)  # it has been counted and closed, and is a network socket all the same
    before = dict(production.reached)
    done = subprocess.run(
        task["command"],
        env={**os.environ, **task["environment"]},
        stdin=inherited.fileno() if task["is_stdin_a_socket"] else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        close_fds=False,
        check=False,
        timeout=100,
    )
    reached = {
        name: count - before.get(name, 0)
        for name, count in production.reached.items()
        if count > before.get(name, 0)
    }
    json.dump(
        {"code": done.returncode, "out": done.stdout, "err": done.stderr, "reached": reached},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
