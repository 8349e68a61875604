"""Calling an API of ours on this machine: loopback only, standard library only, no token shown.

Read next: `admin_client.py` (a stub gateway's) and `control_client.py` (a gateway's), which know
what there is to ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from switchboard.base_url import BaseUrl, authority_of
from switchboard.errors import EsrError, GuardError, UpstreamError
from switchboard.hosts import literal_address

MOST_BYTES: Final = 16_000_000


class LocalApiError(EsrError):
    """The API answered, and did not do it; the sentence is its own.

    status, document: of its answer, 0 and nothing where that was no problem document.
    """

    def __init__(
        self, message: str, status: int = 0, document: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.document = document or {}


class LocalApi:
    """One API. Every call is a connection of its own: they are rare."""

    def __init__(self, name: str, base: BaseUrl, token: str | None, timeout_s: float) -> None:
        """name: such as "stub gateway's admin API".   Raises GuardError for any other machine."""
        address = literal_address(base.host)
        if address is None or not address.is_loopback:
            reason = f"a {name} is only ever called on this machine"
            raise GuardError(base.host, reason, "Give a loopback address such as 127.0.0.1.")
        self._name = name
        self._address, self._port, self._prefix = str(address), base.port, base.prefix
        self._authority = authority_of("http", self._address, base.port)
        self._token = token
        self._timeout_s = timeout_s

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The mapping that it answers.

        Raises UpstreamError when it does not answer, LocalApiError with its own sentence when it
        refuses.
        """
        shown = f"http://{self._authority}"
        try:
            status, raw = self._exchange(method, path, body)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UpstreamError(f"the {self._name} at {shown} does not answer: {reason}") from None
        document = _mapping(raw)
        if document is None:
            why = f"answered {status} and no JSON: is it a {self._name}?"
            raise LocalApiError(f"{shown} {why}")
        if status == 401:
            why = "wants a token: set ESR_TOKEN to the one it was started with"
            raise LocalApiError(f"{shown} {why}")
        if status >= 400:
            detail = str(document.get("detail") or document.get("title") or "no reason")
            said = f"the gateway answered {status}: {detail[:2000]}"
            raise LocalApiError(said, status, document)
        return document

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        headers = {"Host": self._authority}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        connection = HTTPConnection(self._address, self._port, timeout=self._timeout_s)
        try:
            connection.request(method, self._prefix + path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MOST_BYTES)
        finally:
            connection.close()


def _mapping(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
