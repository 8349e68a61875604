"""What a route says: status, headers and body, fixed or with templates in them.

A fixed answer is made once, when the definition is read. Floor 1, pure.
Read next: `pieces.py`, `templates.py`; `route.py` decides when an answer is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stubs.definitions.json_tree import Piece
from stubs.definitions.pieces import BODY_KEYS, Body, Values, parse_body, parse_headers
from stubs.definitions.sandbox import TemplateSandbox
from stubs.definitions.templates import FilledSheet, Sheet, is_template
from stubs.definitions.view import View
from stubs.service import Answer, Asked
from switchboard.fault_reader import FaultReader, join, kind_of

ANSWER_KEYS: Final = ("status", "headers", *BODY_KEYS, "content_type")
STATUSES: Final = range(200, 600)

NamesOf = Callable[[Asked, View], Mapping[str, Any]]
"""What the templates of a definition can name, for one request."""
Say = Callable[[Asked, View], Answer]


@dataclass(frozen=True, slots=True)
class Form:
    """An answer in pieces. `status` is the number of a template when `is_status_filled`."""

    status: int
    is_status_filled: bool
    headers: tuple[tuple[bytes, Piece], ...]
    body: Body

    def make(self, filled: Values) -> Answer:
        """Raises BrokenTemplateError."""
        return Answer(
            _status(filled, self.status) if self.is_status_filled else self.status,
            self.body.fill(filled),
            filled.header(self.body.content_type),
            filled.headers(self.headers),
        )


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of a definition: how to give it, and the answer itself if it never changes."""

    say: Say
    fixed: Answer | None


def parse_answer(
    raw: object,
    path: str,
    reader: FaultReader,
    sandbox: TemplateSandbox,
    names_of: NamesOf,
    more_keys: tuple[str, ...] = (),
) -> Said:
    """The answer that somebody wrote. more_keys: others that its mapping may have."""
    fields = reader.mapping(raw, path, (*ANSWER_KEYS, *more_keys))
    sheet = Sheet(sandbox, reader)
    status, is_status_filled = _parse_status(fields, join(path, "status"), reader, sheet)
    headers = parse_headers(fields, path, reader, sheet)
    form = Form(status, is_status_filled, headers, parse_body(fields, path, reader, sheet))
    if status in (204, 304) and any(key in fields for key in BODY_KEYS):
        reader.fault(join(path, "status"), f"an answer with status {status} has no body")
    if not sheet:
        return _fixed(form.make(Values(None)))
    filled = sheet.compile()
    return _fixed(Answer(500)) if filled is None else Said(_templated(form, filled, names_of), None)


def _fixed(answer: Answer) -> Said:
    return Said(lambda asked, view: answer, answer)


def _templated(form: Form, sheet: FilledSheet, names_of: NamesOf) -> Say:
    def say(asked: Asked, view: View) -> Answer:
        values = sheet.fill(names_of(asked, view), len(asked.body))
        return form.make(Values(sheet, values))

    return say


def _parse_status(
    fields: Mapping[str, object], path: str, reader: FaultReader, sheet: Sheet
) -> tuple[int, bool]:
    raw = fields.get("status", 200)
    if isinstance(raw, str) and is_template(raw):
        return sheet.add(path, raw), True
    if isinstance(raw, bool) or not isinstance(raw, int) or raw not in STATUSES:
        shown = raw if isinstance(raw, int) else kind_of(raw)
        reader.fault(path, f"a status is a number from 200 to 599, not {shown}")
        return 200, False
    return raw, False


def _status(filled: Values, number: int) -> int:
    value = filled.values[number]
    if isinstance(value, str) and len(value) == len("200") and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in STATUSES:
        raise filled.broken(number, "a status is a number from 200 to 599")
    return value
