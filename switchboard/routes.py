"""Names for routes and services, taken from a path and a host without any configuration.

Floor 0. Numbers are only worth comparing per route, so segments that look like identifiers
become `{id}`; the service is the first label of the recorded host.
The caches are bounded and only save time: every function here is pure.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TEMPLATE: Final = 200
"""A template longer than this ends in `/{rest}`: a hostile path must not become a long name."""
MAX_SEGMENT: Final = 64
"""A longer segment is not a word that a route is known by."""
_CACHE_SIZE: Final = 16_384

_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_UUID_OR_HEX: Final = re.compile(
    r"[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{4}-?[0-9A-Fa-f]{12}"
    r"|(?:0x)?[0-9A-Fa-f]{8,}"
)
_NUMBERS: Final = re.compile(r"[0-9.,:+_-]*[0-9][0-9.,:+_-]*")
_VERSION: Final = re.compile(r"[vV]?[0-9]{1,2}(?:\.[0-9]{1,3}){0,2}")
_EXTENSION: Final = re.compile(r"(.+)(\.[A-Za-z][A-Za-z0-9]{0,4})")
_IP_LITERAL: Final = re.compile(r"[0-9.]+|\[.*")
_NOT_LABEL: Final = re.compile(r"[^a-z0-9-]+")

_templates: dict[str, str] = {}
_segments: dict[str, str] = {}
_services: dict[str, str] = {}


def route_template(path: str) -> str:
    """The path with identifiers replaced: `/users/42/orders?x=1` is `/users/{id}/orders`."""
    known = _templates.get(path)
    if known is not None:
        return known
    bare = path.partition("?")[0]
    template = "/".join([_segment(part) for part in bare.split("/")])
    if len(template) > MAX_TEMPLATE:
        template = template[: template.rfind("/", 1, MAX_TEMPLATE)] + "/{rest}"
    if len(path) <= MAX_TEMPLATE:
        _remember(_templates, path, template)
    return template


def service_of(authority: str) -> str:
    """The service behind a recorded host: `ach.hms.example:443` is `ach`; an address is `default`.

    Always a clean label (`service_label`), so it is safe in a header and in a route name.
    """
    known = _services.get(authority)
    if known is not None:
        return known
    host = authority.rpartition("@")[2]
    if not _IP_LITERAL.fullmatch(host.partition(":")[0]) and host.count(":") < 2:
        service = service_label(host.partition(":")[0].partition(".")[0])
    else:
        service = "default"
    if len(authority) <= 256:
        _remember(_services, authority, service)
    return service


def service_label(name: str) -> str:
    """A service name in lower case with only `a-z0-9-`; `default` when nothing is left."""
    return _NOT_LABEL.sub("-", name.lower()[:256]).strip("-")[:63].rstrip("-") or "default"


def split_url(url: str) -> tuple[str, str]:
    """A recorded URL as (authority, target): the authority is "" when the URL is only a path.

    User information is dropped (it is a credential), the host is lower-cased, a fragment never
    travels, and an absolute URL without a path asks for `/`.
    """
    if "#" in url:
        url = url.partition("#")[0]
    if url[:1] == "/" or "://" not in url:
        return "", url
    rest = url.partition("://")[2]
    cut = next((at for at, char in enumerate(rest) if char in "/?"), len(rest))
    authority = rest[:cut].rpartition("@")[2].lower()
    target = rest[cut:]
    return authority, target if target[:1] == "/" else f"/{target}"


def _segment(part: str) -> str:
    if part.isdigit():
        return "{id}"
    known = _segments.get(part)
    if known is None:
        known = _choose_segment(part)
        if len(part) <= MAX_SEGMENT:
            _remember(_segments, part, known)
    return known


def _choose_segment(part: str) -> str:
    if len(part) > MAX_SEGMENT:
        return "{id}"
    if not part or part.isalpha():
        # Letters alone are a word, unless they are a long hexadecimal number.
        return "{id}" if len(part) >= 8 and _UUID_OR_HEX.fullmatch(part) else part
    plain = _PERCENT.sub("_", part)
    if "@" in plain or "%40" in part:
        return "{id}"
    named = _EXTENSION.fullmatch(plain)
    if named is not None:
        return "{id}" + named[2] if _is_id(named[1]) else part
    return "{id}" if _is_id(plain) else part


def _is_id(text: str) -> bool:
    if _UUID_OR_HEX.fullmatch(text):
        return True
    if _VERSION.fullmatch(text) and not text.isdigit():
        return False
    if _NUMBERS.fullmatch(text):
        return True
    return len(text) >= 5 and sum(map(text.count, "0123456789")) >= 2


def _remember(cache: dict[str, str], key: str, value: str) -> None:
    if len(cache) >= _CACHE_SIZE:
        cache.clear()
    cache[key] = value
