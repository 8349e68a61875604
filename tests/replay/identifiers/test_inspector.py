"""The quick look never misses what the close one finds, whatever a request is made of."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from hypothesis import given, settings
from hypothesis import strategies as st

from replay.fields.body import map_body
from replay.fields.headers import map_lines
from replay.fields.leaf import Leaf
from replay.fields.target import map_target
from replay.identifiers.inspector import Inspector
from replay.identifiers.leaves import LeafFinder
from replay.identifiers.screen import Screen

Kinds = list[str]

NAMES = (
    "ssn", "ssn1", "ssn2", "ssn3", "card_1", "card_2", "card_3", "card_4", "c1", "c2", "c3", "c4",
    "phone", "tel", "name", "first_name", "customer", "dob", "password", "token", "routing", "ein",
    "account_number", "value", "number", "ip", "session", "id", "trace", "q", "note", "Contact No",
    "x-api-key", "order_id", "user", "birthDate", "key", "citizen",
)  # fmt: skip
VALUES = (
    "123-45-6789", "123456789", "123 45 6789", "123", "45", "6789", "4532", "0151", "1283", "0366",
    "4532015112830366", "4532 0151 1283 0366", "912-70-1234", "12-3456789", "021000021",
    "000123456789", "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "be71096123456769",
    "john.smith@gmail.com", "(212) 555-7788", "212-736-5000", "2127365000", "+442079460958",
    "736-5000", "8.8.8.8", "2607:f8b0:4005:805::200e", "Bearer mF_9.B5f-4.1JqM",
    "Basic dXNlcjpwYXNz", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "hunter2x",
    "AKIAIOSFODNN7ABCDEFG", "glpat-sHpRA-Tb5W3yVP5VxTLN", "a8f5f167f44f4964e6c998dee827110c",
    "be00b0b0-0e00-40a0-8c00-00000fff00d0", "1980-01-02", "March 3, 1980", "19800102",
    "John Smith", "Smith, John", "Mr. Smith", "1584281100038", "0.4532015112830366", "C-48219730",
    "１２３–４５–６７８９", "123\u00ad-45-6789", "https://bob:hunter2@db.company.com/x", "mobile",
    "fake-password", "ssn 123456789", "my name is John Smith", "/a/b?ssn=123456789&x=1",
    "password=Tr0ub4dor3", "Summer Sale", "dda12345678901", "cc4532015112830366", "ssn-123456789",
)  # fmt: skip
ENCODINGS: tuple[Callable[[str], str], ...] = (
    str,
    str,
    quote,
    quote_plus,
    lambda text: quote(quote(text)),
    lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(json.dumps({"ssn": text}).encode()).decode().rstrip("="),
    lambda text: json.dumps({"phone": {"number": text}}),
    lambda text: json.dumps([{"name": "ssn", "value": text}]),
    lambda text: json.dumps(json.dumps({"name": text})),
)

pairs = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.builds(
            lambda encode, text: encode(text),
            st.sampled_from(ENCODINGS),
            st.one_of(st.sampled_from(VALUES), st.text(alphabet="0123456789-. ab/", max_size=24)),
        ),
    ),
    min_size=1,
    max_size=5,
)


def quick(look: Callable[[Inspector], None]) -> Kinds:
    """Twice, since what was met before is remembered; the second time counts."""
    kinds: Kinds = []
    inspector = Inspector(lambda path, kind, text: kinds.append(kind))
    look(inspector)
    first = list(kinds)
    kinds.clear()
    look(inspector)
    assert kinds == first
    return kinds


def close(take_apart: Callable[[Callable[[Leaf], str]], object]) -> Kinds:
    kinds: Kinds = []
    finder = LeafFinder(lambda path, kind, text: kinds.append(kind), lambda text: False)
    take_apart(finder.visit)
    return kinds


@settings(max_examples=100)
@given(pairs, st.booleans())
def test_in_a_target(fields: list[tuple[str, str]], in_path: bool) -> None:
    joined = "&".join(f"{quote(name)}={quote_plus(text)}" for name, text in fields)
    raw = "/".join(quote(part, safe="") for field in fields for part in field)
    target = f"/{raw}" if in_path else f"/x?{joined}"
    assert quick(lambda inspector: inspector.target(target)) == close(
        lambda visit: map_target(target, visit)
    )


@settings(max_examples=100)
@given(pairs, st.sampled_from(["flat", "list", "nested", "named", "escaped"]), st.booleans())
def test_in_a_json_body(fields: list[tuple[str, str]], shape: str, ascii_only: bool) -> None:
    flat = dict(fields)
    value: object = {
        "list": [flat, {"items": list(flat.values())}],
        "nested": {"data": {"applicant": flat}, "raw": json.dumps(flat)},
        "named": [{"name": name, "value": text} for name, text in fields],
    }.get(shape, flat)
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    if shape == "escaped":
        body = body.replace(b"1", rb"\u0031")
    assert quick(lambda inspector: inspector.body(body, lambda: ("", ""))) == close(
        lambda visit: map_body(body, "", visit)
    )


@settings(max_examples=100)
@given(pairs, st.sampled_from(["", "application/x-www-form-urlencoded", "text/html", "text/plain"]))
def test_in_another_body(fields: list[tuple[str, str]], kind: str) -> None:
    if "html" in kind:
        text = "".join(f"<p>{name}</p><b id='{name}'>{value}</b>" for name, value in fields)
        text = text.replace("5", "&#53;")
    else:
        text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields)
    body = text.encode()
    assert quick(lambda inspector: inspector.body(body, lambda: (kind, ""))) == close(
        lambda visit: map_body(body, kind, visit)
    )


@settings(max_examples=60)
@given(pairs)
def test_in_header_lines(fields: list[tuple[str, str]]) -> None:
    lines = "".join(
        f"{name.replace(' ', '-')}: {text.encode('ascii', 'replace').decode()}\r\n"
        for name, text in fields
    )
    assert sorted(quick(lambda inspector: inspector.lines(lines))) == sorted(
        close(lambda visit: map_lines(lines, visit))
    )


@settings(max_examples=100)
@given(st.binary(max_size=80))
def test_any_bytes_are_screened(data: bytes) -> None:
    screen = Screen()
    assert screen.is_clean(data) is screen.is_clean(data)
