"""The `when:` of a route, put together one condition at a time. Floor 1, pure.

Conditions on one thing become one; what cannot stand together refuses the item.
"""

from __future__ import annotations

from typing import Any

from stubs.importers.answers import parse_json
from stubs.importers.report import NotTakenError
from stubs.importers.text_match import TextMatch, all_of
from stubs.importers.yaml_text import is_writable
from switchboard.fault_reader import shown
from switchboard.headers import is_token


class Conditions:
    """What a request must be like."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, list[TextMatch]]] = {}
        self._body: list[TextMatch] = []
        self._whole: dict[str, Any] = {}
        self._schema: Any = None
        self._state: dict[str, str] = {}

    @property
    def is_any(self) -> bool:
        return bool(
            self._parts or self._body or self._whole or self._schema is not None or self._state
        )

    @property
    def count(self) -> int:
        """How many things are looked at."""
        parts = sum(map(len, self._parts.values()))
        return parts + len(self._body) + len(self._whole) + len(self._state)

    def add(self, part: str, name: str, match: TextMatch) -> None:
        """part: query, headers, cookies, form or path."""
        if part == "headers":
            name = name.lower()
        if not name or not name.isprintable() or len(name) > 100:
            raise NotTakenError(f"{shown(name)} is no name that can be looked for")
        if part == "headers" and not is_token(name):
            raise NotTakenError(f"{shown(name)} is no name of a header")
        self._parts.setdefault(part, {}).setdefault(name, []).append(match)

    def add_json(self, path: str, match: TextMatch) -> None:
        """A JSON path into the body."""
        if not path.startswith("$") or not path.isprintable() or len(path) > 150:
            raise NotTakenError(f"{shown(path)} is no JSON path that is read here")
        self._parts.setdefault("json", {}).setdefault(path, []).append(match)

    def add_body(self, match: TextMatch) -> None:
        self._body.append(match)

    def set_json(self, value: Any, *, is_part: bool) -> None:
        """The body is this JSON value, or has it inside."""
        if self._whole:
            raise NotTakenError("its body is compared with two JSON values")
        self._whole = {"includes_json" if is_part else "equals_json": value}

    def set_schema(self, schema: Any) -> None:
        if self._schema is not None:
            raise NotTakenError("its body is checked by two schemas")
        if not isinstance(schema, dict):
            raise NotTakenError("its JSON schema must be a mapping")
        self._schema = schema

    def add_state(self, machine: str, value: str) -> None:
        self._state[machine] = value

    def to_mapping(self) -> dict[str, Any]:
        """The mapping as a definition has it."""
        when: dict[str, Any] = {
            part: {name: _shown(part, all_of(matches)) for name, matches in named.items()}
            for part, named in self._parts.items()
        }
        body = dict(self._whole)
        if self._body:
            body |= _body_operators(all_of(self._body))
        if body:
            when["body"] = body
        if self._schema is not None:
            when["schema"] = self._schema
        if self._state:
            when["state"] = dict(self._state)
        return when


def _shown(part: str, match: TextMatch) -> Any:
    """The condition as it is written; a JSON value may be the number that a text spells."""
    text = match.operators.get("equals")
    if part != "json" or not isinstance(text, str) or len(match.operators) > 1:
        return match.short
    try:
        value = parse_json(text)
    except ValueError:
        return text
    is_other = isinstance(value, int | float) and is_writable(value)
    return {"any_of": [text, value]} if is_other else text


def _body_operators(match: TextMatch) -> dict[str, Any]:
    """An empty body is none."""
    return {"absent": True} if match.operators == {"equals": ""} else dict(match.operators)
