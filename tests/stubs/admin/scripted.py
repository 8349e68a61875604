"""A desk with two small services, and calls to the admin API in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp, Message

from stubs.admin.app import make_admin
from stubs.admin.counts import Counts
from stubs.admin.place import ABSOLUTE_FORM
from stubs.clock import Anchor, RecordedClock
from stubs.faults.chaos import Chaos
from stubs.journal import Journal
from stubs.latency import NoDelay
from stubs.service import Answer, Asked, Service, StubRoute
from switchboard.errors import Fault as FileFault
from switchboard.errors import RuleError

HERE = "127.0.0.1:8080"
NOW_MS = 900_000.0


class ScriptedStore:
    """A store of texts; it takes no number. `remove` is there only in `ScriptedForgetful`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[str, Any] = {}

    def snapshot(self, limit: int) -> dict[str, Any]:
        return dict(list(self.kept.items())[-limit:])

    def put(self, key: str, value: Any) -> None:
        if not isinstance(value, str):
            raise ValueError("the state must be text, such as received")
        self.kept[key] = value

    def reset(self) -> None:
        self.kept.clear()


class ScriptedForgetful(ScriptedStore):
    def remove(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None


@dataclass
class ScriptedDesk:
    """A gateway of which only the desk is there."""

    clock: RecordedClock
    chaos: Chaos
    counts: Counts = field(default_factory=Counts)
    journal: Journal = field(default_factory=Journal)
    settings: dict[str, Any] = field(default_factory=dict)
    broken: tuple[FileFault, ...] = ()
    renumbered: int = 0
    followed: list[Anchor] = field(default_factory=list)
    stores: dict[str, ScriptedStore] = field(
        default_factory=lambda: {
            "application": ScriptedStore("application"),
            "sessions": ScriptedForgetful("sessions"),
        }
    )

    def services(self) -> Sequence[Service]:
        route = StubRoute("GET", "/applications/{application}", say_nothing, NoDelay())
        act = Service("act", "HMS-ACT", (route,), ("act.example",), tuple(self.stores.values()))
        return act, Service("svc", "HMS-SVC", (StubRoute("POST", "/x", say_nothing, NoDelay()),))

    def config(self) -> Mapping[str, Any]:
        return self.settings

    def renumber(self) -> None:
        self.renumbered += 1

    def follow(self, anchor: Anchor) -> None:
        self.followed.append(anchor)
        self.clock.follow(anchor)

    async def reload(self) -> Mapping[str, Any]:
        if self.broken:
            raise RuleError("act.yml", self.broken)
        return {"services": ["act", "svc"]}


def say_nothing(asked: Asked) -> Answer:
    return Answer(204)


def make_desk() -> ScriptedDesk:
    """A desk whose recorded clock stands at minute 15."""
    clock = RecordedClock(Anchor(0, NOW_MS, 0.0), lambda: 0)
    return ScriptedDesk(clock, Chaos(7, clock))


@dataclass(frozen=True)
class Said:
    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


async def call(
    desk: ScriptedDesk,
    method: str,
    target: str,
    value: Any = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Said:
    """One call and its answer; `value` is sent as JSON."""
    if value is not None:
        body = orjson.dumps(value)
        headers = {"content-type": "application/json", **(headers or {})}
    return await ask(make_admin(desk), method, target, headers, body or b"")


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    peer: str = "127.0.0.1",
    is_whole_url: bool = False,
) -> Said:
    path, _, query = target.partition("?")
    given = {"host": HERE, "content-length": str(len(body)), **(headers or {})}
    asked = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "root_path": "",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": (peer, 5),
        ABSOLUTE_FORM: is_whole_url,
    }
    told = iter([{"type": "http.request", "body": body, "more_body": False}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(told, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app(asked, receive, send)
    return Said(sent[0]["status"], dict(sent[0]["headers"]), sent[1].get("body", b""))
