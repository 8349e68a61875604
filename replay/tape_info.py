"""What `tape.json` says of a tape, and how it is written and read.

Read next: `tape.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from replay.account import Account, account_to_json, parse_account
from switchboard.errors import TraceError

VERSION = 1
NS_PER_S = 1_000_000_000
NO_BODIES: Final[Mapping[str, int]] = {"requests": 0, "bytes": 0, "largest": 0}
ANONYMISER = "credentials dropped; personal data not yet anonymised"
INFO = "tape.json"


@dataclass(frozen=True, slots=True)
class Route:
    """What requests are grouped by: `name` is "<service> <METHOD> <template>"."""

    name: str
    service: str
    method: str
    template: str


@dataclass(frozen=True, slots=True)
class TapeInfo:
    """What `tape.json` says. `digest` is its sha256: it names the tape, since it holds the hashes
    of the sources and the seed, and those decide every byte of the columns."""

    version: int
    requests: int
    sessions: int
    users: int
    request_bytes: int
    start_ns: int
    seconds: float
    hosts: tuple[str, ...]
    routes: tuple[Route, ...]
    account: Account
    seed: int
    anonymiser: str = ANONYMISER
    links: int = 0
    bodies: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict(NO_BODIES)))
    """How many `requests` have a body, how many `bytes` they come to, and the `largest`."""
    digest: str = ""


def read_info(folder: Path) -> TapeInfo:
    """`tape.json`, checked. Raises TraceError when it is missing, damaged or of another version."""
    try:
        text = (folder / INFO).read_bytes()
    except FileNotFoundError:
        raise TraceError(f"{folder} is not a tape: it has no {INFO}") from None
    except OSError as error:
        raise TraceError(f"cannot read {folder / INFO}: {error.strerror}") from error
    try:
        value = json.loads(text)
        version = value["version"]
        info = parse_info(value, hashlib.sha256(text).hexdigest()) if version == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(f"{folder / INFO} is damaged: build the tape again") from error
    if info is None:
        raise TraceError(
            f"{folder} is a tape of version {version!r}; this release reads version {VERSION}: "
            "build it again"
        )
    return info


def info_to_json(info: TapeInfo) -> dict[str, Any]:
    return {
        "version": info.version,
        "counts": {
            "requests": info.requests,
            "sessions": info.sessions,
            "users": info.users,
            "request_bytes": info.request_bytes,
            "links": info.links,
            "bodies": dict(info.bodies),
        },
        "window": {
            "start": rfc3339(info.start_ns),
            "start_ns": info.start_ns,
            "seconds": info.seconds,
        },
        "seed": info.seed,
        "anonymiser": info.anonymiser,
        "account": account_to_json(info.account),
        "hosts": list(info.hosts),
        "routes": [
            {"name": r.name, "service": r.service, "method": r.method, "template": r.template}
            for r in info.routes
        ],
    }


def rfc3339(stamp_ns: int) -> str:
    """A UTC stamp with all its nanoseconds: 2020-03-15T12:00:00.000000000Z."""
    seconds, rest = divmod(stamp_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def make_route(service: str, method: str, template: str) -> Route:
    return Route(f"{service} {method} {template}", service, method, template)


def parse_info(value: Mapping[str, Any], digest: str) -> TapeInfo:
    """As `info_to_json` wrote it. Raises KeyError, TypeError, ValueError or AttributeError."""
    counts, window = value["counts"], value["window"]
    return TapeInfo(
        version=value["version"],
        requests=int(counts["requests"]),
        sessions=int(counts["sessions"]),
        users=int(counts["users"]),
        request_bytes=int(counts["request_bytes"]),
        start_ns=int(window["start_ns"]),
        seconds=float(window["seconds"]),
        hosts=tuple(map(str, value["hosts"])),
        routes=tuple(
            Route(r["name"], r["service"], r["method"], r["template"]) for r in value["routes"]
        ),
        account=parse_account(value["account"]),
        seed=int(value["seed"]),
        anonymiser=str(value["anonymiser"]),
        links=int(counts.get("links", 0)),
        bodies=MappingProxyType({**NO_BODIES, **counts.get("bodies", {})}),
        digest=digest,
    )
