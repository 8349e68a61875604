"""Following `$ref` inside an OpenAPI document, and its schemas as plain JSON Schema.

Floor 1, pure. A reference leads to a place in the same document or is refused: nothing is
fetched. Schemas that refer to themselves are kept as `$defs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from stubs.importers.fields import mapping_of
from stubs.importers.report import NotTakenError
from switchboard.fault_reader import shown

MAX_HOPS: Final = 20
MAX_DEPTH: Final = 20
MAX_NODES: Final = 3_000
"""Of one schema; a larger one is not checked."""
MAX_ALL_NODES: Final = 200_000
"""Of all schemas of a document together."""

_DEFS: Final = "#/$defs/"
_NOT_JSON_SCHEMA: Final = frozenset(
    {"discriminator", "xml", "externalDocs", "example", "examples", "deprecated", "nullable",
     "description", "title", "readOnly", "writeOnly", "default", "$id", "$schema", "$anchor",
     "$dynamicRef", "$dynamicAnchor", "$comment", "$vocabulary", "id"}
)  # fmt: skip
_OF_SCHEMA: Final = frozenset(
    {"not", "items", "additionalProperties", "if", "then", "else", "contains", "propertyNames",
     "unevaluatedItems", "unevaluatedProperties"}
)  # fmt: skip
_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_OF_NAMED: Final = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"}
)
_LITERAL: Final = frozenset({"enum", "const", "required", "type", "dependentRequired"})


class Document:
    """A document and the places in it. is_30: whether it speaks OpenAPI 3.0."""

    def __init__(self, raw: Mapping[str, Any], *, is_30: bool) -> None:
        self.raw = raw
        self.is_30 = is_30
        self.nodes = 0

    def resolve(self, value: object, what: str) -> Mapping[str, Any]:
        """The mapping, or the one that it refers to. Raises NotTakenError."""
        for _ in range(MAX_HOPS):
            found = mapping_of(value, what)
            reference = found.get("$ref")
            if reference is None:
                return found
            value = self.at(reference)
        raise NotTakenError("its references lead round in a circle")

    def at(self, reference: object) -> Any:
        """What stands at `#/components/…`. Raises NotTakenError."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise NotTakenError(
                f"it refers to {shown(reference)}, and only places in the same file are followed"
            )
        value: Any = self.raw
        for part in reference[2:].split("/")[:50]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 6:
                value = value[int(key)] if int(key) < len(value) else None
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
            if value is None:
                raise NotTakenError(f"it refers to {shown(reference)}, and there is no such place")
        return value

    def json_schema(self, schema: object) -> dict[str, Any] | bool:
        """The schema by itself: JSON Schema 2020-12 with all that it needs in `$defs`."""
        return _Extraction(self).run(schema)


class _Extraction:
    """One schema on its way out of the document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []
        self._nodes = 0

    def run(self, schema: object) -> dict[str, Any] | bool:
        found = self._schema(schema, 0)
        defs: dict[str, Any] = {}
        while self._waiting:
            reference = self._waiting.pop()
            defs[self._names[reference]] = self._schema(self._document.at(reference), 0)
        if defs and isinstance(found, dict):
            found["$defs"] = defs
        return found

    def _schema(self, raw: object, depth: int) -> dict[str, Any] | bool:
        self._nodes += 1
        self._document.nodes += 1
        is_too_much = self._nodes > MAX_NODES or self._document.nodes > MAX_ALL_NODES
        if is_too_much or depth > MAX_DEPTH:
            raise NotTakenError("its schema is too large or too deep to be checked")
        if isinstance(raw, bool):
            return raw
        schema = mapping_of(raw, "a schema")
        if "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            here = {"$ref": _DEFS + self._name(schema["$ref"])}
            more = {} if self._document.is_30 else self._schema(beside, depth + 1)
            return {**more, **here} if isinstance(more, dict) else here
        found = {
            key: self._keyword(key, value, depth)
            for key, value in schema.items()
            if key not in _NOT_JSON_SCHEMA and not key.startswith("x-")
        }
        return _as_2020(found, schema) if self._document.is_30 else found

    def _keyword(self, key: str, value: Any, depth: int) -> Any:
        if key in _OF_SCHEMA:
            return self._schema(value, depth + 1)
        if key in _OF_SCHEMAS and isinstance(value, list):
            return [self._schema(each, depth + 1) for each in value]
        if key in _OF_NAMED:
            named = mapping_of(value, f"`{key}`")
            return {name: self._schema(each, depth + 1) for name, each in named.items()}
        if key in _LITERAL or isinstance(value, str | int | float):
            return value
        raise NotTakenError(f"its schema has {shown(key)}, which is not understood")

    def _name(self, reference: object) -> str:
        """The name in `$defs` of what a reference leads to."""
        self._document.at(reference)
        text = str(reference)
        if text not in self._names:
            last = "".join(c for c in text.rpartition("/")[2] if c.isascii() and c.isalnum())
            name = wish = last[:40] or "schema"
            number = 2
            while name in self._names.values():
                name, number = f"{wish}{number}", number + 1
            self._names[text] = name
            self._waiting.append(text)
        return self._names[text]


def _as_2020(found: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0 says limits and null its own way."""
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        flag = found.get(exclusive)
        if isinstance(flag, bool):
            del found[exclusive]
            if flag and limit in found:
                found[exclusive] = found.pop(limit)
    if schema.get("nullable") is True:
        if isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
        enum = found.get("enum")
        if isinstance(enum, list) and None not in enum:
            found["enum"] = [*enum, None]
    return found
