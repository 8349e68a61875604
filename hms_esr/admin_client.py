"""Calling the admin API of a stub gateway on this machine: loopback only, standard library only.

Read next: `stubs/admin/`, the other end; docs/stub-admin.md lists the routes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from stubs.clock import Anchor
from switchboard.base_url import authority_of, parse_base_url
from switchboard.errors import EsrError, GuardError, UpstreamError
from switchboard.hosts import literal_address

PREFIX: Final = "/__esr"
MOST_BYTES: Final = 16_000_000
TIMEOUT_S: Final = 10.0


class AdminError(EsrError):
    """The gateway answered, and did not do it; the sentence is its own.

    status, document: of its answer, 0 and nothing where that was no problem document.
    """

    def __init__(
        self, message: str, status: int = 0, document: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.document = document or {}


class AdminClient:
    """One gateway's admin API. Every call is a connection of its own: they are rare."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Raises GuardError for any address but loopback."""
        base = parse_base_url(url)
        address = literal_address("127.0.0.1" if base.host == "localhost" else base.host)
        if address is None or not address.is_loopback:
            reason = "the admin API of a gateway is only ever called on this machine"
            raise GuardError(base.host, reason, "Give a loopback address such as 127.0.0.1.")
        self._address, self._port = str(address), base.port
        self._authority = authority_of("http", self._address, base.port)
        self._token = token
        self._timeout_s = timeout_s

    def follow(self, anchor: Anchor) -> None:
        """Give the gateway a new anchor of recorded time. Raises UpstreamError or AdminError."""
        self.call("PUT", "/clock", asdict(anchor))

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that the gateway answers; None for no content.

        Raises UpstreamError when it does not answer, AdminError with its own sentence when it
        refuses.
        """
        headers = {"Host": self._authority}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        connection = HTTPConnection(self._address, self._port, timeout=self._timeout_s)
        try:
            connection.request(method, PREFIX + path, data, headers)
            answer = connection.getresponse()
            status, raw = answer.status, answer.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            shown = f"http://{self._authority}"
            raise UpstreamError(f"the stub gateway at {shown} does not answer: {reason}") from None
        finally:
            connection.close()
        return _read(status, raw, self._authority)


def _read(status: int, raw: bytes, authority: str) -> Any:
    if status == 204:
        return None
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if value is None:
        shown = f"http://{authority} answered {status} and no JSON"
        raise AdminError(f"{shown}: is it a stub gateway's admin API?")
    if status == 401:
        shown = f"http://{authority} wants a token"
        raise AdminError(f"{shown}: set ESR_TOKEN to the one it was started with")
    if status >= 400:
        known = value if isinstance(value, dict) else {}
        detail = str(known.get("detail") or known.get("title") or "no reason")
        raise AdminError(f"the gateway answered {status}: {detail[:2000]}", status, known)
    return value
