"""No secret is kept in a recorded body, and what is harmless is kept as it was."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.scrub import ENCODED, SECRET, judge_body

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b'{"amount": 5,  "note":"paid"}', "application/json", id="spacing stays"),
        pytest.param(b'{"code":"E1","key":"a","ticket":"T-1"}', "application/json", id="words"),
        pytest.param(b'{"passengers": 3, "design": "x"}', "application/json", id="near misses"),
        pytest.param(b"a=1&b=two+words", "application/x-www-form-urlencoded", id="form"),
        pytest.param(b"Your session has ended.", "text/html", id="prose"),
        pytest.param(bytes(range(256)), "image/png", id="binary"),
        pytest.param(b'{"pin": null, "token": true}', "application/json", id="no value, no secret"),
    ],
)
def test_what_is_harmless_stays_byte_for_byte(body: bytes, content_type: str) -> None:
    assert judge_body(body, content_type, "") == (body, None)


@pytest.mark.parametrize(
    ("body", "content_type", "kept"),
    [
        pytest.param(
            b'{"user":"ann","password":"hunter2"}', "application/json",
            b'{"user":"ann","password":"sandbox"}', id="json",
        ),
        pytest.param(
            b'{"a":[{"api_key":"hunter2"}]}', "", b'{"a":[{"api_key":"sandbox"}]}', id="unsaid json"
        ),
        pytest.param(
            b'{"credentials":{"id":"hunter2","on":true}}', "application/json",
            b'{"credentials":{"id":"sandbox","on":true}}', id="what is inside a secret",
        ),
        pytest.param(
            b"user=ann&password=hunter2", "application/x-www-form-urlencoded; charset=utf-8",
            b"user=ann&password=sandbox", id="form",
        ),
        pytest.param(
            b"user=ann&pass%77ord=hunter2", "application/x-www-form-urlencoded",
            b"user=ann&pass%77ord=sandbox", id="a name in disguise",
        ),
    ],
)  # fmt: skip
def test_secret_values_are_replaced(body: bytes, content_type: str, kept: bytes) -> None:
    assert judge_body(body, content_type, "") == (kept, SECRET)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(b"<Login><Password>hunter2</Password></Login>", "text/xml", id="xml"),
        pytest.param(
            b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--b--',
            "multipart/form-data; boundary=b", id="multipart",
        ),
        pytest.param(b'<input name="csrf" value="hunter2">', "text/html", id="hidden field"),
        pytest.param(f'{{"note":"{JWT}"}}'.encode(), "application/json", id="shape in json"),
        pytest.param(f'{{"pin":1,"note":"{JWT}"}}'.encode(), "application/json", id="both"),
        pytest.param(JWT.encode(), "text/plain", id="shape"),
        pytest.param(b"Bearer hunter2", "text/plain", id="scheme"),
        pytest.param(b"see https://ann:hunter2@svc.hms.example/", "text/plain", id="user info"),
        pytest.param(b'{"token":"hunter2"', "application/json", id="torn json"),
        pytest.param(b'{"token":"hunter2"}\n{"a":1}', "application/json", id="several documents"),
        pytest.param(b"[" * 100_000 + b'"token":"hunter2"', "application/json", id="deep"),
    ],
)  # fmt: skip
def test_what_cannot_be_mended_is_left_out(body: bytes, content_type: str) -> None:
    assert judge_body(body, content_type, "") == (None, SECRET)


@pytest.mark.parametrize("press", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_compressed_body_is_looked_into(press: object) -> None:
    assert callable(press)
    name = "gzip" if press is gzip.compress else "deflate"
    clean, dirty = press(b'{"a":1}'), press(b'{"token":"hunter2"}')
    assert judge_body(clean, "application/json", name) == (clean, None)
    assert judge_body(dirty, "application/json", name) == (None, SECRET)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(b"whatever", "br", id="unknown"),
        pytest.param(b"not gzip", "gzip", id="damaged"),
        pytest.param(gzip.compress(b"a")[:-3], "gzip", id="torn"),
        pytest.param(gzip.compress(b"a") + b"Bearer x", "gzip", id="more after it"),
        pytest.param(gzip.compress(bytes(9_000_000)), "gzip", id="bomb"),
    ],
)
def test_what_cannot_be_looked_into_is_left_out(body: bytes, encoding: str) -> None:
    assert judge_body(body, "text/plain", encoding) == (None, ENCODED)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(plain, st.sampled_from(["password", "access_token", "X-Api-Key", "sessionId"]))
def test_a_secret_does_not_survive_wherever_it_stands(value: object, name: str) -> None:
    body = json.dumps({"deep": [value, {name: "zq-hunter2-zq"}]}).encode()
    judged = judge_body(body, "application/json", "")
    assert judged.why == SECRET
    assert b"hunter2" not in (judged.body or b"")


@given(st.binary(max_size=200), st.sampled_from(["", "application/json", "text/plain", "x/form"]))
def test_any_bytes_are_judged(body: bytes, content_type: str) -> None:
    for encoding in ("", "gzip", "deflate", "br"):
        assert judge_body(body, content_type, encoding).why in (None, SECRET, ENCODED)
