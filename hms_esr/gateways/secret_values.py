"""The values of injected credentials, read from the environment and from files. Never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hms_esr.gateways.errors import GatewayError
from scenarios.plain_files import read_plain
from switchboard.headers import is_value
from switchboard.rules import Rules

MOST_BYTES = 65_536


def read_secrets(rules: Rules, env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Every value that the rules inject, by `Injection.secret_name`.

    folder: what file names in the rules are relative to.
    Raises GatewayError that names the variable or the file, never its value.
    """
    return {
        **{name: _from_env(rules, name, env) for name in rules.secret_names},
        **{f"file:{name}": _from_file(rules, folder / name) for name in rules.secret_files},
    }


def _from_env(rules: Rules, name: str, env: Mapping[str, str]) -> str:
    value = env.get(name)
    if not value or not value.strip():
        raise GatewayError(
            f"{rules.source} injects a credential from the environment variable {name}, which is "
            f"{'empty' if name in env else 'not set'}: set it to the sandbox's own"
        )
    if not is_value(value):
        raise GatewayError(f"the environment variable {name} cannot stand in a header: mend it")
    return value


def _from_file(rules: Rules, path: Path) -> str:
    try:
        data = read_plain(path, MOST_BYTES + 1)
    except OSError as error:
        raise GatewayError(
            f"{rules.source} injects a credential from {path}, which cannot be read: "
            f"{error.strerror or error}"
        ) from None
    value = data.decode("latin-1").strip("\r\n")
    if not value.strip() or len(data) > MOST_BYTES or not is_value(value):
        raise GatewayError(
            f"{path} holds no credential: it must be one line of text that can stand in a header"
        )
    return value
