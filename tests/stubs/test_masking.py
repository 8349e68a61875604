"""What is shown of a kept request: no secret, wherever it stands."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.masking import MASKED, entry_mapping, masked_mapping, shown_body, shown_headers
from tests.stubs.entries import entry

SECRET = "s3cr3t-Value-9"


@pytest.mark.parametrize(
    "name",
    ["authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "proxy-authorization",
     "x-session-id", "x-amz-security-token", "x-csrf-token"],
)  # fmt: skip
def test_secret_headers_keep_only_their_names(name: str) -> None:
    assert shown_headers({name.encode(): SECRET.encode()}) == {name: MASKED}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "ach.hms.example"),
        ("x-esr-request", "1f"),
        ("connection", "keep-alive"),
        ("idempotency-key", "k-1"),
        ("content-type", "application/json"),
        ("x-tenant-id", "t1"),
    ],
)
def test_other_headers_are_shown(name: str, value: str) -> None:
    assert shown_headers({name.encode(): value.encode()}) == {name: value}


@pytest.mark.parametrize("name", ["host", "x-esr-user", "x-note"])
def test_a_value_with_the_shape_of_a_secret_is_masked_anywhere(name: str) -> None:
    assert shown_headers({name.encode(): b"Bearer abcdef0123456789"}) == {name: MASKED}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"citizen": "C-1", "password": SECRET}, {"citizen": "C-1", "password": MASKED}),
        ({"a": [{"apiKey": SECRET}]}, {"a": [{"apiKey": MASKED}]}),
        ({"token": {"value": SECRET}}, {"token": MASKED}),
        ({"name": "password", "value": SECRET}, {"name": "password", "value": MASKED}),
        ({"note": f"password: {SECRET}"}, {"note": MASKED}),
        ({"link": f"/cb?token={SECRET}"}, {"link": MASKED}),
        ({"session": None, "n": 1.5, "ok": True}, {"session": None, "n": 1.5, "ok": True}),
        ([], []),
    ],
)
def test_json_keeps_its_shape_without_its_secrets(value: Any, shown: Any) -> None:
    assert shown_body(orjson.dumps(value), "application/json") == shown


@pytest.mark.parametrize(
    ("body", "content_type", "shown"),
    [
        (b"", "text/plain", None),
        (b"hello", "text/plain", "hello"),
        (b"a=1&password=x9x9", "application/x-www-form-urlencoded", "a=1&password=sandbox"),
        (b'{"password": "x9x9", "cut', "application/json", MASKED),
        (b"password=x9x9", "text/plain", MASKED),
        (b"\xff\xfe", "application/octet-stream", "��"),
    ],
)
def test_other_bodies(body: bytes, content_type: str, shown: Any) -> None:
    assert shown_body(body, content_type) == shown


@pytest.mark.parametrize("body", [b"[" * 900 + b"]" * 900, b'{"a":' * 400 + b"1" + b"}" * 400])
def test_a_deep_body_is_cut_and_not_followed(body: bytes) -> None:
    assert "…" in orjson.dumps(shown_body(body, "application/json")).decode()


@given(
    st.sampled_from(["password", "api_key", "accessToken", "client_secret", "cookie"]),
    st.recursive(st.just(SECRET), lambda x: st.lists(x) | st.dictionaries(st.text(), x)),
)
def test_whatever_a_secret_name_holds_is_not_shown(name: str, value: Any) -> None:
    shown = shown_body(orjson.dumps({"x": [{name: value}]}), "application/json")
    assert SECRET not in orjson.dumps(shown).decode()


def test_an_entry_is_shown_with_nothing_secret() -> None:
    shown = entry_mapping(
        entry(
            target=f"/login?token={SECRET}&a=1",
            request_id=255,
            headers={b"authorization": SECRET.encode(), b"cookie": SECRET.encode()},
            body=orjson.dumps({"password": SECRET}),
        )
    )
    assert SECRET not in orjson.dumps(shown).decode()
    assert shown["target"] == "/login?token=sandbox&a=1"
    assert (shown["request_id"], shown["unix_ms"]) == ("ff", 1_584_000_000_000)


def test_settings_are_shown_with_their_secrets_masked() -> None:
    assert masked_mapping({"seed": 7, "admin": {"token": SECRET}}) == {
        "seed": 7,
        "admin": {"token": MASKED},
    }
