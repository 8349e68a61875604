"""What a stub gateway is started with: one frozen value, JSON both ways.

The command line makes one, and so does a run that starts a gateway for itself; the process gets it
as one line of JSON. Nothing here touches a file. Floor 1. Read next: `serve.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self, cast

from stubs.clock import Anchor
from switchboard.errors import EsrError
from switchboard.fault_reader import kind_of, nearest

TOKEN: Final = "ESR_TOKEN"  # noqa: S105 - the variable's name
LOOPBACK: Final = "127.0.0.1:0"
JOURNAL: Final = 10_000
MAX_JOURNAL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Everything a gateway needs to know.

    listen: HOST:PORT for all services together.   services: names of those to serve, None for all.
    definitions: folders with YAML definitions, read after the bundled ones.
    settings: what a service with logic is told, by its name.
    latencies: a latency as a mapping, by service (`ach`) or route (`ach POST /payments`).
    faults: as mappings, on the recorded clock.   answers: a file of answers learned from a tape.
    touches, ledger: files that are written: who was touched by a fault, what really happened.
    admin: HOST:PORT of the admin API; "" puts it on the serving port, None nowhere.
    toxiproxy: HOST:PORT of the API of that name, None for none.
    port_each: every service has a port of its own.   ports: HOST:PORT by service.
    allow_callbacks: hosts and networks that callbacks may go to, besides this machine.
    clock: where recorded time stands; None starts it with the gateway.   journal: how many requests
    are kept.   with_parent: end as soon as standard input does.
    """

    listen: str = LOOPBACK
    seed: int = 0
    services: tuple[str, ...] | None = None
    definitions: tuple[str, ...] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    latencies: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Mapping[str, Any], ...] = ()
    answers: str | None = None
    touches: str | None = None
    ledger: str | None = None
    admin: str | None = ""
    toxiproxy: str | None = None
    port_each: bool = False
    ports: Mapping[str, str] = field(default_factory=dict)
    allow_callbacks: tuple[str, ...] = ()
    clock: Anchor | None = None
    journal: int = JOURNAL
    with_parent: bool = False

    def mapping(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def to_json(self) -> bytes:
        """One line."""
        return json.dumps(self.mapping()).encode()  # whatever its seed: orjson stops at 64 bits

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """What `to_json` wrote. Raises EsrError."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise EsrError(f"the gateway's configuration is not JSON: {error}") from error
        return cls.parse(value)

    @classmethod
    def parse(cls, value: object) -> Self:
        """From JSON values. Raises EsrError that names what is wrong."""
        if not isinstance(value, Mapping):
            raise _wrong("", f"must be an object, not {kind_of(value)}")
        names = [each.name for each in fields(cls)]
        for key in value:
            if key not in names:
                raise _wrong(str(key), f"is unknown; {nearest(str(key), names)}")
        return cls(**{key: _read(key, given) for key, given in value.items()})


def _read(key: str, value: Any) -> Any:
    """A value of the kind that the field wants."""
    if key == "clock":
        return None if value is None else _anchor(value)
    kinds, is_list = _KINDS[key]
    if value is None and type(None) in kinds:
        return None
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise _wrong(key, f"cannot be {kind_of(value)}")
    if is_list:
        return _items(key, cast(Sequence[Any], value))
    if key == "journal" and not 0 <= cast(int, value) <= MAX_JOURNAL:
        raise _wrong(key, f"must be a number from 0 to {MAX_JOURNAL:,}")
    return value


def _items(key: str, value: Sequence[Any]) -> tuple[Any, ...]:
    wanted: type = Mapping if key == "faults" else str
    if not all(isinstance(each, wanted) for each in value):
        raise _wrong(key, "must be a list of mappings" if key == "faults" else "must list texts")
    return tuple(value)


def _anchor(value: object) -> Anchor:
    try:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be a mapping, not {kind_of(value)}")
        return Anchor(**value)
    except (TypeError, ValueError) as error:
        raise _wrong("clock", str(error)) from error


def _wrong(key: str, message: str) -> EsrError:
    where = f"`{key}` " if key else ""
    return EsrError(f"the gateway's configuration: {where}{message}")


_NONE = type(None)
_KINDS: Final[Mapping[str, tuple[tuple[type, ...], bool]]] = {
    "listen": ((str,), False),
    "seed": ((int,), False),
    "services": ((list, tuple, _NONE), True),
    "definitions": ((list, tuple), True),
    "settings": ((Mapping,), False),
    "latencies": ((Mapping,), False),
    "faults": ((list, tuple), True),
    "answers": ((str, _NONE), False),
    "touches": ((str, _NONE), False),
    "ledger": ((str, _NONE), False),
    "admin": ((str, _NONE), False),
    "toxiproxy": ((str, _NONE), False),
    "port_each": ((bool,), False),
    "ports": ((Mapping,), False),
    "allow_callbacks": ((list, tuple), True),
    "journal": ((int,), False),
    "with_parent": ((bool,), False),
}
"""What each field takes, and whether it is a list."""
