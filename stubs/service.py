"""What a stub is: a few routes, each a plain function from what was asked to what is answered.

Floor 1, no sockets and no clock. What a service remembers is bounded (`Memory`), and everything
that looks random is a draw from (seed, request id). Read next: one file of `services/`, then
docs/add-a-stub.md.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from stubs.clock import RecordedClock
from stubs.latency import AnyModel
from switchboard.seeded import mix64, text64, unit

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"
DUE: Final = b"x-esr-due"
"""The header with the recorded moment of a planned request, in ms: it decides about faults."""
REMEMBERED: Final = 50_000
LONGEST_TEXT: Final = 200
"""Longer texts of a caller are cut before they are echoed, and hashed before they are kept."""

T = TypeVar("T")

_LATENCY_DRAW: Final = 1
_CHANCE_DRAW: Final = 2


class BadRequestError(Exception):
    """The caller's body is not what the route takes. `str(error)` says what would be right."""


@dataclass(slots=True)  # one is made for each request, and frozen ones take three times as long
class Asked:
    """One request to a stub; not to be changed.

    path: as it was sent, still percent-encoded.   query: what follows the `?`, as it was sent.
    params: the values of the template's braces, decoded.   headers: by lower-case name.
    at_ms: recorded time at which it was due, or at which it came when nobody planned it.
    epoch_ms: the same as Unix time.   attempt: 0, or the number of the retry.
    stale_ms: state is to be read as it was so long ago.   settle_lag_ms: payments settle so much
    later. Both are recorded time, and 0 unless a fault says otherwise.
    """

    service: str
    method: str
    path: str
    query: str
    params: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes
    request_id: int
    seed: int
    at_ms: float = 0.0
    epoch_ms: float = 0.0
    attempt: int = 0
    stale_ms: float = 0.0
    settle_lag_ms: float = 0.0

    @property
    def latency_draw(self) -> float:
        return unit(self.seed, self.request_id, _LATENCY_DRAW)

    @property
    def chance(self) -> float:
        """A draw in [0, 1) that decides how the request fares."""
        return unit(self.seed, self.request_id, _CHANCE_DRAW)

    def number_for(self, text: str, digits: int) -> str:
        """A number of `digits` digits (up to 18) that belongs to `text` in this run."""
        return f"{mix64(self.seed, text64(text)) % 10**digits:0{digits}d}"

    def header(self, name: bytes) -> str:
        """A header's value, "" when it is missing. `name` in lower case."""
        return self.headers.get(name, b"").decode("latin-1")

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BadRequestError."""
        try:
            value = orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError as error:
            raise BadRequestError("the body must be a JSON object") from error
        if not isinstance(value, dict):
            raise BadRequestError("the body must be a JSON object")
        return value


def text_of(value: Any, default: str = "") -> str:
    """A field of a caller's JSON as a text of bounded length, `default` when it is none.

    Callers may nest lists a thousand deep; only texts and numbers are worth an echo.
    """
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    return str(value) if isinstance(value, int | float) else default


@dataclass(frozen=True, slots=True)
class Callback:
    """A request that a stub makes by itself, some time after its answer: a webhook.

    url: where to, which the guard must allow.   after_ms: of recorded time.
    """

    url: str
    after_ms: float = 0.0
    method: str = "POST"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    content_type: bytes = JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stub says. `headers` are more than the content type."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    callbacks: tuple[Callback, ...] = ()


Handler = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class StubRoute:
    """One thing that a service can be asked: `/profiles/{citizen}` and who answers it.

    method: `ANY` takes every method.   priority: 1 is tried first; of equals the later one.
    accepts: what else the request must be like; None accepts every one.
    path_pattern: decides about the whole path instead of the template, which then only names it.
    fixed: what `handler` says each time, when that never changes.
    """

    method: str
    template: str
    handler: Handler
    latency: AnyModel
    priority: int = 5
    accepts: Callable[[Asked], bool] | None = None
    path_pattern: Callable[[str], bool] | None = None
    fixed: Answer | None = None

    @property
    def name(self) -> str:
        """`POST /payments`, as people, counts, journals and faults name it."""
        return f"{self.method} {self.template}"


class Store(Protocol):
    """Something that a service remembers, which can be looked at and emptied over the admin API."""

    @property
    def name(self) -> str: ...

    def snapshot(self, limit: int) -> dict[str, Any]:
        """Its newest entries by key, at most `limit`, as JSON values."""

    def put(self, key: str, value: Any) -> None:
        """Set one entry. Raises ValueError that says what would be right."""

    def reset(self) -> None:
        """Forget everything."""


@dataclass(frozen=True, slots=True)
class Service:
    """A stubbed service: `svc` also answers for `svc-profile` and every other `svc-…`.

    hosts: names it answers to besides those whose first label it is.
    """

    name: str
    title: str
    routes: Sequence[StubRoute] = ()
    hosts: tuple[str, ...] = ()
    stores: Sequence[Store] = ()


Record = Callable[[str, Mapping[str, Any]], None]
"""Takes a kind (`ledger`) and an event: what really happened, kept beside the run."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a service with logic of its own is given.

    record: where its ground truth goes.   settings: its own part of a scenario's `stubs`.
    """

    seed: int
    clock: RecordedClock
    record: Record
    settings: Mapping[str, Any]


def answer_json(status: int, /, **fields: Any) -> Answer:
    """A JSON object as an answer."""
    return Answer(status, orjson.dumps(fields))


def answer_problem(status: int, title: str, detail: str) -> Answer:
    """An RFC 9457 problem document."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Answer(status, orjson.dumps(document), PROBLEM)


class Memory(Generic[T]):
    """What a service remembers, the oldest forgotten first. Bounded in entries and in key size."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._kept: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> T | None:
        return self._kept.get(_short(key))

    def put(self, key: str, value: T) -> None:
        key = _short(key)
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _short(key: str) -> str:
    """A key of bounded length: a caller may send one of many kilobytes."""
    return key if len(key) <= LONGEST_TEXT else f"{key[:LONGEST_TEXT]}…{text64(key):016x}"
