"""A running stub gateway as a test sees it: addresses, faults, what was called, recorded time.

The gateway is a process of its own that ends with the test session, however that ends; tests with
the same wishes share one, which is reset before each. Nothing here knows pytest.
Read next: `stubs/process.py`, and `docs/pytest.md` for those who use it.
"""

from __future__ import annotations

import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from hms_esr.admin_client import AdminClient
from hms_esr.local_api import LocalApiError
from hms_esr.pytest_wishes import Wish, WishError
from stubs.config import GatewayConfig
from stubs.faults.durations import parse_ms
from stubs.process import StubProcess
from stubs.routing import family_of
from switchboard.errors import EsrError, UpstreamError
from switchboard.fault_reader import nearest

MOST_GATEWAYS: Final = 4
"""Running at a time; the one that was not wanted for longest ends first."""
CALLS: Final = 1_000
TOLD: Final = 20
TOKEN: Final = "ESR_TOKEN"  # noqa: S105 - the variable's name


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the stubs were sent. Secrets are masked.

    target: path and query.   status: 0 where no answer began.   ending: `answered`, or how a fault
    ended it.   body: JSON, or text.   faults: ids of those that touched it.
    """

    service: str
    route: str
    method: str
    target: str
    status: int
    ending: str
    headers: Mapping[str, str]
    body: Any
    faults: tuple[str, ...]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def __str__(self) -> str:
        how = "" if self.ending == "answered" else f" {self.ending}"
        touched = f" [{', '.join(self.faults)}]" if self.faults else ""
        return f"{self.service} {self.method} {self.target} {self.status}{how}{touched}"


class InjectedFault:
    """A fault that is there until the test ends, or the `with` that it was made for."""

    def __init__(self, client: AdminClient, fault_id: str) -> None:
        self._client = client
        self.id = fault_id

    @property
    def touched(self) -> int:
        """How many requests it touched. Raises LocalApiError once it is cleared."""
        row = self._client.call("GET", f"/faults/{quote(self.id, safe='')}")
        return int(row["touched"])

    def clear(self) -> None:
        """End it now. Harmless when it is cleared already."""
        try:
            self._client.call("DELETE", f"/faults/{quote(self.id, safe='')}")
        except LocalApiError as error:
            if error.status != 404:
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()


class EsrStubs:
    """The fixture: one gateway, for one test."""

    def __init__(self, process: StubProcess, client: AdminClient) -> None:
        self._process = process
        self._client = client

    @property
    def address(self) -> str:
        """`HOST:PORT` of the gateway."""
        return self._process.address

    @property
    def pid(self) -> int:
        """Of the gateway's process."""
        return self._process.pid

    def url(self, service: str = "") -> str:
        """Where a service answers, such as `http://127.0.0.1:41234/ach`; no slash at the end.

        Raises ValueError for one that nobody stands in for, which would be a test of 404s.
        """
        base = f"http://{self._process.address}"
        if not service:
            return base
        if family_of(service) not in self._services:
            raise ValueError(f"no stub is called {service!r}; {nearest(service, self._services)}")
        return f"{base}/{service}"

    @cached_property
    def _services(self) -> list[str]:
        return list(self._client.call("GET", "/health")["services"])

    def reset(self) -> None:
        """State, journal, faults, draws and recorded time as at the start of the test."""
        self._client.call("POST", "/reset")

    def fault(
        self,
        kind: str,
        target: str | Mapping[str, Any] = "*",
        *,
        route: str | None = None,
        **parameters: Any,
    ) -> InjectedFault:
        """Inject a fault, as docs/faults.md has them; `for_` stands for its `for`.

        Raises LocalApiError with everything that is wrong about it.
        """
        if route is not None:
            known = {"service": target} if isinstance(target, str) else dict(target)
            target = {**known, "route": route}
        named = {"for" if key == "for_" else key: value for key, value in parameters.items()}
        said = self._client.call("POST", "/faults", {"kind": kind, "target": target, **named})
        return InjectedFault(self._client, said["faults"][0]["id"])

    def clear_faults(self) -> None:
        """End all faults."""
        self._client.call("DELETE", "/faults")

    def calls(self, **filters: str | int) -> list[Call]:
        """What was asked, oldest first: `calls(service="ach", method="POST", path="/payments")`.

        The filters are those of the journal: service, route, method, path (a glob), status
        (`404`, `4xx`), fault, ending. Raises LocalApiError for another.
        """
        query = urlencode({"limit": CALLS, **filters})
        entries = self._client.call("GET", f"/journal?{query}")["entries"]
        return [_read_call(entry) for entry in entries]

    def verify(self, **expected: Any) -> int:
        """How many calls there were, which must be as expected: `verify(route="POST /payments",
        json={"amount": 12.5}, exactly=1)`. The keys are those of docs/stub-admin.md.

        Raises AssertionError with the nearest calls when it was otherwise.
        """
        try:
            found = self._client.call("POST", "/verify", expected)
        except LocalApiError as error:
            if error.status != 409 or "sentence" not in error.document:
                raise
            raise AssertionError("\n".join(_sentences(error.document))) from None
        return int(found["count"])

    def state(self, service: str) -> dict[str, Any]:
        """What a service remembers, by store."""
        stores: dict[str, Any] = self._client.call("GET", f"/state/{quote(service, safe='')}")
        found: dict[str, Any] = stores["state"].get(service, {})
        return found

    def set_state(self, service: str, store: str, key: str, value: Any) -> None:
        """Set one entry of what it remembers. Raises LocalApiError when that is not taken."""
        path = "/".join(quote(each, safe="") for each in (service, store, key))
        self._client.call("PUT", f"/state/{path}", value)

    @property
    def now_ms(self) -> float:
        """Recorded time since the start of the test."""
        return float(self._client.call("GET", "/clock")["now_ms"])

    def advance(self, duration: str) -> None:
        """Let recorded time pass at once, such as `3d` until payments have settled.

        Raises ValueError for what is no duration.
        """
        self._client.call("PUT", "/clock", {"recorded_ms": self.now_ms + parse_ms(duration)})

    def told(self) -> str:
        """The newest calls and the faults, for people."""
        try:
            calls = self.calls()[-TOLD:]
            faults = self._client.call("GET", "/faults")["faults"]
        except EsrError as error:
            return str(error)
        lines = [str(call) for call in calls] or ["nothing was called"]
        lines += [f"fault {row['id']}: {row['state']}, touched {row['touched']}" for row in faults]
        return "\n".join(lines)

    def begin(self, start_ms: float) -> None:
        """As if the gateway had just started, with recorded time from there."""
        self._client.call("POST", "/reset")
        anchor = {"recorded_ms": 0.0, "speed": 1.0, "epoch_ms": start_ms}
        self._client.call("PUT", "/clock", anchor)


class GatewayPool:
    """The gateways of a test session. A context manager; nothing is left running after it."""

    def __init__(self, most: int = MOST_GATEWAYS) -> None:
        self._most = most
        self._running: OrderedDict[bytes, StubProcess] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._running:
            self._running.popitem()[1].stop()

    def stubs(self, wish: Wish) -> EsrStubs:
        """A gateway like that, as if it had just started. Raises EsrError."""
        config = wish.config()
        key = _key_of(config)
        start_ms = time.time() * 1000 if wish.start_ms is None else wish.start_ms
        if key in self._running:
            self._running.move_to_end(key)
            try:
                return _begun(self._running[key], start_ms)
            except UpstreamError:  # it has died since; nobody's test is to suffer for that
                self._running.pop(key).stop()
        process = self._running[key] = StubProcess.start(config=config)
        if len(self._running) > self._most:
            self._running.popitem(last=False)[1].stop()
        return _begun(process, start_ms)


def _begun(process: StubProcess, start_ms: float) -> EsrStubs:
    """The gateway as if it had just started. Raises UpstreamError when it does not answer."""
    client = AdminClient(f"http://{process.admin}", os.environ.get(TOKEN) or None)
    stubs = EsrStubs(process, client)
    stubs.begin(start_ms)
    return stubs


def _key_of(config: GatewayConfig) -> bytes:
    try:
        return config.to_json()
    except (TypeError, ValueError) as error:
        raise WishError(f"settings and latency must be JSON values: {error}") from None


def _read_call(entry: Mapping[str, Any]) -> Call:
    return Call(
        entry["service"],
        entry["route"],
        entry["method"],
        entry["target"],
        entry["status"],
        entry["ending"],
        entry["headers"],
        entry["body"],
        tuple(entry["faults"]),
    )


def _sentences(document: Mapping[str, Any]) -> Iterator[str]:
    """Why a verification failed, and the calls that came nearest."""
    yield str(document["sentence"])
    for near in document.get("nearest", ()):
        yield f"  nearest: {_read_call(near['entry'])} ({'; '.join(near['differs'])})"
    for example in document.get("examples", ()):
        yield f"  called: {_read_call(example)} {json.dumps(example['body'])[:200]}"
