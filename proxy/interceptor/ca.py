"""The interceptor's certificate authority on disk, and the one that it believes itself.

mitmproxy makes the first when there is none. The second is a file of the authorities that the
rules name for the sandbox, and nothing else: with none named, it is our own, which vouches for no
server. Read next: `master.py`.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE

from proxy.interceptor.errors import InterceptorError
from switchboard.rules import Destination, Rules

CERTIFICATE: Final = f"{CONF_BASENAME}-ca-cert.pem"
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"


def prepare_ca(folder: Path) -> Path:
    """Make the folder and the authority in it, unless they are there; its certificate's path.

    The folder is for its owner only, and so is every key. Raises InterceptorError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        CertStore.from_store(folder, CONF_BASENAME, KEY_SIZE)
        for path in folder.iterdir():
            if path.suffix in (".pem", ".p12", ".cer") and stat.S_IMODE(path.stat().st_mode) & 0o77:
                path.chmod(0o600)
    except (OSError, ValueError) as error:
        raise InterceptorError(
            f"{folder} cannot hold the interceptor's certificate authority ({error}): "
            "name another folder with --ca-dir"
        ) from error
    return folder / CERTIFICATE


def write_trusted_ca(rules: Rules | None, folder: Path, base: Path) -> Path:
    """A file of the authorities that the sandbox's servers are believed by. Raises OSError.

    base: what file names in the rules are relative to.
    """
    texts = [_read(each, base) for each in _https(rules)]
    found = sorted({text for text in texts if text})
    if not found:
        return folder / CERTIFICATE
    whole = "\n".join(found)
    # mitmproxy keeps what it read of a file by the file's name.
    path = folder / f"sandbox-ca-{hashlib.sha256(whole.encode()).hexdigest()[:16]}.pem"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(whole, encoding="ascii")
    return path


def unbelievable(rules: Rules | None, base: Path) -> tuple[str, ...]:
    """Destinations asked by https of which no readable authority is named: none is reached."""
    return tuple(each.name for each in _https(rules) if not _read(each, base))


def _https(rules: Rules | None) -> Iterable[Destination]:
    if rules is None:
        return ()
    return (each for each in rules.destinations if each.scheme == "https")


def _read(destination: Destination, base: Path) -> str:
    """The certificates of a destination's `ca_file`; "" when there is none, or it is no such."""
    if destination.ca_file is None:
        return ""
    path = base / destination.ca_file
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
    return text.strip() if _BEGIN in text else ""
