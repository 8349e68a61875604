"""The address of a sandbox as a URL, parsed strictly: what is read is exactly what is dialled.

Floor 0. `urllib` is lenient on purpose (it drops tabs and line breaks, and accepts backslashes
and user information), so it is not used here.
Read next: `environment.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from switchboard.hosts import parse_host

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_AUTHORITY: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([^:]*))?")
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*/?")
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?=/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where requests go: scheme, host and port, and what stands before every path."""

    scheme: str
    host: str
    port: int
    prefix: str
    """"" or like `/sandbox`: no slash at the end."""


def parse_base_url(text: str) -> BaseUrl:
    """The URL's parts. Raises ValueError with a sentence that never repeats a password."""
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise ValueError("the URL has a space, a backslash or a control character")
    scheme, found, rest = text.partition("://")
    scheme = scheme.lower()
    if not found or scheme not in DEFAULT_PORTS:
        raise ValueError("the URL must start with http:// or https://")
    if "?" in rest or "#" in rest:
        raise ValueError("the URL must not have a query or a fragment")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise ValueError(
            "the URL must not have user information before an @; "
            "declare a credential in an environment file instead"
        )
    host, port = _split_authority(authority)
    return BaseUrl(scheme, parse_host(host), _port(port, scheme), _prefix(slash + path))


def authority_of(scheme: str, host: str, port: int) -> str:
    """`host`, `host:port` or `[v6]:port`, as a Host header says it."""
    shown = f"[{host}]" if ":" in host else host
    return shown if DEFAULT_PORTS.get(scheme) == port else f"{shown}:{port}"


def _split_authority(authority: str) -> tuple[str, str | None]:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        hint = "; an IPv6 address stands in [brackets]" if authority.count(":") > 1 else ""
        raise ValueError(f"the URL does not name a host and port{hint}")
    return parts[1], parts[2]


def _port(text: str | None, scheme: str) -> int:
    if text is None:
        return DEFAULT_PORTS[scheme]
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65_535:
        raise ValueError("the port must be a number from 1 to 65535")
    return int(text)


def _prefix(path: str) -> str:
    if not _PATH.fullmatch(path) or _DOTS.search(path):
        raise ValueError("the path must be plain segments such as /sandbox, without . or ..")
    return path.rstrip("/")
