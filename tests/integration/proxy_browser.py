"""A session in a network without a way out: a browser, the interceptor, a sandbox, a production.

Run as a module inside `unshare --net`; prints one JSON object. The browser is given a production
URL and told to use the interceptor as its proxy, and knows the interceptor's authority.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from tests.integration.proxy_runs import PRODUCTION, RunningProxy, proxy, serving, write_rules

URL = "https://portal.hms.example/"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-default-apps", "--disable-dev-shm-usage",
    "--virtual-time-budget=10000",
)  # fmt: skip
TIMEOUT_S = 90


def spki_of(certificate: Path) -> str:
    """What `--ignore-certificate-errors-spki-list` wants of an authority."""
    key = load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()


def browse(door: RunningProxy, url: str, folder: Path) -> str:
    """The page as the browser has it."""
    done = subprocess.run(
        [
            "chromium", *FLAGS, f"--user-data-dir={folder / f'profile-{time.monotonic_ns()}'}",
            f"--proxy-server={door.url}", "--proxy-bypass-list=<-loopback>",
            f"--ignore-certificate-errors-spki-list={spki_of(door.ca)}", "--dump-dom", url,
        ],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return done.stdout or done.stderr[-2_000:]


def main() -> None:
    folder = Path.cwd()
    page = b"<!doctype html><p>the sandbox page</p><script>document.title = location.host</script>"
    with serving("127.0.0.3", page) as sandbox, serving(PRODUCTION, b"production", 443) as prod:
        write_rules(folder, sandbox.port)
        with proxy(folder) as door:
            found = {"page": browse(door, URL, folder)}
            found["refused"] = browse(door, f"https://{PRODUCTION}/", folder)
            code = door.stop()
    json.dump(
        {
            **found,
            "production": prod.accepted,
            "sandbox": [head.splitlines()[0] for head in sandbox.heads],
            "code": code,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
