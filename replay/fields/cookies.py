"""Cookies one by one, as a request sends them and as an answer sets them.

Read next: `headers.py`.
"""

from __future__ import annotations

from typing import Final

from replay.fields.percent import COOKIE_SAFE, decode, encode
from replay.fields.places import MAX_LEAVES, Show, looks_like_data, step
from replay.fields.siblings import Part, part_of, show_together
from replay.fields.url_parts import map_url

_PLAIN_ATTRIBUTES: Final = frozenset(
    {"expires", "max-age", "secure", "httponly", "samesite", "partitioned", "priority"}
)


def map_cookies(header: str, show: Show, here: str) -> str | None:
    """The value of a `Cookie` header; None when nothing of it is left."""
    if header.count(";") > MAX_LEAVES:
        return show(here, "", header)
    cookies: list[str | None] = list(header.split(";"))
    parts: list[Part] = []
    is_changed = False
    for at, cookie in enumerate(header.split(";")):
        new = _map_cookie(cookie, show, here, at, parts)
        if new is not cookie:
            is_changed = is_changed or new != cookie
            cookies[at] = new
    if len(parts) > 1:
        olds = header.split(";")
        for at, text in show_together(parts, show, here).items():
            cookies[at] = None if text is None else _write(olds[at], text)
            is_changed = True
    if not is_changed:
        return header
    return ";".join([cookie for cookie in cookies if cookie is not None]).lstrip(" ") or None


def map_set_cookie(header: str, show: Show, here: str) -> str | None:
    """The value of a `Set-Cookie` header: one cookie, and what is said of it."""
    cookie, mark, tail = header.partition(";")
    new = _map_cookie(cookie, show, here, 0, [])
    if new is None:
        return None
    if not mark:
        return new
    path = here + step(cookie.partition("=")[0].strip())
    attributes = [_map_attribute(each, show, path) for each in tail.split(";", 64)]
    return ";".join([new, *attributes])


def _map_cookie(cookie: str, show: Show, here: str, at: int, parts: list[Part]) -> str | None:
    """The very cookie when it did not change, None when it is taken out."""
    name, mark, raw = cookie.partition("=")
    name = name.strip()
    if not mark:
        return cookie if not name or show(f"{here}.~key", "", name) == name else None
    if looks_like_data(name) and show(f"{here}.*~key", "", name) != name:
        return None
    text = decode(raw.strip().strip('"'))
    if not text:
        return cookie
    part = part_of(name, text, at)
    if part is not None:
        parts.append(part)
    new = show(here + step(name), name, text)
    if new == text:
        return cookie
    return None if new is None else _write(cookie, new)


def _write(cookie: str, text: str) -> str:
    """The cookie with another value, quoted where it was."""
    name, _, raw = cookie.partition("=")
    coded = encode(text, raw, COOKIE_SAFE)
    return f'{name}="{coded}"' if raw.lstrip().startswith('"') else f"{name}={coded}"


def _map_attribute(attribute: str, show: Show, here: str) -> str:
    name, mark, value = attribute.partition("=")
    low = name.strip().lower()
    if not mark or not value or low in _PLAIN_ATTRIBUTES:
        return attribute
    if low == "path":
        return f"{name}={map_url(value, show, f'{here};path')}"
    new = show(f"{here};{step(low).lstrip('.')}", low, value)
    return attribute if new == value else f"{name}={encode(new or '', '', COOKIE_SAFE)}"
