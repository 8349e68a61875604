"""Credentials: dropped by name, by shape and out of query strings; the rest stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard import credentials
from switchboard.credentials import header_line, header_lines, safe_headers, safe_target

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "AUTHORIZATION",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "x_api_key",
        "Ocp-Apim-Subscription-Key",
        "X-Auth-Token",
        "X-Auth-User",
        "X-CSRF-Token",
        "X-Client-Secret",
        "X-Password",
        "X-Hub-Signature-256",
        "X-Session-Id",
        "X-Amz-Date",
        "X-Amzn-Oidc-Data",
        "X-Goog-Iap-Jwt-Assertion",
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "X-Esr-Run",
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "TE",
        "Expect",
        ":authority",
        "bad name",
        "inject\r\nX",
        "",
        "ünicode",
    ],
)
def test_dropped_by_name(name: str) -> None:
    assert safe_headers([(name, "x")]) == []
    assert header_line(name, "x") is None


@pytest.mark.parametrize(
    "value",
    [
        "Bearer abc",
        "bearer\tabc",
        "  Basic dXNlcjpwYXNz",
        "Digest username=x",
        "AWS4-HMAC-SHA256 Credential=x",
        JWT,
        f"prefix {JWT}",
        "AKIAIOSFODNN7EXAMPLE",
        "AIza" + "x" * 35,
        "-----BEGIN RSA PRIVATE KEY-----",
        "ghp_" + "a" * 36,
        "glpat-" + "a" * 20,
        "sk_live_0123456789",
        "xoxb-1234567890-abc",
        "https://user:pass@h/",
        "user=1; token=abc",
        "a=1, api_key=abc",
        "a\r\nHost: prod",
        "a\nb",
        "a\rb",
        "a\0b",
        "naïve",
    ],
)
def test_dropped_by_value(value: str) -> None:
    assert safe_headers([("X-Note", value)]) == []
    assert header_line("X-Note", value) is None
    assert header_lines([("X-Note", value)]) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Accept", "text/html;q=0.9, */*;q=0.8"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("Content-Type", "multipart/form-data; boundary=abc"),
        ("Cache-Control", "max-age=0"),
        ("Idempotency-Key", "k-17"),
        ("X-Request-Id", "0a1b2c3d-1111-2222-3333-444455556666"),
        ("If-None-Match", '"abc=="'),
        ("Accept-Language", "en"),
        ("X-Empty", ""),
    ],
)
def test_kept(name: str, value: str) -> None:
    assert safe_headers([(name, value)]) == [(name, value)]
    assert header_line(name, value) == f"{name}: {value}\r\n"


def test_a_referer_is_kept_without_its_secrets() -> None:
    pairs = [("Referer", "https://h/x?page=2&access_token=abc")]
    assert safe_headers(pairs) == [("Referer", "https://h/x?page=2&access_token=sandbox")]


def test_space_round_a_value_goes() -> None:
    assert safe_headers([("A", " x\t")]) == [("A", "x")]


def test_order_and_repeats_stay() -> None:
    pairs = [("B", "1"), ("A", "2"), ("B", "3")]
    assert safe_headers(pairs) == pairs


@pytest.mark.parametrize("name", ["Connection", "connection"])
def test_what_connection_names_is_dropped_too(name: str) -> None:
    pairs = [("X-Hop", "1"), (name, "close, x-hop"), ("Accept", "*/*")]
    assert safe_headers(pairs) == [("Accept", "*/*")]
    assert header_lines(pairs) == "Accept: */*\r\n"


HEADER_TEXT = st.text(st.sampled_from("aAxX-_ =;?&.,:\r\n\0é\t")) | st.sampled_from(
    ["Connection", "close, a", "Cookie", "Accept", "Bearer x", JWT, "?token=x", "*/*"]
)


@given(st.lists(st.tuples(HEADER_TEXT, HEADER_TEXT), max_size=6))
def test_the_fast_way_equals_the_plain_way(pairs: list[tuple[str, str]]) -> None:
    """Also that nothing hostile makes a line of its own: one CRLF a header, all ASCII."""
    plain = safe_headers(pairs)
    lines = header_lines(pairs)
    assert lines == "".join(f"{name}: {value}\r\n" for name, value in plain)
    assert lines.isascii()
    assert lines.count("\r") == lines.count("\n") == lines.count("\r\n") == len(plain)


def test_caches_stay_bounded_and_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_CACHE_SIZE", 16)
    names: dict[str, bool] = {}
    lines: dict[tuple[str, str], str] = {}
    params: set[str] = set()
    for name, cache in (("_names", names), ("_lines", lines), ("_params", params)):
        monkeypatch.setattr(credentials, name, cache)
    for index in range(100):
        header_line("X-Request-Id", f"id-{index}")
        header_line(f"X-Name-{index}", "x")
        header_line("X-Note", f"Bearer hunter2-{index}")
        safe_target(f"/x?page={index}&token=hunter2-{index}")
    assert all(0 < len(cache) <= 16 for cache in (names, lines, params))
    assert "hunter2" not in repr((names, lines, params))


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/x?access_token=abc", "/x?access_token=sandbox"),
        ("/x?a=1&token=abc&b=2", "/x?a=1&token=sandbox&b=2"),
        ("/x?API_KEY=abc", "/x?API_KEY=sandbox"),
        ("/x?api-key=a&key=b&sig=c", "/x?api-key=sandbox&key=sandbox&sig=sandbox"),
        ("/x?code=1&state=2", "/x?code=sandbox&state=2"),
        (
            "/x?X-Amz-Signature=a&X-Amz-Credential=b",
            "/x?X-Amz-Signature=sandbox&X-Amz-Credential=sandbox",
        ),
        ("/x?password=a=b", "/x?password=sandbox"),
        ("/x?to%6ben=abc", "/x?to%6ben=sandbox"),
        ("/x?%2574oken=abc", "/x?%2574oken=sandbox"),
        ("/x?next=%2Fcb%3Ftoken%3Dabc", "/x?next=sandbox"),
        ("/x?next=/cb?token=abc", "/x?next=sandbox"),
        (f"/x?q={JWT}", "/x?q=sandbox"),
        (f"/x?{JWT}", "/x?sandbox"),
        (f"/reset/{JWT}/now", "/reset/sandbox/now"),
        ("/x;jsessionid=abc?q=1", "/x;jsessionid=sandbox?q=1"),
        ("/x?a=1;token=abc", "/x?a=1;token=sandbox"),
        ("/x#access_token=abc", "/x#access_token=sandbox"),
        ("/x?u=https%3A%2F%2Fme%3Apw%40h", "/x?u=sandbox"),
    ],
)
def test_secret_query_values_are_replaced(target: str, safe: str) -> None:
    assert safe_target(target) == safe
    assert safe_target(safe) == safe


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "*",
        "",
        "/x?",
        "/x?a",
        "/x?&&=&a=",
        "/x?token=",
        "/x?a=%zz&b=+%20",
        "/x?lang=en&page=2#top",
        "/x;v=1/y;w=2",
        "/x?a=1&a=2;b=3",
        "/x?q=a%3Db",
    ],
)
def test_the_rest_is_byte_identical(target: str) -> None:
    assert safe_target(target) == target


@given(st.text(), st.sampled_from(["token", "sig", "X-Amz-Signature", "client_secret"]))
def test_a_secret_never_survives(before: str, name: str) -> None:
    assert "hunter2" not in safe_target(f"/x?{before}&{name}=hunter2")
