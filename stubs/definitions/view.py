"""One request's body, query, cookies and form, each parsed once however many routes look at it.

Nothing here raises: what cannot be read is missing. Floor 1, pure. Read next: `parts.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from stubs.definitions.patterns import begin_round
from stubs.service import Asked

MAX_FIELDS: Final = 1_000
"""More fields of a query, form or cookie header than this are not looked at."""


class _Nothing:
    """No value at all, which is not the same as JSON's null."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()
UNREADABLE: Final = _Nothing()
"""The body is not JSON."""

Fields = Mapping[str, list[str]]


class View:
    """What one request holds, read when it is first asked for."""

    __slots__ = ("_cookies", "_form", "_json", "_query", "asked_query", "body", "headers")

    def __init__(self, asked: Asked) -> None:
        begin_round()
        self.asked_query = asked.query
        self.headers = asked.headers
        self.body = asked.body
        self._query: Fields | None = None
        self._cookies: Fields | None = None
        self._form: Fields | None = None
        self._json: Any = None

    def is_of(self, asked: Asked) -> bool:
        """Whether it was read from the very values that this request holds."""
        return (
            self.headers is asked.headers
            and self.body is asked.body
            and self.asked_query is asked.query
        )

    @property
    def query(self) -> Fields:
        if self._query is None:
            self._query = _fields(self.asked_query)
        return self._query

    @property
    def cookies(self) -> Fields:
        if self._cookies is None:
            self._cookies = _read_cookies(self.headers.get(b"cookie", b""))
        return self._cookies

    @property
    def form(self) -> Fields:
        """The fields of a URL-encoded form; other bodies have none."""
        if self._form is None:
            kind = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            is_form = kind == b"application/x-www-form-urlencoded"
            self._form = _fields(self.body.decode("utf-8", "replace")) if is_form else {}
        return self._form

    @property
    def json(self) -> Any:
        """The body as JSON whatever its content type: NOTHING if empty, UNREADABLE if it is none.

        Not to be changed: every route of the request is shown the same value.
        """
        if self._json is None:
            # A tuple, because null is a value too.
            self._json = (_read_json(self.body),)
        return self._json[0]


class Views:
    """The view of the latest request. Routes are tried one after the other, so one is enough."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: View | None = None

    def of(self, asked: Asked) -> View:
        latest = self._latest
        if latest is None or not latest.is_of(asked):
            latest = self._latest = View(asked)
        return latest


def _read_json(body: bytes) -> Any:
    if not body:
        return NOTHING
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return UNREADABLE


def _fields(text: str) -> Fields:
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:  # too many of them
        return {}
    return _grouped(pairs)


def _read_cookies(raw: bytes) -> Fields:
    parts = raw.decode("latin-1").split(";", MAX_FIELDS)[:MAX_FIELDS]
    split = (part.partition("=") for part in parts)
    return _grouped((name.strip(), value.strip().strip('"')) for name, mark, value in split if mark)


def _grouped(pairs: Iterable[tuple[str, str]]) -> Fields:
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields
