"""Declared faults in an interceptor: of names, of handshakes, and of requests.

Whoever asks here has decided already that the name, the connection or the request may pass. In
live mode nothing passes, so there are no faults either.
Read next: `switchboard/trouble.py`; `bad_certificates.py` (handshakes), `router.py` (requests).
"""

from __future__ import annotations

import asyncio
from typing import Final

from mitmproxy.connection import Client, ConnectionState
from mitmproxy.http import Response

from proxy.interceptor.answers import response
from proxy.interceptor.gate import Gate
from switchboard.decide import Ask
from switchboard.exchange import Headers, StubAnswer
from switchboard.trouble import Stage, Trouble, TroubleAsk, TroubleCall, names_of, upstream_of

LOOK_S: Final = 0.25
"""How often it is looked whether a client that is held is still there."""


class Troubles:
    """Asks for faults under the names that a service has. troubles: None when there are none."""

    def __init__(self, gate: Gate, troubles: TroubleCall | None) -> None:
        self._gate = gate
        self._troubles = troubles

    @property
    def is_on(self) -> bool:
        return self._troubles is not None

    def of_host(self, stage: Stage, host: str) -> Trouble | None:
        """What touches a name, or a handshake for it. host: as `parse_host` gives it."""
        if self._troubles is None or self._gate.refuse_name(host) is not None:
            return None
        decision = self._gate.decide(Ask("https", host, 443, "GET", "/"))
        return self._troubles(TroubleAsk(stage, names_of(upstream_of(decision), host)))

    def of_request(
        self, ask: Ask, upstream: str, headers: Headers, *, is_tunnelled: bool
    ) -> Trouble | None:
        """What touches a request. In a tunnel its name was looked up when the tunnel began."""
        if self._troubles is None:
            return None
        names = names_of(upstream, ask.host)
        if not is_tunnelled:
            found = self._troubles(TroubleAsk("name", names))
            if found is not None:
                return found
        return self._troubles(TroubleAsk("request", names, ask.method, ask.target, headers))


def given_response(answer: StubAnswer, method: str) -> Response:
    """The answer of a fault, as mitmproxy's value."""
    length = ("content-length", str(len(answer.body)))
    given = [pair for pair in answer.headers if pair[0].lower() != "content-length"]
    return response(answer.status, [*given, length], b"" if method == "HEAD" else answer.body)


async def wait_out(trouble: Trouble, client: Client) -> None:
    """Wait as the trouble says, or until the client has left.

    mitmproxy does not tell a hook that it is waited for in vain.
    """
    if trouble.wait is None:
        return
    left = _Left(client)
    try:
        async with left.scope:
            left.look()
            await trouble.wait()
    except TimeoutError:
        if not left.scope.expired():
            raise
    finally:
        left.forget()


class _Left:
    """Ends its scope when the client has left."""

    def __init__(self, client: Client) -> None:
        self.scope = asyncio.timeout(None)
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        if self._client.state is ConnectionState.OPEN:
            self._timer = self._loop.call_later(LOOK_S, self.look)
        else:
            self.scope.reschedule(self._loop.time())

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
