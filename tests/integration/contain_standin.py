"""A door that is none: answers with what it was asked, for tests that are about the jail alone.

Takes the arguments of `esr gateway` and `esr proxy`. A program, not a test. As a launcher,
`python contain_standin.py contain COMMAND` is `esr contain` with doors like this one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ALARMED = 97


def main() -> None:
    """Be a door, or a supervisor with such doors."""
    if sys.argv[1] == "contain":
        contain(sys.argv[2:])
    else:
        serve(sys.argv[1:])


def contain(command: list[str]) -> None:
    from hms_esr import contain as product
    from hms_esr.containment.doors import Home, build_arguments
    from hms_esr.exits import run_guarded

    def start_command(door: str, home: Home) -> list[str]:
        return [sys.executable, __file__, *build_arguments(door, home)]

    vars(product)["start_command"] = start_command
    sys.exit(run_guarded(lambda: product.contain_command(command)))


def serve(arguments: list[str]) -> None:
    """Answer until SIGTERM."""

    def option(name: str) -> Path | None:
        return Path(arguments[arguments.index(name) + 1]) if name in arguments else None

    name = "gateway" if arguments[0] == "gateway" else arguments[arguments.index("--mode") + 1]
    asked: dict[str, int] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers(name, asked))
    authority, interlock = option("--ca-dir"), option("--interlock")
    if authority is not None:
        authority.mkdir(exist_ok=True)
        (authority / "stand-in-ca-cert.pem").write_text("an authority\n", encoding="ascii")

    def stop(*_: object) -> None:
        rows = [
            {"upstream": "svc", "address": "127.0.0.1", "port": 9001, "asked": host, "requests": n}
            for host, n in asked.items()
        ]
        if interlock is not None:
            interlock.write_text(json.dumps({"contacted": rows, "refused": []}), encoding="ascii")
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    behave(name)
    sys.stdout.write(f"ready 127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def behave(name: str) -> None:
    """What a test asked of every door: to be known, to fail, or never to be ready."""
    if (told := os.environ.get("STANDIN_PIDS")) is not None:
        with Path(told).open("a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
    match os.environ.get("STANDIN"):
        case "broken":
            sys.exit(f"esr: the {name} has no room")
        case "slow":
            signal.pause()


def answers(name: str, asked: dict[str, int]) -> type[BaseHTTPRequestHandler]:
    """Says which door was asked for what; `/alarm` ends it as a canary that got out does."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            host = self.headers["Host"]
            asked[host] = asked.get(host, 0) + 1
            if self.path in {"/alarm", "/end"}:
                os._exit(ALARMED if self.path == "/alarm" else 0)
            body = f"{name} {host} {self.path}".encode()
            if self.path == "/large":
                body = b"x" * 10_000_000
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Answers


if __name__ == "__main__":
    main()
