"""Service definitions being written: names, hosts, routes, and room for no more than can be read.

Floor 1, pure. docs/stubs.md has the format. A file that a person could not read, because it is too
large, is not written either: what does not fit is refused and said.
Read next: `answers.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stubs.definitions.error import DefinitionError
from stubs.definitions.reader import parse_definition
from stubs.importers.report import NotTakenError
from stubs.importers.yaml_text import count_values, dump_yaml, is_writable
from switchboard.fault_reader import shown

MAX_FILE_CHARS: Final = 240_000
MAX_FILE_VALUES: Final = 18_000
MAX_SERVICES: Final = 200
MAX_NAME: Final = 24
MAX_HOSTS: Final = 100

_NOT_NAME: Final = re.compile(r"[^a-z0-9]+")
_PART: Final = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_PART}(\.{_PART}){{0,10}}")
_ADDRESS: Final = re.compile(r"[0-9.]+|\[.*|localhost")

Route = Mapping[str, Any]
Fault = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came out of a file.

    chaos: faults that belong to the routes, as a scenario's `chaos` list takes them.
    drill: a whole drill, when the file was one.
    """

    services: tuple[Mapping[str, Any], ...] = ()
    chaos: tuple[Fault, ...] = ()
    drill: Mapping[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        return not self.services and self.drill is None


@dataclass(slots=True)
class Draft:
    """One service on its way."""

    name: str
    title: str
    hosts: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    _chars: int = 500
    _values: int = 20

    def add(self, *routes: Route, state: Mapping[str, Any] | None = None) -> None:
        """Add routes and the states that they need: all of them or none.

        Raises NotTakenError when the definition would become one that is not read.
        """
        new: list[Route] = [
            {key: value for key, value in route.items() if value is not None} for route in routes
        ]
        machines = {k: v for k, v in (state or {}).items() if k not in self.state}
        values = self._values + count_values(new) + count_values(machines)
        if values > MAX_FILE_VALUES:
            raise NotTakenError(f"the definition of {self.name} is full: a file holds so much")
        if not all(map(is_writable, new)):
            raise NotTakenError("it holds text, numbers or a depth that no YAML file here can hold")
        chars = self._chars + len(dump_yaml({"routes": new, "state": machines}))
        if chars > MAX_FILE_CHARS:
            raise NotTakenError(f"the definition of {self.name} is full: a file holds so much")
        self._check(new, {**self.state, **machines})
        self._chars, self._values = chars, values
        self.state |= machines
        self.routes.extend(new)

    def _check(self, routes: list[Route], state: Mapping[str, Any]) -> None:
        """Whoever reads the file must be able to: what is not understood is said now."""
        raw = {"service": self.name, "state": state, "routes": routes}
        try:
            parse_definition(raw, source=self.name, line_of=lambda _: None)
        except DefinitionError as error:
            fault = error.faults[0]
            where = fault.path.partition(".")[2]
            raise NotTakenError(f"{where}: {fault.message}" if where else fault.message) from None

    def add_host(self, host: str) -> None:
        """A further name to answer to; "" is none."""
        if host and host not in self.hosts and len(self.hosts) < MAX_HOSTS:
            self.hosts.append(host)

    def to_mapping(self) -> dict[str, Any]:
        """The service as its file holds it."""
        written: dict[str, Any] = {"service": self.name, "title": self.title}
        if self.hosts:
            written["hosts"] = list(self.hosts)
        if self.state:
            written["state"] = self.state
        written["routes"] = list(self.routes)
        return written


class Drafts:
    """The services of one file, by where they answer."""

    def __init__(self, fallback: str) -> None:
        self._fallback = fallback
        self._of: dict[str, Draft] = {}

    def of_host(self, authority: str, title: str = "") -> Draft:
        """The service that answers at `shop.example:8080`; "" is the file's own."""
        host = host_of(authority)
        draft = self.named(authority.lower(), host or self._fallback, title)
        if not any(host in known.hosts for known in self._of.values()):
            draft.add_host(host)
        return draft

    def named(self, key: str, wish: str, title: str = "") -> Draft:
        """The service known as `key`, which is called something like `wish`."""
        if key not in self._of:
            if len(self._of) >= MAX_SERVICES:
                raise NotTakenError(f"at most {MAX_SERVICES} services are made of one file")
            name = choose_name(wish, {draft.name for draft in self._of.values()})
            self._of[key] = Draft(name, shown(title or f"imported from {wish}"))
        return self._of[key]

    def services(self) -> tuple[Mapping[str, Any], ...]:
        """All that have routes."""
        return tuple(draft.to_mapping() for draft in self._of.values() if draft.routes)


def host_of(authority: str) -> str:
    """The host name in `user@Shop.Example:8080`; "" for an address, which is no service's name."""
    host = authority.rpartition("@")[2].lower().partition(":")[0].rstrip(".")
    if _ADDRESS.fullmatch(host) or not _HOST.fullmatch(host):
        return ""
    return host


def choose_name(wish: str, taken: Iterable[str]) -> str:
    """A label of letters and digits that is not taken yet: `svc-eu.hms.example` is `svc`.

    Requests of a replay name the first label of the host that they were recorded at, and `svc`
    answers for every `svc-…`; so that is what the service is called where it can be.
    """
    taken = set(taken)
    labels = [label for label in wish.lower()[:253].split(".") if _NOT_NAME.sub("", label)]
    first = labels[0] if labels else "service"
    family = _NOT_NAME.sub("", first.partition("-")[0]) or first
    wishes = [_NOT_NAME.sub("", each) for each in (family, first, "".join(labels[:2]))]
    names = [(name if name[:1].isalpha() else f"s{name}")[:MAX_NAME] for name in wishes]
    for name in (*names, *(f"{names[0]}{number}" for number in range(2, len(taken) + 3))):
        if name not in taken:
            return name
    raise NotTakenError("there is no name left for the service")


def choose_key(text: str) -> str:
    """A short word for something that somebody named in many."""
    word = re.sub(r"[^a-z0-9]+", "_", text.lower()[:60]).strip("_") or "state"
    return word if word[0].isalpha() else f"s_{word}"
