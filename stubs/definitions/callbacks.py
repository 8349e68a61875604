"""What a route sends by itself after its answer: webhooks, built here and sent by the gateway.

Whether the address may be reached is the guard's word, when it is sent. Floor 1, pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stubs.definitions.answers import NamesOf
from stubs.definitions.json_tree import Piece
from stubs.definitions.pieces import BODY_KEYS, Body, Values, parse_body, parse_headers
from stubs.definitions.sandbox import TemplateSandbox
from stubs.definitions.templates import FilledSheet, Sheet, is_template
from stubs.definitions.view import View
from stubs.faults.durations import parse_ms
from stubs.service import Asked, Callback
from switchboard.fault_reader import FaultReader, join, kind_of, shown

CALLBACK_KEYS: Final = ("url", "method", "after", "headers", *BODY_KEYS, "content_type")
MAX_CALLBACKS: Final = 20
"""Of one answer."""
MAX_URL_CHARS: Final = 2_000
MAX_AFTER_MS: Final = 366 * 86_400_000.0

_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_URL: Final = re.compile(r"https?://[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class CallbackForm:
    """One callback in pieces."""

    url: str | int
    method: str
    after_ms: float
    headers: tuple[tuple[bytes, Piece], ...]
    body: Body

    def make(self, filled: Values) -> Callback:
        """Raises BrokenTemplateError."""
        return Callback(
            self.url if isinstance(self.url, str) else _filled_url(filled, self.url),
            self.after_ms,
            self.method,
            filled.headers(self.headers),
            self.body.fill(filled),
            filled.header(self.body.content_type),
        )


@dataclass(frozen=True, slots=True)
class CallbackForms:
    """All callbacks of a route."""

    forms: tuple[CallbackForm, ...]
    sheet: FilledSheet | None
    names_of: NamesOf

    def make(self, asked: Asked, view: View) -> tuple[Callback, ...]:
        """Raises BrokenTemplateError, BadRequestError."""
        if self.sheet is None:
            return self.fixed()
        values = self.sheet.fill(self.names_of(asked, view), len(asked.body))
        filled = Values(self.sheet, values)
        return tuple(form.make(filled) for form in self.forms)

    def fixed(self) -> tuple[Callback, ...]:
        return tuple(form.make(Values(None)) for form in self.forms)


def parse_callbacks(
    fields: Mapping[str, object],
    path: str,
    reader: FaultReader,
    sandbox: TemplateSandbox,
    names_of: NamesOf,
) -> CallbackForms | None:
    """What a route has under `callbacks`; None when it sends nothing."""
    sheet = Sheet(sandbox, reader)
    items = reader.items(fields, path, "callbacks")
    if len(items) > MAX_CALLBACKS:
        reader.fault(join(path, "callbacks"), f"there are up to {MAX_CALLBACKS} of them")
    forms = [_parse_callback(raw, at, reader, sheet) for at, raw in items[:MAX_CALLBACKS]]
    if not forms:
        return None
    filled = sheet.compile()
    if sheet and filled is None:  # its faults have been told
        return None
    return CallbackForms(tuple(forms), filled, names_of)


def _parse_callback(raw: object, path: str, reader: FaultReader, sheet: Sheet) -> CallbackForm:
    fields = reader.mapping(raw, path, CALLBACK_KEYS)
    method = fields.get("method", "POST")
    if not isinstance(method, str) or not _METHOD.fullmatch(method.upper()):
        reader.fault(join(path, "method"), "must be a method such as POST")
        method = "POST"
    return CallbackForm(
        _parse_url(fields, path, reader, sheet),
        method.upper(),
        _parse_after(fields.get("after", 0), join(path, "after"), reader),
        parse_headers(fields, path, reader, sheet),
        parse_body(fields, path, reader, sheet),
    )


def _parse_url(
    fields: Mapping[str, object], path: str, reader: FaultReader, sheet: Sheet
) -> str | int:
    url = reader.text(fields, path, "url")
    at = join(path, "url")
    if is_template(url):
        return sheet.add(at, url)
    if url and not _is_url(url):
        reader.fault(at, f"{shown(url)!r} is no address such as http://svc.hms.example/hook")
    return url


def _parse_after(raw: object, path: str, reader: FaultReader) -> float:
    try:
        after_ms = parse_ms(raw)
    except ValueError as error:
        text = str(error) if isinstance(raw, str | int | float) else f"not {kind_of(raw)}"
        reader.fault(path, text)
        return 0.0
    if after_ms > MAX_AFTER_MS:
        reader.fault(path, "must be within a year")
    return after_ms


def _filled_url(filled: Values, number: int) -> str:
    url = filled.text(number)
    if not _is_url(url):
        raise filled.broken(number, f"{shown(url)!r} is no http address")
    return url


def _is_url(url: str) -> bool:
    return len(url) <= MAX_URL_CHARS and _URL.fullmatch(url) is not None
