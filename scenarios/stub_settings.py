"""The `stubs` section of a scenario or a drill: who answers in the embedded sandbox, and how.

Floor 2, pure: names and shapes are checked here; files are looked for when a run is prepared.
Read next: docs/stubs.md, which says what the services make of their settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stubs.latency import latency_mapping, parse_latency
from switchboard.fault_reader import FaultReader, join, kind_of, shown
from switchboard.headers import is_label

STUB_KEYS: Final[Mapping[str, str]] = {
    "services": "only these services answer, such as [svc, ach]; all of them when not given",
    "definitions": "a folder or file of definitions of one's own, looked for beside the scenario",
    "latencies": "a file that `esr stubs learn` wrote, looked for beside the scenario",
    "latency": "how slow: by service (`ach`) or by route (`ach POST /payments`)",
    "settings": "what a service is told, by service, such as `hitl: {skip: true}`",
}


@dataclass(frozen=True, slots=True)
class StubSettings:
    """What a scenario says of its stubs.

    latency: (service or `service METHOD /template`, latency as a mapping).
    settings: by service; plain JSON values.
    """

    services: tuple[str, ...] | None = None
    definitions: str | None = None
    latencies: str | None = None
    latency: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


NO_SETTINGS: Final = StubSettings()


def read_stub_settings(raw: object, path: str, reader: FaultReader) -> StubSettings:
    """The settings under `path`; what is wrong is remembered by the reader."""
    given = reader.mapping(raw, path, tuple(STUB_KEYS))
    services: tuple[str, ...] | None = None
    if "services" in given:
        found = [
            reader.checked(at, item, parse_service)
            for at, item in reader.items(given, path, "services")
        ]
        services = tuple(dict.fromkeys(name for name in found if name))
    return StubSettings(
        services=services,
        definitions=_file(given, path, "definitions", reader),
        latencies=_file(given, path, "latencies", reader),
        latency=_read_latency(given.get("latency", {}), join(path, "latency"), reader),
        settings=_read_settings(given.get("settings", {}), join(path, "settings"), reader),
    )


def stub_settings_mapping(settings: StubSettings) -> dict[str, Any]:
    """The settings as a file would hold them."""
    written = {
        "services": None if settings.services is None else list(settings.services),
        "definitions": settings.definitions,
        "latencies": settings.latencies,
        "latency": {target: dict(model) for target, model in settings.latency} or None,
        "settings": {name: dict(of) for name, of in settings.settings.items()} or None,
    }
    return {key: value for key, value in written.items() if value is not None}


def parse_service(text: str) -> str:
    """A service's label. Raises ValueError."""
    if not is_label(text):
        raise ValueError(f"{shown(text)} is no service; write a name such as ach or svc-fee")
    return text


def _file(given: Mapping[str, object], path: str, key: str, reader: FaultReader) -> str | None:
    if key not in given:
        return None
    return reader.checked(join(path, key), given[key], _parse_path)


def _parse_path(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > 4096:
        raise ValueError("must be the path of a file or a folder")
    return text


def _read_latency(
    raw: object, path: str, reader: FaultReader
) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    if not isinstance(raw, Mapping):
        reader.fault(path, f"must be a mapping such as `ach: 250`, not {kind_of(raw)}")
        return ()
    models: list[tuple[str, Mapping[str, Any]]] = []
    for target, value in raw.items():
        at = join(path, shown(target))
        before = len(reader.faults)
        reader.checked(at, target, parse_latency_target)
        model = parse_latency(value, at, reader)
        if len(reader.faults) == before:
            models.append((target, latency_mapping(model)))
    return tuple(models)


def parse_latency_target(text: str) -> str:
    """`ach`, or `ach POST /payments`. Raises ValueError."""
    service, _, route = text.partition(" ")
    method, _, template = route.partition(" ")
    is_route = not route or (method.isalpha() and method.isupper() and template.startswith("/"))
    if not is_label(service) or not is_route or not text.isprintable() or len(text) > 500:
        example = "write a service such as ach, or a route such as ach POST /payments"
        raise ValueError(f"{shown(text)} is neither a service nor a route; {example}")
    return text


def _read_settings(raw: object, path: str, reader: FaultReader) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(raw, Mapping):
        reader.fault(path, f"must be a mapping of services, not {kind_of(raw)}")
        return {}
    settings: dict[str, Mapping[str, Any]] = {}
    for service, value in raw.items():
        at = join(path, shown(service))
        reader.checked(at, service, parse_service)
        if isinstance(value, Mapping):
            settings[str(service)] = value
        else:
            reader.fault(at, f"must be a mapping such as {{skip: true}}, not {kind_of(value)}")
    return settings
