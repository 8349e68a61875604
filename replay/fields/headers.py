"""Headers: each value a text, cookies one by one, and URLs in their parts.

No replacement can begin a line of its own: control characters become spaces.
Read next: `cookies.py`, `url_parts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from replay.fields.cookies import map_cookies, map_set_cookie
from replay.fields.leaf import Visit
from replay.fields.nested import opened
from replay.fields.places import Show, looks_like_data, step
from replay.fields.url_parts import map_url

Pairs = tuple[tuple[str, str], ...]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_URL_VALUED: Final = frozenset(
    {
        "content-location",
        "location",
        "origin",
        "referer",
        "referrer",
        "x-forwarded-uri",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
    }
)
_WHOLE: Final = frozenset({"authorization", "proxy-authorization"})
"""One leaf each, whatever is inside."""


def map_headers(pairs: Pairs, visit: Visit, *, prefix: str = "header") -> Pairs:
    """The headers with every leaf replaced, without those taken out; the very ones if unchanged."""
    show = opened(visit)
    is_changed = False
    kept: list[tuple[str, str]] = []
    for pair in pairs:
        name, value = pair
        new = map_header(name, value, visit, show, prefix) if value else value
        if new is value and not looks_like_data(name):
            kept.append(pair)
            continue
        new_name = _map_name(name, visit, prefix)
        if new is not None and new_name is not None:
            new_pair = pair if new == value and new_name == name else (new_name, new)
            is_changed = is_changed or new_pair is not pair
            kept.append(new_pair)
        else:
            is_changed = True
    return tuple(kept) if is_changed else pairs


def map_lines(lines: str, visit: Visit, *, prefix: str = "header") -> str:
    """The same for header lines as one text, `Name: value` and CRLF each, as a tape takes them."""
    pairs = tuple(parse_lines(lines))
    mapped = map_headers(pairs, visit, prefix=prefix)
    return lines if mapped is pairs else "".join([f"{name}: {text}\r\n" for name, text in mapped])


def parse_lines(lines: str) -> Iterable[tuple[str, str]]:
    """Names and values of header lines as one text."""
    for line in lines.split("\r\n"):
        name, mark, value = line.partition(":")
        if mark:
            yield name, value.strip(" \t")


def find_header(pairs: Pairs, wanted: str) -> str:
    """The first value under a name in lower case, or ""."""
    for name, value in pairs:
        if len(name) == len(wanted) and name.lower() == wanted:
            return value
    return ""


def map_header(name: str, value: str, visit: Visit, show: Show, prefix: str) -> str | None:
    """The value of one header; None when it is taken out."""
    low = name.lower()
    new: str | None
    if low == "cookie":
        new = map_cookies(value, show, f"{prefix[:-6]}cookie")
    elif low == "set-cookie":
        new = map_set_cookie(value, show, f"{prefix[:-6]}cookie")
    elif low == "content-length" and value.isdigit():
        return value
    elif low in _URL_VALUED:
        new = map_url(value, show, prefix + step(low))
    elif low in _WHOLE:
        new = opened(visit, 99)(prefix + step(low), name, value)
    else:
        new = show(prefix + step(low), name, value)
    if new is None or new == value:
        return value if new is not None else None
    return clean_line(new)


def clean_line(text: str) -> str:
    """The text without anything that ends a line."""
    return text if text.isprintable() else _CONTROL.sub(" ", text)


def _map_name(name: str, visit: Visit, prefix: str) -> str | None:
    """A header whose name tells too much goes as a whole: a name cannot be just anything."""
    if not looks_like_data(name):
        return name
    new = opened(visit)(f"{prefix}.*~key", "", name)
    return name if new == name else None
