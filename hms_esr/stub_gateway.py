"""`python -P -m hms_esr.stub_gateway`: the stub gateway as a process of its own.

Its configuration is one line of JSON on standard input, as a run sends it, or a file. Here the
definitions are read, since stubs know no YAML. Read next: `stubs/serve.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hms_esr.definitions_files import ServiceFiles
from stubs.config import GatewayConfig
from stubs.serve import run_gateway, say
from switchboard.errors import EsrError

MAX_CONFIG_BYTES = 64 * 1024 * 1024


def main(arguments: list[str]) -> int:
    """`--config FILE`, or the line on standard input; the exit code."""
    try:
        config = GatewayConfig.from_json(_read_config(arguments))
    except EsrError as error:
        say(str(error))
        return error.exit_code
    return run_gateway(config, ServiceFiles(config.definitions).load)


def _read_config(arguments: list[str]) -> bytes:
    """Raises EsrError."""
    if not arguments:
        return _first_line()
    if len(arguments) != 2 or arguments[0] != "--config":
        raise EsrError("usage: python -P -m hms_esr.stub_gateway [--config FILE]")
    try:
        return Path(arguments[1]).read_bytes()
    except OSError as error:
        raise EsrError(f"cannot read {arguments[1]}: {error.strerror}") from error


def _first_line() -> bytes:
    """Of standard input, and not a byte more: what follows says whether the parent lives."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < MAX_CONFIG_BYTES:
        part = os.read(0, 65_536)
        if not part:
            break
        line += part
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
