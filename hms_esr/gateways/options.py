"""What `esr gateway` was asked for, read and judged before anything is opened."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hms_esr.canaries import EVERY_S
from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.listening import Address, parse_address
from proxy.gateway.limits import Limits
from scenarios.plain_files import read_plain

DEFAULT_LISTEN: Final = "127.0.0.1:8080"
EXAMPLE_CONTROL: Final = "127.0.0.1:8421"
MOST_WORKERS: Final = 64
MOST_NUMBER: Final = 2**53
HUNG_AFTER_S: Final = 15.0
"""A worker reports every second; one that says nothing for so long will not come back."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Every option of the command, as values."""

    listen: Address
    rules_file: Path
    mode_file: Path
    interlock_file: Path
    workers: int = 1
    control: Address | None = None
    token: str | None = field(default=None, repr=False)
    """What callers of the control API must present, or None on loopback."""
    record: Path | None = None
    access_log: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    chaos: str | None = None
    """The faults that are played, as JSON text."""
    canaries_every_s: float = EVERY_S
    hung_after_s: float = HUNG_AFTER_S


def parse_control(text: str, env: Mapping[str, str]) -> tuple[Address, str | None]:
    """Where the control API listens, and its token. Raises GatewayError."""
    address = parse_address(text, "--control", EXAMPLE_CONTROL)
    token = env.get("ESR_TOKEN") or None
    if not address.is_loopback and token is None:
        raise GatewayError(
            f"--control {address} can be reached from beyond this machine: set ESR_TOKEN to a "
            f"secret that callers must present, or use {EXAMPLE_CONTROL}"
        )
    return address, token


def check_tls(cert: Path | None, key: Path | None) -> None:
    """Raise GatewayError unless both are there and belong together, or neither is asked for."""
    if cert is None and key is None:
        return
    if cert is None or key is None:
        given, missing = ("--tls-cert", "--tls-key") if key is None else ("--tls-key", "--tls-cert")
        raise GatewayError(f"{given} needs {missing} as well: name the file of each")
    for path in (cert, key):
        try:
            read_plain(path, 1)
        except OSError as error:
            raise GatewayError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, _no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise GatewayError(
            f"{cert} and {key} are no certificate with its key in PEM form ({reason}): "
            "write both as PEM, the key without a password"
        ) from None


def _no_password() -> str:
    raise ValueError("the key has a password")


def check_number(option: str, number: int) -> None:
    """Raise GatewayError for a number that no worker could be told."""
    if abs(number) > MOST_NUMBER:
        raise GatewayError(f"{option} must be at most {MOST_NUMBER:,}")


def check_apart(files: Mapping[str, Path | None]) -> None:
    """Raise GatewayError when two options name one file: each would spoil the other's.

    files: by the option, or whatever else says what the file is.
    """
    known: dict[Path, str] = {}
    for name, path in files.items():
        if path is None:
            continue
        real = _resolved(path)
        if real in known:
            raise GatewayError(f"{known[real]} and {name} are the same file, {path}: name two")
        known[real] = name


def _resolved(path: Path) -> Path:
    """Where it really is; links that lead in a circle are nowhere."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path


def check_writable(option: str, path: Path | None) -> None:
    """Raise GatewayError when a file cannot be written, before anything goes through."""
    if path is None:
        return
    if path.is_dir():
        raise GatewayError(f"{option} {path} is a folder: name a file")
    if not path.parent.is_dir():
        raise GatewayError(f"{option} {path}: there is no folder {path.parent}")
