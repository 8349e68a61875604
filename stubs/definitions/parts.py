"""Where a value of a request comes from: `path.application`, `header.x-order`, `json.$.citizen`.

State and sequences are kept by such a value, so that they are never global by accident. A request
that does not have it is nobody's: it finds the initial state and leaves none. Floor 1, pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from stubs.definitions.view import NOTHING, UNREADABLE, View
from stubs.service import Asked, text_of
from switchboard.fault_reader import nearest, shown
from switchboard.seeded import text64

SESSION_COOKIES: Final = ("session", "session_id", "sessionid", "sid", "JSESSIONID")
PLAIN_PARTS: Final = ("tenant", "session", "user", "service")
NAMED_PARTS: Final = ("path", "query", "header", "cookie", "form", "json")

Part = Callable[[Asked, View], str]
"""Takes a request, gives the text of that part; "" when there is none."""


def parse_part(text: str) -> Part:
    """The part that a `key` names. Raises ValueError."""
    kind, dot, name = text.partition(".")
    if not dot and kind in _PLAIN:
        return _PLAIN[kind]
    if dot and name and kind in _NAMED:
        return _NAMED[kind](name)
    if kind in _NAMED:
        raise ValueError(f"{kind} needs a name, such as {_EXAMPLES[kind]}")
    known = (*PLAIN_PARTS, *_EXAMPLES.values())
    near = nearest(kind, (*PLAIN_PARTS, *NAMED_PARTS)) if kind else "no name"
    hint = near if near.startswith("did you mean") else f"write one of {', '.join(known)}"
    raise ValueError(f"{shown(text)!r} is no part of a request; {hint}")


def tenant_of(asked: Asked) -> str:
    return asked.header(b"x-esr-tenant") or asked.header(b"x-tenant-id")


def user_of(asked: Asked) -> str:
    return asked.header(b"x-esr-user")


def session_of(asked: Asked, view: View) -> str:
    """The session that a caller names: by header, cookie or credential, else its user."""
    named = asked.header(b"x-session-id")
    if named:
        return named
    for cookie in SESSION_COOKIES:
        if values := view.cookies.get(cookie):
            return values[0]
    credential = asked.header(b"authorization")
    if credential:  # a secret is no name: only its hash is kept
        return f"credential {text64(credential):016x}"
    return user_of(asked)


def _path(name: str) -> Part:
    return lambda asked, view: asked.params.get(name, "")


def _query(name: str) -> Part:
    return lambda asked, view: _first(view.query, name)


def _header(name: str) -> Part:
    raw = name.lower().encode("latin-1", "replace")
    return lambda asked, view: asked.header(raw)


def _cookie(name: str) -> Part:
    return lambda asked, view: _first(view.cookies, name)


def _form(name: str) -> Part:
    return lambda asked, view: _first(view.form, name)


def _json(name: str) -> Part:
    # Only definitions that use it wait for the library: it takes a while to import.
    from stubs.definitions.json_path import parse_json_path

    find = parse_json_path(name)

    def part(asked: Asked, view: View) -> str:
        value = view.json
        if value is NOTHING or value is UNREADABLE:
            return ""
        found = find(value)
        return _scalar(found[0]) if found else ""

    return part


def _first(fields: Mapping[str, list[str]], name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if isinstance(value, bool) else text_of(value)


_PLAIN: Final[Mapping[str, Part]] = {
    "tenant": lambda asked, view: tenant_of(asked),
    "session": session_of,
    "user": lambda asked, view: user_of(asked),
    "service": lambda asked, view: "service",
}
_NAMED: Final[Mapping[str, Callable[[str], Part]]] = {
    "path": _path,
    "query": _query,
    "header": _header,
    "cookie": _cookie,
    "form": _form,
    "json": _json,
}
_EXAMPLES: Final = {
    "path": "path.application",
    "query": "query.plan",
    "header": "header.x-order-id",
    "cookie": "cookie.basket",
    "form": "form.case",
    "json": "json.$.citizen",
}
