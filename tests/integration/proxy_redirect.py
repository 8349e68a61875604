"""Transparent mode in a network of its own: iptables sends what a client dials to the interceptor.

Run as a module inside `unshare --net`; prints one JSON object. The client dials production's own
address, as one that takes no proxy does, and its kernel turns the connection to the interceptor.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.proxy_runs import PRODUCTION, curl, proxy, serving, write_rules

HOST = "portal.hms.example"


def main() -> None:
    folder = Path.cwd()
    with (
        serving("127.0.0.3") as sandbox,
        serving(PRODUCTION, b"production", 80) as plain,
        serving(PRODUCTION, b"production", 443) as secret,
    ):
        write_rules(folder, sandbox.port)
        with proxy(folder, mode="transparent") as door:
            rule = f"-d {PRODUCTION} -p tcp -j REDIRECT --to-ports {door.port}"
            subprocess.run(
                ["iptables", "-w", "-t", "nat", "-A", "OUTPUT", *rule.split()], check=True
            )
            asked = {
                "http": [f"http://{HOST}/"],
                "https": ["--cacert", str(door.ca), f"https://{HOST}/"],
                "other name": ["-k", "https://prod.test/"],
                "address": ["-k", f"https://{PRODUCTION}/"],
                "plain address": [f"http://{PRODUCTION}/"],
                "fronted": ["-k", "-H", f"Host: b.{HOST}", f"https://{HOST}/"],
            }
            names = [f"{name}:{port}:{PRODUCTION}" for name in (HOST, "prod.test")
                     for port in (80, 443)]  # fmt: skip
            resolve = [word for name in names for word in ("--resolve", name)]
            found = {
                name: curl("-i", *resolve, *arguments, cwd=folder).stdout
                for name, arguments in asked.items()
            }
            code = door.stop()
    production = plain.accepted + secret.accepted
    json.dump({**found, "production": production, "code": code}, sys.stdout)


if __name__ == "__main__":
    main()
