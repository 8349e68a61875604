"""Calling a gateway's control API on this machine.

The token comes from `ESR_TOKEN`. Read next: `local_api.py`; `api/switchboard.py`, the other end.
"""

from __future__ import annotations

from typing import Any, Final

from hms_esr.exits import UsageError
from hms_esr.local_api import LocalApi
from switchboard.base_url import BaseUrl, parse_base_url
from switchboard.rules import Mode

PREFIX: Final = "/api/esr/switchboard"


class ControlClient:
    """One gateway's control API."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        """Raises UsageError for what is no URL, GuardError for any address but loopback."""
        self._api = LocalApi("gateway's control API", _parse(url), token, timeout_s)

    def status(self) -> dict[str, Any]:
        """The gateway's state. Raises UpstreamError or LocalApiError."""
        return self._api.call("GET", PREFIX)

    def flip(self, mode: Mode, who: str, why: str) -> dict[str, Any]:
        """Flip the mode; returns when nothing of the old way is left."""
        asked = {"mode": mode, "who": who, "why": why}
        return self._api.call("PUT", f"{PREFIX}/mode", asked)


def _parse(url: str) -> BaseUrl:
    try:
        base = parse_base_url(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise UsageError(f"--control: {error} (write it like http://127.0.0.1:8421)") from None
    if base.scheme != "http":
        raise UsageError("--control: the control API speaks http on loopback")
    return base
