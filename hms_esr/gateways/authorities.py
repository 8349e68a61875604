"""The authority files that the rules name, found and tried before anything is dialled by them.

A `ca_file` is relative to the rules file, wherever the gateway was started; and one that holds no
certificate is a fault of the rules, not something that each request finds out again.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Final

from hms_esr.gateways.errors import GatewayError
from scenarios.plain_files import read_plain
from switchboard.rules import Destination, Route, Rules

MOST_BYTES: Final = 4_000_000


def find_authorities(rules: Rules, folder: Path) -> Rules:
    """The rules with the whole path of every authority file. Raises GatewayError.

    folder: what file names in the rules are relative to.
    """
    ends = (end for route in rules.routes for end in (route.to, route.live))
    names = dict.fromkeys(end.ca_file for end in ends if end is not None and end.ca_file)
    for name in names:
        _check(rules, folder / name)
    if not names:
        return rules
    return replace(rules, routes=tuple(_found(route, folder) for route in rules.routes))


def _found(route: Route, folder: Path) -> Route:
    return replace(route, to=_end(route.to, folder), live=_end(route.live, folder))


def _end(end: Destination | None, folder: Path) -> Destination | None:
    if end is None or end.ca_file is None:
        return end
    return replace(end, ca_file=str(folder / end.ca_file))


def _check(rules: Rules, path: Path) -> None:
    try:
        data = read_plain(path, MOST_BYTES)
    except OSError as error:
        raise GatewayError(
            f"{rules.source} believes the authority in {path}, which cannot be read: "
            f"{error.strerror or error}"
        ) from None
    text = data.decode("ascii", "ignore")  # between certificates there may stand anything
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise GatewayError(
            f"{path} holds no authority: it must be the sandbox's certificates in PEM form"
        ) from None
