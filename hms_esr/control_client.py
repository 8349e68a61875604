"""Calling a gateway's control API from the command line: loopback only, standard library only.

The token comes from `ESR_TOKEN` and is never shown. See `api/switchboard.py` for the other end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from hms_esr.exits import UsageError
from switchboard.base_url import BaseUrl, authority_of, parse_base_url
from switchboard.errors import EsrError, GuardError, UpstreamError
from switchboard.hosts import literal_address
from switchboard.rules import Mode

PREFIX: Final = "/api/esr/switchboard"
MOST_BYTES: Final = 4_000_000


class ControlError(EsrError):
    """The gateway answered, and did not do it; the sentence is its own."""


class ControlClient:
    """One gateway's control API."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        """Raises UsageError for what is no URL, GuardError for any address but loopback."""
        self._base = _loopback(url)
        self._token = token
        self._timeout_s = timeout_s

    def status(self) -> dict[str, Any]:
        """The gateway's state. Raises UpstreamError or ControlError."""
        return self._call("GET", PREFIX, None)

    def flip(self, mode: Mode, who: str, why: str) -> dict[str, Any]:
        """Flip the mode; returns when nothing of the old way is left."""
        return self._call("PUT", f"{PREFIX}/mode", {"mode": mode, "who": who, "why": why})

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        shown = f"http://{authority_of('http', self._base.host, self._base.port)}"
        address = str(literal_address(self._base.host))
        connection = HTTPConnection(address, self._base.port, timeout=self._timeout_s)
        headers = {"Host": authority_of("http", self._base.host, self._base.port)}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        try:
            connection.request(method, self._base.prefix + path, data, headers)
            answer = connection.getresponse()
            status, raw = answer.status, answer.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UpstreamError(f"the control API at {shown} does not answer: {reason}") from None
        finally:
            connection.close()
        return _object(status, raw, shown)


def _object(status: int, raw: bytes, shown: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ControlError(f"{shown} answered {status} and no JSON: is it a gateway's control API?")
    if status == 401:
        raise ControlError(f"{shown} wants a token: set ESR_TOKEN to the one it was started with")
    if status >= 400:
        detail = str(value.get("detail") or value.get("title") or "no reason")
        raise ControlError(f"{shown} answered {status}: {detail[:500]}")
    return value


def _loopback(url: str) -> BaseUrl:
    try:
        base = parse_base_url(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise UsageError(f"--control: {error} (write it like http://127.0.0.1:8421)") from None
    address = literal_address(base.host)
    if base.scheme != "http":
        raise UsageError("--control: the control API speaks http on loopback")
    if address is None or not address.is_loopback:
        rule = "a control API is called on this machine only"
        raise GuardError(base.host, rule, "Use its loopback address, such as 127.0.0.1:8421.")
    return base
