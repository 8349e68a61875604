"""Which service a request is for: by its own header, by its host, by its path, by its port.

Floor 1, pure. Read next: `routing.py`, which finds the route within the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from stubs.routing import family_of
from stubs.service import Service
from switchboard.routes import service_label, service_of

LONGEST_HOST: Final = 256
_REMEMBERED: Final = 4096
UNNAMED: Final = frozenset({"default", "localhost"})
"""What a host without a name of its own is called; no service of anybody's."""


class ServiceChoice:
    """Knows the services by name and by host."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._names: frozenset[str] = frozenset()
        self._hosts: dict[str, str] = {}
        for service in services:
            self._names |= {service.name}
            self._hosts.update((host.lower().rstrip("."), service.name) for host in service.hosts)
        self._tags: dict[bytes, str] = {}
        self._by_host: dict[bytes, str] = {}

    def choose(
        self, headers: Mapping[bytes, bytes], path: str, of_port: str | None = None
    ) -> tuple[str, str]:
        """The service's label, and the path as that service knows it.

        The switchboard's own header goes before the port, the port before the host. A host that
        is no service's leaves it to the first segment of the path, which is then taken off.
        """
        tag = headers.get(b"x-esr-service")
        if tag is not None:
            return self._tagged(tag), path
        if of_port is not None:
            return of_port, path
        label = self._of_host(headers.get(b"host", b""))
        if family_of(label) in self._names:
            return label, path
        return self._of_path(path) or (label, path)

    def is_known(self, label: str) -> bool:
        """Whether a stub answers for this service."""
        return family_of(label) in self._names

    def _tagged(self, tag: bytes) -> str:
        label = self._tags.get(tag)
        if label is None:
            label = service_label(tag[:LONGEST_HOST].decode("latin-1"))
            _remember(self._tags, tag, label)
        return label

    def _of_host(self, host: bytes) -> str:
        label = self._by_host.get(host)
        if label is None:
            text = host[:LONGEST_HOST].decode("latin-1")
            label = self._hosts.get(bare_host(text)) or service_of(text)
            _remember(self._by_host, host, label)
        return label

    def _of_path(self, path: str) -> tuple[str, str] | None:
        first, slash, rest = path[1:].partition("/")
        if path[:1] != "/" or not first or len(first) > LONGEST_HOST:
            return None
        label = service_label(first)
        if label != first or label in UNNAMED or family_of(label) not in self._names:
            return None
        return label, f"{slash}{rest}" or "/"


def bare_host(authority: str) -> str:
    """The host of `HOST:PORT` in lower case, without the dot that may end a full name."""
    host, colon, port = authority.rpartition(":")
    bare = host if colon and (port.isdigit() or not port) else authority
    return bare.lower().rstrip(".")


def _remember(cache: dict[bytes, str], key: bytes, value: str) -> None:
    """Bounded: whoever asks for a new name each time must not fill memory."""
    if len(key) <= LONGEST_HOST:
        if len(cache) >= _REMEMBERED:
            cache.clear()
        cache[key] = value
