"""The answer of a route, from a status, headers and a body as another tool has them.

Floor 1, pure. What is not meant as a template never becomes one, whatever braces it holds; what
would lead a client out of the sandbox, or is a secret, stays out.
Read next: `templates.py` for what is meant as a template.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stubs.importers.report import Item, NotTakenError
from stubs.importers.yaml_text import is_text, is_writable
from switchboard.credentials import has_secret_shape
from switchboard.headers import is_token, is_value
from switchboard.routes import split_url

MAX_BODY_BYTES: Final = 64 * 1024
MAX_JSON_CHARS: Final = 8_000
"""A larger JSON body is written as one text."""
MAX_TEMPLATE_CHARS: Final = 8_000
"""A longer text with braces in it is written as bytes."""

MAX_COOKIES: Final = 20

_FRAMING: Final = frozenset(
    {"connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-connection",
     "status", "te", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
"""The gateway says these itself."""
_LEADING_AWAY: Final = frozenset(
    {"alt-svc", "content-security-policy", "content-security-policy-report-only", "link", "nel",
     "public-key-pins", "refresh", "report-to", "reporting-endpoints",
     "strict-transport-security"}
)  # fmt: skip
"""Say where else to go or to report to, or how to connect."""
_MARK: Final = re.compile(r"\{\{|\{%|\{#")
_JSON_TYPE: Final = re.compile(r"(?:application|text)/(?:[a-z0-9.+-]*\+)?json\b", re.IGNORECASE)
_CHARSET: Final = re.compile(r"charset=\"?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)

Pairs = Iterable[tuple[str, str]]
Convert = Callable[[str], str]
"""A text to the template that says it: `escape_text` for one that is meant as it stands."""


def escape_text(text: str) -> str:
    """A text as a template that says just this."""
    return _MARK.sub(lambda found: f'{{{{ "{found[0]}" }}}}', text)


def convert_all(value: Any, convert: Convert) -> Any:
    """A JSON value in which every text is converted."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, Mapping):
        return {key: convert_all(each, convert) for key, each in value.items()}
    return [convert_all(each, convert) for each in value] if isinstance(value, list) else value


def has_marks(text: str) -> bool:
    """True when a text would be taken for a template."""
    return _MARK.search(text) is not None


def parse_json(text: str) -> Any:
    """The JSON value. Raises ValueError, also for NaN, for keys given twice and for depth."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def is_json_type(content_type: str) -> bool:
    return _JSON_TYPE.match(content_type) is not None


def build_answer(
    status: int,
    headers: Pairs,
    body: Mapping[str, Any],
    item: Item,
    convert: Convert = escape_text,
) -> dict[str, Any]:
    """An `answer:` mapping. body: what `text_body` and its sisters made."""
    kept, content_type = build_headers(headers, item, convert)
    content_type = content_type or body.get("content_type", "")
    answer: dict[str, Any] = {"status": status}
    if content_type and status not in (204, 304) and not _goes_without(content_type, body):
        answer["content_type"] = content_type
    if kept:
        answer["headers"] = kept
    if status not in (204, 304):
        answer |= {key: value for key, value in body.items() if key != "content_type"}
    return answer


def _goes_without(content_type: str, body: Mapping[str, Any]) -> bool:
    """Whether it is what such a body is taken for anyway."""
    return content_type == "application/json" and ("json" in body or not body)


def build_headers(pairs: Pairs, item: Item, convert: Convert) -> tuple[dict[str, Any], str]:
    """The headers to send, and the content type, which is said apart."""
    kept: dict[str, Any] = {}
    content_type = ""
    for name, value in pairs:
        low = name.lower()
        if low in _FRAMING:
            continue
        if low == "content-type":
            content_type = convert(value) if is_value(value) else ""
        elif low == "set-cookie":
            cookie = _safe_cookie(value, item)
            if cookie and len(kept.setdefault(low, [])) < MAX_COOKIES:
                kept[low].append(cookie)
        elif _is_sendable(low, value, item):
            said = convert(_inside(value, item) if low == "location" else value)
            known = kept.get(low)
            kept[low] = said if known is None else f"{known}, {said}"
    return kept, content_type


def _is_sendable(name: str, value: str, item: Item) -> bool:
    if not is_token(name) or not is_value(value) or len(value) > 4_000:
        item.approximate("a header that HTTP cannot carry is left out")
    elif name in _LEADING_AWAY:
        item.approximate("headers that say how to connect, or where else, are left out")
    elif name.startswith("x-esr-"):
        item.approximate(f"the header {name} is ours to send, and left out")
    elif has_secret_shape(value):
        item.approximate(f"the header {name} holds a credential, and is left out")
    else:
        return True
    return False


def _safe_cookie(value: str, item: Item) -> str:
    """The cookie with a value of our own, for whichever host asked; "" when it is none."""
    pair, *attributes = value.split(";")
    name = pair.partition("=")[0].strip()
    if not is_token(name) or not is_value(value) or len(value) > 1_000:
        item.approximate("a cookie that HTTP cannot carry is left out")
        return ""
    item.approximate(f"the cookie {name} has a made-up value, and no domain")
    kept = [part.strip() for part in attributes if part.strip().lower()[:6] != "domain"]
    return "; ".join([f"{name}={{{{ fake.uuid }}}}", *map(escape_text, kept)])


def _inside(location: str, item: Item) -> str:
    """A redirect that stays in the sandbox, whoever follows it."""
    authority, target = split_url(location)
    if not authority and not location.startswith("//"):
        return location
    item.approximate("the redirect leads to the same path, but of the sandbox")
    return target if authority else f"/{location.lstrip('/').partition('/')[2]}"


def json_body(value: object) -> dict[str, Any]:
    """A body that is a JSON value, said as it is."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise NotTakenError("the body is no JSON that could be sent") from None
    if len(text) <= MAX_JSON_CHARS and is_writable(value, 20):
        return {"json": convert_all(value, escape_text) if has_marks(text) else value}
    return {**text_body(text), "content_type": "application/json"}


def text_body(text: str, content_type: str = "") -> dict[str, Any]:
    """A body that is said as it stands; JSON is shown as JSON."""
    if not text:
        return {}
    if is_json_type(content_type):
        try:
            value = parse_json(text)
        except ValueError:
            value = None
        if isinstance(value, dict | list) and value:
            body = json_body(value)
            if "json" in body:
                return body
    if has_marks(text) and is_text(text) and len(text) <= MAX_TEMPLATE_CHARS:
        return {"text": escape_text(text)}
    if has_marks(text) or not is_text(text):
        try:
            return bytes_body(text.encode(charset_of(content_type)))
        except UnicodeEncodeError:
            raise NotTakenError("the body holds characters that cannot be sent") from None
    if len(text.encode()) > MAX_BODY_BYTES:
        raise NotTakenError(f"the body is larger than {MAX_BODY_BYTES:,} bytes")
    return {"text": text}


def bytes_body(data: bytes, content_type: str = "") -> dict[str, Any]:
    """A body of bytes: as text where it is that."""
    if len(data) > MAX_BODY_BYTES:
        raise NotTakenError(f"the body is larger than {MAX_BODY_BYTES:,} bytes")
    if content_type and charset_of(content_type) == "utf-8" and b"\0" not in data:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = ""
        if text and not has_marks(text) and "\r" not in text:
            return text_body(text, content_type)
    return {"base64": base64.b64encode(data).decode()} if data else {}


def decode_base64(text: str) -> bytes:
    """Raises NotTakenError."""
    if len(text) > 2 * MAX_BODY_BYTES:
        raise NotTakenError(f"the body is larger than {MAX_BODY_BYTES:,} bytes")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise NotTakenError("the body says it is base64 and is not") from None


def charset_of(content_type: str) -> str:
    """The charset, when it is one that a text can be sent in; else UTF-8."""
    found = _CHARSET.search(content_type)
    name = found[1].lower() if found else "utf-8"
    return name if name in ("us-ascii", "iso-8859-1", "latin-1") else "utf-8"
