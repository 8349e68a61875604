"""What was answered in a HAR's entry, without its secrets. Floor 1, pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stubs.importers.answers import (
    build_answer,
    bytes_body,
    charset_of,
    decode_base64,
    is_json_type,
    json_body,
    parse_json,
    text_body,
)
from stubs.importers.fields import list_in, mapping_in, mapping_of, status_in, text_in
from stubs.importers.report import Item, NotTakenError
from switchboard.credentials import (
    REPLACED,
    has_secret_shape,
    is_dropped_name,
    is_secret_name,
    safe_value,
)
from switchboard.headers import HOP_BY_HOP


def read_response(response: Mapping[str, Any], item: Item) -> dict[str, Any]:
    """The answer of a route. Raises NotTakenError."""
    content = mapping_in(response, "content")
    kind = content.get("mimeType")
    content_type = kind if isinstance(kind, str) else ""
    headers = [*_headers(response, item), ("content-type", content_type)]
    body = _body(content, content_type, item)
    return build_answer(status_in(response, "status"), headers, body, item)


def _headers(response: Mapping[str, Any], item: Item) -> Iterator[tuple[str, str]]:
    """What may be said again; a cookie or a credential is nobody's business here."""
    for raw in list_in(response, "headers"):
        header = mapping_of(raw, "a header")
        name, value = text_in(header, "name").lower(), text_in(header, "value")
        if name.startswith(":") or name == "content-type" or name in HOP_BY_HOP:
            continue
        safe = None if is_dropped_name(name) else safe_value(name, value)
        if safe is not None:
            yield name, safe
        elif "cookie" in name:
            item.approximate("cookies are left out")
        else:
            item.approximate("a header that may hold a credential is left out")


def _body(content: Mapping[str, Any], content_type: str, item: Item) -> dict[str, Any]:
    text = content.get("text")
    if text is None:
        if content.get("size"):
            item.approximate("the body was not recorded, and is empty")
        return {}
    if not isinstance(text, str):
        raise NotTakenError("`content.text` must be text")
    try:
        if content.get("encoding") == "base64":
            return _bytes(decode_base64(text), content_type, item)
        if charset_of(content_type) != "utf-8":
            return _bytes(text.encode(charset_of(content_type), "replace"), content_type, item)
        return _text(text, content_type, item)
    except NotTakenError as error:
        item.approximate(f"{error}; it is left out")
        return {}


def _bytes(data: bytes, content_type: str, item: Item) -> dict[str, Any]:
    if charset_of(content_type) == "utf-8" and b"\0" not in data:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return bytes_body(data)
        return _text(text, content_type, item)
    if has_secret_shape(data.decode("latin-1")):
        raise NotTakenError("the body holds a credential")
    return bytes_body(data)


def _text(text: str, content_type: str, item: Item) -> dict[str, Any]:
    if is_json_type(content_type):
        try:
            return _json(parse_json(text), text, content_type, item)
        except ValueError:
            item.approximate("the body says it is JSON and is not")
    if has_secret_shape(text):
        raise NotTakenError("the body holds a credential")
    return text_body(text, content_type)


def _json(value: Any, text: str, content_type: str, item: Item) -> dict[str, Any]:
    masked = _masked(value)
    if masked == value:
        return text_body(text, content_type)
    item.approximate(f"what looks like a credential in the body reads `{REPLACED}`")
    return json_body(masked)


def _masked(value: Any) -> Any:
    """The value with another text in the place of each credential."""
    if isinstance(value, Mapping):
        return {
            key: REPLACED if isinstance(each, str) and is_secret_name(key) else _masked(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return REPLACED if isinstance(value, str) and has_secret_shape(value) else value
