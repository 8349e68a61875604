"""Whom a fault touches: a service, a route of it, a method, a tenant, requests with a header.

Floor 1, pure. Read next: `fault.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from stubs.faults.ask import FaultAsk

EVERYTHING: Final = "*"

_SERVICE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\*")
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_LONGEST: Final = 500
_REMEMBERED: Final = 4096
"""Decisions about routes that are kept, of paths up to `_LONGEST`: long ones would fill memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """All that is set must fit; what is not set fits everything.

    service: `ach` also means every `ach-…`; `svc-fee` only itself; `*` every service.
    route: `POST /payments`, `/payments/{payment}` (a brace is any one segment), or a glob such as
    `/payments/*` (a star is anything).   headers: by lower-case name; the value `*` is any value.
    Raises ValueError for what cannot be a target.
    """

    service: str = EVERYTHING
    route: str | None = None
    method: str | None = None
    tenant: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not _SERVICE.fullmatch(self.service):
            raise ValueError("a service is a label such as ach or svc-fee, or * for every one")
        if self.method is not None and not _METHOD.fullmatch(self.method):
            raise ValueError("a method is one word in capitals, such as POST")
        if self.route is not None:
            check_route(self.route)

    def fits(self, ask: FaultAsk) -> bool:
        return self.fits_names(ask.service, ask.route, ask.path, ask.method, ask.tenant) and all(
            _has_header(ask, name, value) for name, value in self.headers
        )

    def fits_names(self, service: str, route: str, path: str, method: str, tenant: str) -> bool:
        """`fits` without a look at the headers."""
        return (
            covers(self.service, service)
            and (self.method is None or self.method == method)
            and (self.tenant is None or self.tenant == tenant)
            and (self.route is None or fits_route(self.route, route, path, method))
        )

    @property
    def is_whole_service(self) -> bool:
        """Whether it is about connections as much as about requests: nothing but a service."""
        return not (self.route or self.method or self.tenant or self.headers)

    def mapping(self) -> dict[str, Any]:
        """As JSON values, of which the reader makes an equal one."""
        words = {"route": self.route, "method": self.method, "tenant": self.tenant}
        given = {word: value for word, value in words.items() if value is not None}
        header = {"header": dict(self.headers)} if self.headers else {}
        return {"service": self.service, **given, **header}


def covers(target: str, service: str) -> bool:
    """Whether a target's service means this one: `ach` means `ach-eu` too."""
    if target in (service, EVERYTHING):
        return True
    return "-" not in target and service.startswith(target) and service[len(target)] == "-"


def check_route(route: str) -> None:
    """Raises ValueError for a route that nothing could fit."""
    method, path = split_route(route)
    if not path.startswith("/") or len(route) > _LONGEST or any(c in path for c in " ?#"):
        raise ValueError(
            "a route is a path such as /payments/{payment} or /payments/*, "
            "maybe after a method as in POST /payments"
        )
    if method is not None and not _METHOD.fullmatch(method):
        raise ValueError("a route's method is one word in capitals, as in POST /payments")
    if "*" in path and "{" in path:
        raise ValueError("a route has either braces or stars: /payments/{payment} or /payments/*")


def split_route(route: str) -> tuple[str | None, str]:
    """`POST /payments` is its method and its path; a path alone has no method."""
    method, space, path = route.partition(" ")
    return (method, path) if space else (None, route)


def fits_route(pattern: str, route: str, path: str, method: str) -> bool:
    """Whether a request of this route (`POST /payments/{payment}`) and path is meant."""
    if len(path) > _LONGEST or len(route) > 2 * _LONGEST:
        return _decide_route(pattern, route, path, method)
    return _remembered(pattern, route, path, method)


def _decide_route(pattern: str, route: str, path: str, method: str) -> bool:
    wanted_method, wanted = split_route(pattern)
    if wanted_method not in (None, "ANY", method):
        return False
    template = split_route(route)[1]
    fits = _fits_glob if "*" in wanted else _fits_template
    return fits(wanted, template) or fits(wanted, path)


_remembered = lru_cache(maxsize=_REMEMBERED)(_decide_route)


def _fits_template(wanted: str, path: str) -> bool:
    ours, theirs = wanted.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(
        one == other or (one[:1] == "{" and other != "")
        for one, other in zip(ours, theirs, strict=True)
    )


def _fits_glob(wanted: str, path: str) -> bool:
    """Each piece between two stars is found as early as it can be: no path costs more than once."""
    first, *middle, last = wanted.split("*")
    if not path.startswith(first) or len(path) < len(first) + len(last):
        return False
    at, end = len(first), len(path) - len(last)
    for piece in middle:
        found = path.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return path.endswith(last)


def _has_header(ask: FaultAsk, name: str, value: str) -> bool:
    given = ask.headers.get(name.encode())
    return given is not None and (value == "*" or given == value.encode("latin-1"))
