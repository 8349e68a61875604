"""What a template can name: `request`, `state`, `data`, `now` and `fake`.

A template reaches these objects by `look` alone, never by Python's attributes. Floor 1, pure.
docs/service-definitions.md lists every name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stubs.definitions.parts import session_of, tenant_of, user_of
from stubs.definitions.states import Machine
from stubs.definitions.view import NOTHING, UNREADABLE, Fields, View
from stubs.service import Asked, BadRequestError

ROOTS: Final = ("request", "state", "data", "now", "fake")


class Names:
    """Something with names that a template may ask for."""

    __slots__ = ()

    def look(self, name: str) -> Any:
        """The value of a name. Raises LookupError."""
        raise LookupError(name)


class RequestNames(Names):
    """`request`: the parts of what was asked."""

    __slots__ = ("_known", "asked", "view")

    def __init__(self, asked: Asked, view: View) -> None:
        self.asked = asked
        self.view = view
        self._known: dict[str, Any] = {}

    def look(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = REQUEST_NAMES[name](self)
        return self._known[name]


class HeaderNames(Names):
    """`request.headers`: any spelling, also with underscores instead of hyphens."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self._headers = headers

    def look(self, name: str) -> str:
        raw = name.lower().encode("latin-1", "replace")
        value = self._headers.get(raw)
        if value is None:
            value = self._headers[raw.replace(b"_", b"-")]
        return value.decode("latin-1")


class StateNames(Names):
    """`state`: each machine's state for this request."""

    __slots__ = ("_asked", "_machines", "_view")

    def __init__(self, machines: Mapping[str, Machine], asked: Asked, view: View) -> None:
        self._machines = machines
        self._asked = asked
        self._view = view

    def look(self, name: str) -> Any:
        return self._machines[name].read(self._asked, self._view)


class NowNames(Names):
    """`now`: the recorded moment at which the request was due, UTC."""

    __slots__ = ("_epoch_ms", "_moment")

    def __init__(self, epoch_ms: float, moment: datetime | None = None) -> None:
        self._epoch_ms = epoch_ms
        self._moment = moment

    def look(self, name: str) -> Any:
        return NOW_NAMES[name](self)

    def __str__(self) -> str:
        return self.moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @property
    def moment(self) -> datetime:
        if self._moment is None:
            self._moment = datetime.fromtimestamp(self._epoch_ms / 1000, UTC)
        return self._moment

    def plus(
        self, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> NowNames:
        """Another moment; negative numbers go back."""
        step = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return NowNames(0, self.moment + step)


def _json(names: RequestNames) -> Any:
    value = names.view.json
    if value is UNREADABLE:
        raise BadRequestError("the body must be JSON")
    return {} if value is NOTHING else value


def _first(fields: Fields) -> dict[str, str]:
    return {name: values[0] for name, values in fields.items()}


REQUEST_NAMES: Final[Mapping[str, Callable[[RequestNames], Any]]] = {
    "method": lambda names: names.asked.method,
    "path": lambda names: names.asked.path,
    "service": lambda names: names.asked.service,
    "params": lambda names: dict(names.asked.params),
    "query": lambda names: _first(names.view.query),
    "queries": lambda names: dict(names.view.query),
    "headers": lambda names: HeaderNames(names.asked.headers),
    "cookies": lambda names: _first(names.view.cookies),
    "form": lambda names: _first(names.view.form),
    "json": _json,
    "body": lambda names: names.view.body.decode("utf-8", "replace"),
    "id": lambda names: f"{names.asked.request_id:x}",
    "attempt": lambda names: names.asked.attempt,
    "tenant": lambda names: tenant_of(names.asked),
    "session": lambda names: session_of(names.asked, names.view),
    "user": lambda names: user_of(names.asked),
}
NOW_NAMES: Final[Mapping[str, Callable[[NowNames], Any]]] = {
    "iso": str,
    "date": lambda now: now.moment.date().isoformat(),
    "time": lambda now: now.moment.strftime("%H:%M:%S"),
    "year": lambda now: now.moment.year,
    "unix": lambda now: int(now.moment.timestamp()),
    "unix_ms": lambda now: int(now.moment.timestamp() * 1000),
    "plus": lambda now: now.plus,
}
