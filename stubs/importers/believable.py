"""Believable values for a schema: seeded, of the right type and within the limits it gives.

Floor 1, pure. A value is made of constants and of expressions such as `fake.email`, which the
gateway fills in for each request. Read next: `believable_scalars.py`, `openapi_refs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stubs.importers.answers import escape_text, json_body
from stubs.importers.believable_scalars import Expression, pick_one, scalar_value
from stubs.importers.openapi_refs import MAX_ALL_NODES, Document
from stubs.importers.report import Item, NotTakenError

MAX_DEPTH: Final = 8
MAX_NODES: Final = 400
MAX_ITEMS: Final = 3


class Believable:
    """Makes values for the schemas of one document; says in the item where it had to guess."""

    def __init__(self, document: Document, item: Item) -> None:
        self._document = document
        self._item = item
        self._nodes = 0
        self._inside: list[object] = []
        """The references that are being followed, the outermost first."""

    def body(self, schema: object) -> dict[str, Any]:
        """The body of an answer. Raises NotTakenError."""
        value = self.value(schema)
        if not _has_expression(value):
            return json_body(value)
        return {"json": _written(value)}

    def value(self, raw: object, name: str = "", depth: int = 0) -> Any:
        """A value that the schema would take, with expressions inside.

        name: what the value is called, as `items 2` in a list: equal names get equal values.
        """
        reference = _reference(raw)
        if reference is None:
            return self._value(raw, name, depth)
        self._inside.append(reference)
        try:
            return self._value(raw, name, depth)
        finally:
            self._inside.pop()

    def _value(self, raw: object, name: str, depth: int) -> Any:
        self._nodes += 1
        self._document.nodes += 1
        if self._document.nodes > MAX_ALL_NODES:
            raise NotTakenError("the document describes more than a definition can hold")
        if raw is True or raw == {}:
            return {}
        if raw is False:
            raise NotTakenError("its schema allows no value at all")
        schema = self._document.resolve(raw, "a schema")
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            self._item.approximate("the schema goes deeper than the answer does")
            return None
        for key in ("example", "default", "const"):
            if key in schema:
                return schema[key]
        examples, enum = schema.get("examples"), schema.get("enum")
        if isinstance(examples, list) and examples:
            return examples[0]
        if isinstance(enum, list) and enum:
            return pick_one(enum, name)
        return self._composed(schema, name, depth)

    def _composed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        whole = schema.get("allOf")
        if isinstance(whole, list) and whole:
            return self._all_of(schema, whole, name, depth)
        for key in ("oneOf", "anyOf"):
            choices = schema.get(key)
            if isinstance(choices, list) and choices:
                self._item.approximate(f"of what `{key}` allows it answers the first")
                first = self.value(choices[0], name, depth + 1)
                own = self._typed(schema, name, depth) if "properties" in schema else {}
                return {**own, **first} if isinstance(first, dict) and own else first
        return self._typed(schema, name, depth)

    def _all_of(
        self, schema: Mapping[str, Any], parts: Sequence[object], name: str, depth: int
    ) -> Any:
        """Objects are put together; of anything else the last part decides."""
        own = {key: value for key, value in schema.items() if key != "allOf"}
        values = [self.value(part, name, depth + 1) for part in parts]
        if "type" in own or "properties" in own:
            values.append(self._typed(own, name, depth))
        if all(isinstance(value, dict) for value in values):
            return {key: each for value in values for key, each in value.items()}
        return next((value for value in reversed(values) if value not in ({}, None)), None)

    def _typed(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = _type_of(schema)
        if kind == "object":
            return self._object(schema, name, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if "pattern" in schema and kind == "string":
            self._item.approximate("a text with a pattern is answered with any text")
        return scalar_value(kind, schema, name)

    def _object(self, schema: Mapping[str, Any], name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        required = schema.get("required")
        must = required if isinstance(required, list) else ()
        number = name.rpartition(" ")[2]
        found: dict[str, Any] = {}
        for key, raw in properties.items() if isinstance(properties, Mapping) else ():
            if isinstance(raw, Mapping) and raw.get("writeOnly") is True:
                continue
            if not self._is_deep(raw, depth) or key in must:
                called = f"{key} {number}" if number.isdigit() else str(key)
                found[str(key)] = self.value(raw, called, depth + 1)
        return found

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        least = schema.get("minItems")
        count = least if type(least) is int and least > 0 else 1
        if count > MAX_ITEMS:
            self._item.approximate(f"a list has {MAX_ITEMS} items, fewer than its schema wants")
        items = schema.get("items", {})
        if (self._is_deep(items, depth) and not least) or schema.get("maxItems") == 0:
            return []
        word = name.partition(" ")[0] or "item"
        names = [word, *(f"{word} {number}" for number in range(2, MAX_ITEMS + 1))]
        return [self.value(items, each, depth + 1) for each in names[: min(count, MAX_ITEMS)]]

    def _is_deep(self, raw: object, depth: int) -> bool:
        """Whether only what must be there is: what refers to itself has to end."""
        return depth >= MAX_DEPTH // 2 or _reference(raw) in self._inside


def _reference(raw: object) -> str | None:
    reference = raw.get("$ref") if isinstance(raw, Mapping) else None
    return reference if isinstance(reference, str) else None


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _has_expression(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_expression, value.values()))
    if isinstance(value, list):
        return any(map(_has_expression, value))
    return isinstance(value, Expression)


def _written(value: Any) -> Any:
    """The value with its expressions as templates, and nothing else as one."""
    if isinstance(value, Expression):
        return f"{{{{ {value} }}}}"
    if isinstance(value, Mapping):
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_written(each) for each in value]
    return escape_text(value) if isinstance(value, str) else value
