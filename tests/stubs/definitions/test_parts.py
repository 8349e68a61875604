"""Where a key comes from, and that a request without one is nobody's."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stubs.definitions.parts import NAMED_PARTS, PLAIN_PARTS, parse_part
from stubs.definitions.view import View
from tests.stubs.definitions.defining import asked

FORM = {"content-type": "application/x-www-form-urlencoded"}
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("path.c", {}, "C-1"),
    ("path.d", {}, ""),
    ("query.a", {"query": "a=1&a=2"}, "1"),
    ("query.a", {"query": "b=1"}, ""),
    ("header.X-Order-Id", {"headers": {"x-order-id": "7"}}, "7"),
    ("header.x", {}, ""),
    ("cookie.basket", {"headers": {"cookie": "a=1; basket=b"}}, "b"),
    ("form.case", {"headers": FORM, "body": b"case=9"}, "9"),
    ("json.$.citizen", {"body": {"citizen": "C-9"}}, "C-9"),
    ("json.$.n", {"body": {"n": 9}}, "9"),
    ("json.$.n", {"body": {"n": {"a": 1}}}, ""),
    ("json.$.n", {"body": b"{"}, ""),
    ("tenant", {"headers": {"x-tenant-id": "t1"}}, "t1"),
    ("tenant", {"headers": {"x-tenant-id": "t1", "x-esr-tenant": "t2"}}, "t2"),
    ("tenant", {}, ""),
    ("user", {"headers": {"x-esr-user": "u"}}, "u"),
    ("session", {"headers": {"x-session-id": "s", "cookie": "sid=c"}}, "s"),
    ("session", {"headers": {"cookie": "sid=c", "x-esr-user": "u"}}, "c"),
    ("session", {"headers": {"x-esr-user": "u"}}, "u"),
    ("session", {}, ""),
    ("service", {}, "service"),
]


@pytest.mark.parametrize(("text", "request_", "value"), CASES)
def test_a_part_of_a_request(text: str, request_: dict[str, Any], value: str) -> None:
    request = asked(**request_)
    assert parse_part(text)(request, View(request)) == value


@pytest.mark.parametrize("word", [*PLAIN_PARTS, *NAMED_PARTS])
def test_every_part_is_tried_above(word: str) -> None:
    assert any(text.partition(".")[0] == word for text, _, _ in CASES)


def test_a_credential_names_a_session_without_being_kept() -> None:
    request = asked(headers={"authorization": "Bearer very-secret"})
    name = parse_part("session")(request, View(request))
    assert name.startswith("credential ")
    assert "secret" not in name


@pytest.mark.parametrize(
    ("text", "hint"),
    [("tennant", "did you mean tenant?"), ("paht.x", "did you mean path?"),
     ("path", "needs a name"), ("", "write one of tenant"), ("tenant.x", "no part of a request"),
     ("json.citizen", "JSONPath"), ("global", "write one of tenant")],
)  # fmt: skip
def test_what_is_no_part_says_what_would_be(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        parse_part(text)
