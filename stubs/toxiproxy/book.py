"""The proxies that Toxiproxy's clients know, and their toxics as faults of the timetable.

Each service is a proxy from the start; clients may add others, which stand for the service of that
name or of their upstream's host. Floor 1, no sockets. Read next: `api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stubs.admin.desk import Timetable
from stubs.faults.fault import Fault
from stubs.faults.reader import parse_fault
from stubs.toxiproxy.toxics import (
    Toxic,
    ToxiproxyError,
    parse_toxic,
    read_name,
    read_object,
    read_text,
    update_toxic,
)
from switchboard.fault_reader import FaultReader
from switchboard.routes import service_label, service_of
from switchboard.seeded import text64

MOST_PROXIES: Final = 500
MOST_TOXICS: Final = 500
LONGEST_ID: Final = 100


@dataclass(slots=True)
class Proxy:
    """One service under a name. `upstream` is a text that nobody dials."""

    name: str
    upstream: str
    service: str
    enabled: bool = True
    toxics: dict[str, Toxic] = field(default_factory=dict)


class Book:
    """Everything that a client can see and change.

    services: the names of those that are served now.   listen_of: where a service answers.
    """

    def __init__(
        self,
        chaos: Timetable,
        services: Callable[[], Sequence[str]],
        listen_of: Callable[[str], str],
    ) -> None:
        self._chaos = chaos
        self._services = services
        self._listen_of = listen_of
        self._proxies: dict[str, Proxy] = {}
        self._deleted: set[str] = set()

    @property
    def proxies(self) -> Mapping[str, Proxy]:
        """All of them, as the services and the timetable are now."""
        for name in self._services():
            if name not in self._proxies and name not in self._deleted:
                self._proxies[name] = Proxy(name, f"{name}.stubs", name)
        live = {fault.id for fault in self._chaos.faults}
        for proxy in self._proxies.values():  # faults may have been cleared in other ways
            proxy.enabled = _fault_id(proxy, "") not in live
            for name in [name for name in proxy.toxics if _fault_id(proxy, name) not in live]:
                del proxy.toxics[name]
        return self._proxies

    def find(self, name: str) -> Proxy:
        """Raises ToxiproxyError."""
        proxy = self.proxies.get(name)
        if proxy is None:
            raise ToxiproxyError(404, "proxy not found")
        return proxy

    def show(self, proxy: Proxy) -> dict[str, Any]:
        return {
            "name": proxy.name,
            "listen": self._listen_of(proxy.service),
            "upstream": proxy.upstream,
            "enabled": proxy.enabled,
            "toxics": [toxic.to_json() for toxic in proxy.toxics.values()],
        }

    def create(self, raw: object) -> Proxy:
        """Raises ToxiproxyError."""
        top = read_object(raw)
        name, upstream = read_name(top), read_text(top, "upstream", "")
        for key, value in (("name", name), ("upstream", upstream)):
            if not value:
                raise ToxiproxyError(400, f"missing required field: {key}")
        enabled = _read_enabled(top, True)
        if name in self.proxies:
            raise ToxiproxyError(409, "proxy already exists")
        if len(self._proxies) >= MOST_PROXIES:
            raise ToxiproxyError(409, f"there are {MOST_PROXIES} proxies already")
        proxy = Proxy(name, upstream, self._service_of(name, upstream))
        self._proxies[name] = proxy
        self._enable(proxy, enabled)
        return proxy

    def update(self, name: str, raw: object) -> Proxy:
        """Raises ToxiproxyError. Where it listens is not a client's to say."""
        proxy = self.find(name)
        top = read_object(raw)
        upstream = read_text(top, "upstream", proxy.upstream) or proxy.upstream
        enabled = _read_enabled(top, proxy.enabled)
        proxy.upstream = upstream
        self._enable(proxy, enabled)
        return proxy

    def delete(self, name: str) -> None:
        """Raises ToxiproxyError."""
        proxy = self.find(name)
        self._clear(proxy)
        del self._proxies[name]
        self._deleted.add(name)
        if len(self._deleted) > MOST_PROXIES:  # only those of services have to be remembered
            self._deleted &= set(self._services())

    def populate(self, raw: object) -> list[Proxy]:
        """Those that are there already stay as they are. Raises ToxiproxyError."""
        if not isinstance(raw, list):
            raise ToxiproxyError(400, "bad request body: a list of proxies is needed")
        for number, each in enumerate(raw, 1):
            top = read_object(each)
            for key in ("name", "upstream"):
                if not read_text(top, key, ""):
                    raise ToxiproxyError(400, f"missing required field: {key} at proxy {number}")
        return [self._populate_one(read_object(each)) for each in raw]

    def reset(self) -> None:
        """Enable all, and remove all toxics."""
        for proxy in self.proxies.values():
            self._clear(proxy)

    def find_toxic(self, proxy: Proxy, name: str) -> Toxic:
        """Raises ToxiproxyError."""
        if name not in proxy.toxics:
            raise ToxiproxyError(404, "toxic not found")
        return proxy.toxics[name]

    def add_toxic(self, proxy: Proxy, raw: object) -> Toxic:
        """Raises ToxiproxyError."""
        toxic = parse_toxic(raw)
        if toxic.name in proxy.toxics:
            raise ToxiproxyError(409, "toxic already exists")
        if sum(len(each.toxics) for each in self._proxies.values()) >= MOST_TOXICS:
            raise ToxiproxyError(409, f"there are {MOST_TOXICS} toxics already")
        self._inject(_fault_of(proxy, toxic))
        proxy.toxics[toxic.name] = toxic
        return toxic

    def update_toxic(self, proxy: Proxy, name: str, raw: object) -> Toxic:
        """Raises ToxiproxyError, and then nothing has changed."""
        old = self.find_toxic(proxy, name)
        new = update_toxic(old, raw)
        fault = _fault_of(proxy, new)
        self._chaos.remove(fault.id)
        try:
            self._inject(fault)
        except ToxiproxyError:
            self._inject(_fault_of(proxy, old))
            raise
        proxy.toxics[name] = new
        return new

    def remove_toxic(self, proxy: Proxy, name: str) -> None:
        """Raises ToxiproxyError."""
        self.find_toxic(proxy, name)
        self._chaos.remove(_fault_id(proxy, name))
        del proxy.toxics[name]

    def _populate_one(self, top: Mapping[str, object]) -> Proxy:
        name, upstream = read_name(top), read_text(top, "upstream", "")
        proxy = self.proxies.get(name)
        if proxy is None:
            return self.create(top)
        if proxy.upstream != upstream:
            self._clear(proxy)
            proxy.upstream, proxy.service = upstream, self._service_of(name, upstream)
        self._enable(proxy, _read_enabled(top, True))
        return proxy

    def _service_of(self, name: str, upstream: str) -> str:
        """The service of that name, else of the upstream's host, else one that nobody serves."""
        served = set(self._services())
        named = (service_label(name), service_of(upstream))
        return next((each for each in named if each.partition("-")[0] in served), named[0])

    def _enable(self, proxy: Proxy, enabled: bool) -> None:
        if enabled != proxy.enabled:
            if enabled:
                self._chaos.remove(_fault_id(proxy, ""))
            else:
                self._inject(_fault_from({"kind": "down"}, proxy, ""))
            proxy.enabled = enabled

    def _clear(self, proxy: Proxy) -> None:
        for name in proxy.toxics:
            self._chaos.remove(_fault_id(proxy, name))
        proxy.toxics.clear()
        self._enable(proxy, True)

    def _inject(self, fault: Fault) -> None:
        try:
            self._chaos.add(fault)
        except ValueError as error:
            raise ToxiproxyError(400, f"bad request body: {error}") from error


def _fault_id(proxy: Proxy, toxic: str) -> str:
    """`toxiproxy/ach/latency_downstream`; `toxiproxy/ach` where the proxy itself is down."""
    whole = f"toxiproxy/{proxy.name}/{toxic}" if toxic else f"toxiproxy/{proxy.name}"
    if len(whole) <= LONGEST_ID:
        return whole
    return f"{whole[: LONGEST_ID - 17]}-{text64(whole):016x}"


def _fault_of(proxy: Proxy, toxic: Toxic) -> Fault:
    return _fault_from(toxic.fields(), proxy, toxic.name)


def _fault_from(fields: Mapping[str, Any], proxy: Proxy, toxic: str) -> Fault:
    """Raises ToxiproxyError for what no fault can be, such as a delay of more than a day."""
    reader = FaultReader(lambda _: None)
    fault = parse_fault({**fields, "target": proxy.service}, "", reader)
    if fault is None:
        said = "; ".join(map(str, reader.faults))
        raise ToxiproxyError(400, f"bad request body: {said}")
    return replace(fault, id=_fault_id(proxy, toxic), reason="a toxic of Toxiproxy's API")


def _read_enabled(raw: Mapping[str, object], default: bool) -> bool:
    value = raw.get("enabled")
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ToxiproxyError(400, "bad request body: enabled must be true or false")
    return value
