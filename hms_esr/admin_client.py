"""Calling the admin API of a stub gateway on this machine.

Read next: `local_api.py`; `stubs/admin/`, the other end; docs/stub-admin.md lists the routes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from hms_esr.local_api import LocalApi
from stubs.clock import Anchor
from switchboard.base_url import parse_base_url

PREFIX: Final = "/__esr"
TIMEOUT_S: Final = 10.0


class AdminClient:
    """One gateway's admin API."""

    def __init__(self, url: str, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Raises ValueError for what is no URL, GuardError for any address but loopback."""
        self._api = LocalApi("stub gateway's admin API", parse_base_url(url), token, timeout_s)

    def follow(self, anchor: Anchor) -> None:
        """Give the gateway a new anchor of recorded time. Raises as `call` does."""
        self.call("PUT", "/clock", asdict(anchor))

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The mapping that the gateway answers. Raises UpstreamError or LocalApiError."""
        return self._api.call(method, PREFIX + path, body)
