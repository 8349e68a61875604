"""`esr stubs serve`: the whole neighbourhood of a service, up in one command.

The gateway runs in this process; a run starts one of its own (`stub_gateway.py`).
Read next: `stubs/serve.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hms_esr.commands import Output
from hms_esr.definitions_files import ServiceFiles
from hms_esr.exits import PASS, UsageError
from scenarios.plain_files import read_plain
from scenarios.yaml_lines import MAX_CHARS, load_yaml
from stubs.clock import RecordedClock
from stubs.config import GatewayConfig
from stubs.faults.mapping import fault_mapping
from stubs.faults.reader import parse_faults
from stubs.latency import latency_mapping
from stubs.latency.learned_file import SCHEMA, parse_latencies
from stubs.overrides import parse_overrides
from stubs.records import record_nothing
from stubs.serve import run_gateway
from stubs.service import Service, Surroundings
from switchboard.fault_reader import LineOf

MAX_LATENCIES_BYTES: Final = 16_000_000


def serve_command(
    services: Sequence[str] = (),
    *,
    listen: str = "127.0.0.1:0",
    definitions: Sequence[str] = (),
    port_each: bool = False,
    admin: str | None = None,
    toxiproxy: str | None = None,
    seed: int = 0,
    chaos: str | None = None,
    latencies: str | None = None,
    answers: str | None = None,
    allow_callback: Sequence[str] = (),
    is_list: bool = False,
    json_file: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> int:
    """Serve until told to stop, or list what would be served; the exit code.

    services: names; none of them is all.   admin: an address of its own for the admin API.
    Raises EsrError for files, names and addresses that cannot be.
    """
    config = GatewayConfig(
        listen=listen,
        seed=seed,
        services=tuple(dict.fromkeys(services)) or None,
        definitions=tuple(definitions),
        latencies={} if latencies is None else read_latencies(Path(latencies)),
        faults=() if chaos is None else read_chaos(Path(chaos)),
        answers=answers,
        admin=admin or "",
        toxiproxy=toxiproxy,
        port_each=port_each,
        allow_callbacks=tuple(allow_callback),
    )
    files = ServiceFiles(config.definitions)
    if is_list:
        return _list(config, files, json_file)
    for service in config.services or ():
        if "/" in service or Path(service).suffix in (".yml", ".yaml"):
            raise UsageError(f"{service} is a file: say --definitions with the folder it is in")
    return run_gateway(config, files.load, env, hint="Ctrl-C ends it")


def read_chaos(path: Path) -> tuple[dict[str, Any], ...]:
    """The faults of a YAML file: a list, or a mapping with `chaos`. Raises EsrError."""
    value, line_of = load_yaml(_text(path, 4 * MAX_CHARS), str(path))
    at = "chaos" if isinstance(value, Mapping) and "chaos" in value else ""
    raw = value["chaos"] if isinstance(value, Mapping) and at else value
    faults = parse_faults(raw, source=str(path), line_of=line_of, path=at)
    return tuple(fault_mapping(fault) for fault in faults)


def read_latencies(path: Path) -> dict[str, Any]:
    """Latencies by service or route: what `esr stubs learn` wrote, or YAML. Raises EsrError."""
    text = _text(path, MAX_LATENCIES_BYTES)
    value = _json(text)
    line_of: LineOf = _no_line
    if value is None:
        value, line_of = load_yaml(text, str(path))
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: latencies are a mapping, such as `ach POST /payments: 80`")
    if value.get("schema") != SCHEMA:
        parse_overrides(value, source=str(path), line_of=line_of)  # the file is known only here
        return dict(value)
    learned = parse_latencies(value, source=str(path), line_of=line_of)
    return {" ".join(key): latency_mapping(model) for key, model in learned.items()}


def services_of(config: GatewayConfig, files: ServiceFiles) -> Sequence[Service]:
    """What would be served, by name. Raises EsrError."""
    clock = RecordedClock()

    def surroundings(name: str) -> Surroundings:
        return Surroundings(config.seed, clock, record_nothing, config.settings.get(name, {}))

    loaded = files.load(surroundings)
    wanted = config.services
    if wanted is None:
        return sorted(loaded, key=lambda service: service.name)
    known = {service.name: service for service in loaded}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UsageError(f"there is no service {unknown[0]!r:.60}; there are {', '.join(known)}")
    return [known[name] for name in wanted]


def _list(config: GatewayConfig, files: ServiceFiles, json_file: str | None) -> int:
    out = Output(json_file)
    services = services_of(config, files)
    for service in services:
        hosts = f"  ({', '.join(service.hosts)})" if service.hosts else ""
        out.voice.write(f"{service.name}  {service.title}{hosts}\n")
        for route in service.routes:
            out.voice.write(f"  {route.name}\n")
    out.write({"services": [_row(service) for service in services]})
    out.check_heard()
    return PASS


def _row(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "title": service.title,
        "hosts": list(service.hosts),
        "routes": [{"method": r.method, "path": r.template} for r in service.routes],
    }


def _text(path: Path, most_bytes: int) -> str:
    try:
        return read_plain(path, most_bytes).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {reason}") from error


def _json(text: str) -> object:
    """JSON is read as such where it is some: a learned file may be larger than YAML is read."""
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[") else None
    except ValueError:
        return None


def _no_line(path: str) -> int | None:
    return None
