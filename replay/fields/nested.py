"""A text that holds more than it shows: JSON in a string, a URL in a parameter, base64 of a text.

It is opened, down to four times, and closed again as it was only if something inside changed.
Base64 is shown as it stands first, since most of it is a token and nothing else; what the visitor
leaves so is then opened. Read next: `json_body.py`, `url_parts.py`, `form.py`.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from replay.fields.form import map_pairs
from replay.fields.json_body import map_json
from replay.fields.leaf import Leaf, Visit
from replay.fields.markup import map_markup
from replay.fields.packed import pack, unpack
from replay.fields.percent import ENCODED, decode, encode
from replay.fields.places import Show
from replay.fields.url_parts import map_url

MAX_OPENED: Final = 4
_SHORTEST: Final = 8
_SHORTEST_BASE64: Final = 11
_LONGEST_URL: Final = 65_536
_MARK: Final = re.compile(r"[{\[%&?<]|://|^/")
_ABSOLUTE: Final = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~:@!$'()*+,;%-]{1,128}){2,24}/?")
_DIGIT: Final = re.compile(r"[0-9]")
_NO_URL: Final = re.compile(r'[\s<>"]')
# A name holds no `=` and a value no `&`, so there is one way to read a text.
_FORM: Final = re.compile(r"(?:[\w.\[\]%+-]{1,64}=[^\s&<>]*&)++[\w.\[\]%+-]{1,64}=[^\s&<>]*")
# It begins with two characters that a printable text can begin with: this sorts out most words
# and tokens before anything is decoded.
_BASE64: Final = re.compile(
    r"(?:[CDI-Za-f][AC-HM-QS-Xc-gi-ns-wy-z0-389+/_-]|[w-z0-9][I-LY-Zabo-r4-7]|H4sI)"
    r"[A-Za-z0-9+/_-]+={0,2}"
)
PACKED: Final = "H4sI"
"""What the base64 of something gzipped begins with."""
_MOST_TIMES: Final = 64
"""What is packed may be so many times as long once it is opened, not more."""
# Addresses that open a door to whoever knows them: in parts they would say nothing.
_SECRET_URL: Final = re.compile(
    r"hooks\.slack\.com/(?:services|workflows)/|/api/webhooks/|api\.telegram\.org/bot"
)
# What a named tuple's own constructor does, in one call of C: a log has millions of leaves.
_leaf: Final = cast("Callable[[tuple[Any, ...]], Leaf]", partial(tuple.__new__, Leaf))
_NOT_TEXT: Final = re.compile("[\0-\b\v\f\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")


def opened(visit: Visit, depth: int = 0) -> Show:
    """Shows a visitor the texts it is given, and what lies inside them."""

    def show(path: str, name: str, text: str, parts: tuple[int, ...] = ()) -> str | None:
        if len(text) >= _SHORTEST or "%" in text:
            if _MARK.search(text) is not None:
                inside = _map_inside(path, name, text, opened(visit, depth + 1))
                if inside is not None:
                    return inside
            elif len(text) >= _SHORTEST_BASE64 and _BASE64.fullmatch(text) is not None:
                return _map_base64(path, name, text, visit, depth)
        return visit(_leaf((path, name, text, parts)))

    def show_plain(path: str, name: str, text: str, parts: tuple[int, ...] = ()) -> str | None:
        return visit(Leaf(path, name, text, parts))

    return show if depth < MAX_OPENED else show_plain


def _map_inside(path: str, name: str, text: str, show: Show) -> str | None:
    """The text with what lies inside replaced; None when there is nothing inside."""
    if text[0] in "{[" and text[-1] in "}]":
        mapped = map_json(text, show, f"{path}|$", name)
        if mapped is not None:
            return mapped
    if text[0] in "hH/" and _is_url(text) and _SECRET_URL.search(text) is None:
        return map_url(text, show, f"{path}|url")
    if text[0] == "<" and text[-1] == ">" and ("</" in text or "/>" in text):
        return map_markup(text, show, f"{path}|xml")
    if "&" in text and "=" in text and _FORM.fullmatch(text) is not None:
        return map_pairs(text, show, f"{path}|form")
    if "%" in text and ENCODED.search(text) is not None:
        inner = decode(text)
        new = show(f"{path}|percent", name, inner)
        return text if new == inner else encode(new or "", text, "-._~")
    return None


def _is_url(text: str) -> bool:
    """An absolute URL, a path with a query, or one that may lead to somebody's number."""
    if len(text) > _LONGEST_URL or _NO_URL.search(text) is not None:
        return False
    if text[0] == "/":
        path, _, query = text.partition("?")
        if "=" in query:
            return True
        return _DIGIT.search(path) is not None and _PATH.fullmatch(path) is not None
    return _ABSOLUTE.match(text) is not None


def _map_base64(path: str, name: str, text: str, visit: Visit, depth: int) -> str | None:
    """The text as it stands, and then what it says."""
    new = visit(Leaf(path, name, text))
    if new != text:
        return new
    if text.startswith(PACKED):
        return _map_packed(path, name, text, visit, depth)
    inner = decode_base64(text)
    if inner is None:
        return text
    mapped = opened(visit, depth + 1)(f"{path}|base64", name, inner)
    return text if mapped == inner else _encode_base64(mapped or "", text)


def _map_packed(path: str, name: str, text: str, visit: Visit, depth: int) -> str:
    """Base64 of a gzipped text."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        packed = b64decode(plain + "=" * (-len(plain) % 4))
        opened_up = unpack(packed, "gzip", _MOST_TIMES * len(text))
        inner = opened_up[0].decode() if opened_up is not None else ""
    except ValueError:
        return text
    mapped = opened(visit, depth + 1)(f"{path}|gzip", name, inner) if inner else inner
    if mapped == inner:
        return text
    coded = b64encode(pack((mapped or "").encode("utf-8", "replace"), "gzip")).decode("ascii")
    return coded.replace("+", "-").replace("/", "_") if "-" in text or "_" in text else coded


def may_be_base64(text: str) -> bool:
    """It looks like base64, of a text or of something packed."""
    return _BASE64.fullmatch(text) is not None


def decode_base64(text: str) -> str | None:
    """The printable text that this is the base64 of, or None."""
    bare = text.rstrip("=")
    if len(bare) % 4 == 1 or bare.isdigit():
        return None
    plain = bare.replace("-", "+").replace("_", "/") + "=" * (-len(bare) % 4)
    try:
        inner = b64decode(plain, validate=True).decode()
    except (Base64Error, UnicodeDecodeError):
        return None
    is_text = len(inner) >= _SHORTEST and _NOT_TEXT.search(inner) is None
    return inner if is_text else None


def _encode_base64(text: str, like: str) -> str:
    """In the alphabet of `like`, and padded where it was padded or needed no padding."""
    coded = b64encode(text.encode("utf-8", "replace")).decode("ascii")
    if "-" in like or "_" in like:
        coded = coded.replace("+", "-").replace("/", "_")
    return coded if len(like) % 4 == 0 else coded.rstrip("=")
