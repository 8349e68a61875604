"""Files of learned latencies on the disk: JSON as `esr stubs learn` writes it, or YAML by hand.

Read next: `stubs/latency/learned_file.py`, which says what is in one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson

from scenarios.yaml_lines import load_yaml
from stubs.latency.learned_file import Latencies, parse_latencies
from switchboard.errors import ScenarioError

MAX_BYTES: Final = 64 * 1024 * 1024
YAML: Final = (".yml", ".yaml")


def load_latencies(path: Path) -> Latencies:
    """Models by (service, method, template). Raises ScenarioError with every fault."""
    source = str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ScenarioError(f"{source} is over {MAX_BYTES // 2**20} MiB: no file of latencies")
        data = path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"cannot read {source}: {error.strerror}") from error
    if path.suffix in YAML:
        try:
            value, line_of = load_yaml(data.decode(), source)
        except UnicodeDecodeError as error:
            raise ScenarioError(f"{source} is not UTF-8 text") from error
        return parse_latencies(value, source=source, line_of=line_of)
    try:
        return parse_latencies(orjson.loads(data), source=source)
    except orjson.JSONDecodeError as error:
        raise ScenarioError(f"{source} is not JSON: {error}") from error
