"""Who sent a request, carried in headers where a format has no place for it: both ways.

An export writes `X-Esr-User`, `X-Esr-Session` and `X-Esr-Service`, and `X-Esr-Url` where the
format cannot say the whole URL (a scheme, say); the reader puts them back and drops the headers.
Values are percent-encoded, so that any name is plain ASCII. Nothing that starts with `X-Esr-` is
ever replayed (`switchboard/credentials.py`).
Read next: `gor.py` and `vegeta_json.py`, and the writers of the same names in `replay/exports/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from replay.readers.raw_body import Pairs
from switchboard.event import Event, parse_event

_FIELDS: Final = {
    "x-esr-user": "user",
    "x-esr-session": "session",
    "x-esr-service": "service",
    "x-esr-url": "url",
}
STAND_IN: Final = "http://localhost"
"""Whose a request is that was recorded without a host, in a format that cannot do without."""
_PLAIN: Final = "!\"#$&'()*+,/:;<=>?@[\\]^`{|}~"
"""All visible ASCII but the percent sign: most names are carried as they are."""


class Carried(NamedTuple):
    """What the headers said; None where they said nothing."""

    user: str | None = None
    session: str | None = None
    service: str | None = None
    url: str | None = None


def carry(event: Event, *, with_url: bool = False) -> list[tuple[str, str]]:
    """The headers that say what of the event has no place in the format."""
    said = (
        ("X-Esr-User", event.user),
        ("X-Esr-Session", event.session),
        ("X-Esr-Service", event.service),
        ("X-Esr-Url", event.url if with_url else None),
    )
    return [(name, quote(text, safe=_PLAIN)) for name, text in said if text]


def take_carried(headers: Iterable[tuple[str, str]]) -> tuple[Carried, Pairs]:
    """What was carried, and the other headers; of a name that comes twice the first counts."""
    found: dict[str, str] = {}
    rest = []
    for name, value in headers:
        field = _FIELDS.get(name.lower())
        if field is None:
            rest.append((name, value))
        elif value:
            found.setdefault(field, _decode(value))
    return Carried(**found), tuple(rest)


def restore(event: Event) -> Event:
    """The event with the names that its headers carry. Raises EventError for one that is none."""
    carried, rest = take_carried(event.headers)
    if len(rest) == len(event.headers):
        return event
    names = {"user": carried.user, "session": carried.session, "service": carried.service}
    checked = parse_event({"delay": 0, "method": "GET", "url": "/", **names})
    url = event.url
    if carried.url is not None and url == f"{STAND_IN}{carried.url}":
        url = carried.url
    return event._replace(
        url=url, user=checked.user, session=checked.session, service=checked.service, headers=rest
    )


def is_carrier(name: str) -> bool:
    """True for the name of a header that only we write."""
    return name.lower() in _FIELDS


def _decode(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:  # nothing of ours: taken as it stands
        return value
