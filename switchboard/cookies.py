"""Cookies at the switchboard: the sandbox's own come back to it, production's never arrive.

Floor 0. A cookie that the sandbox sets is given to the client under a marked name (`esr_sid`), and
only marked cookies are passed on, under their own name. So a login in the sandbox works in a
browser that also holds production's cookies for the same host.
Read next: `edit_request.py`, `edit_answer.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from switchboard.headers import is_token, is_value
from switchboard.rules import Pairs

MARK: Final = "esr_"
# Browsers give these names a meaning, which only holds where the name starts with them.
_MEANING: Final = ("__Host-", "__Secure-", "__host-", "__secure-")
_DOMAIN: Final = re.compile(r"\s*domain\s*(?:=|$)", re.IGNORECASE)


def marked(name: str) -> str:
    """The name under which a client holds a cookie of the sandbox."""
    for start in _MEANING:
        if name.startswith(start):
            return f"{start}{MARK}{name.removeprefix(start)}"
    return f"{MARK}{name}"


def unmarked(name: str) -> str | None:
    """The sandbox's own name for a marked cookie, or None for any other cookie."""
    for start in ("", *_MEANING):
        if name.startswith(f"{start}{MARK}"):
            return start + name.removeprefix(f"{start}{MARK}")
    return None


def cookie_header(
    values: Iterable[str], *, are_marked: bool, keep: AbstractSet[str], drop: AbstractSet[str],
    add: Pairs,
) -> str:  # fmt: skip
    """The one Cookie header that goes on; "" when nothing is left.

    values: those of the client's Cookie headers.   are_marked: pass on what the sandbox has set.
    keep: names that pass whoever set them, lower case.   drop, add: the route's own edits.
    """
    kept: dict[str, str] = {}
    for value in values:
        for part in value.split(";"):
            name, equals, text = part.strip(" \t").partition("=")
            if not equals or not is_token(name):
                continue
            own = unmarked(name) if are_marked else None
            if own is None and name.lower() in keep:
                own = name
            if own and own not in drop and is_value(text):
                kept[own] = text
    kept.update(add)
    return "; ".join(f"{name}={text}" for name, text in kept.items())


def set_cookie(value: str, *, are_marked: bool) -> str | None:
    """What a client is told instead of the sandbox's Set-Cookie, or None when it vanishes.

    A Domain is taken out: the cookie then belongs to the very host that the client asked.
    """
    first, *attributes = value.split(";")
    name, equals, text = first.strip(" \t").partition("=")
    if not are_marked or not equals or not is_token(name) or not is_value(value):
        return None
    kept = [part for part in attributes if not _DOMAIN.match(part)]
    return ";".join([f"{marked(name)}={text}", *kept])
