"""URLs of a sandbox, hostile ones above all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.base_url import BaseUrl, authority_of, parse_base_url


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://127.0.0.1:8080", BaseUrl("http", "127.0.0.1", 8080, "")),
        ("HTTP://LocalHost", BaseUrl("http", "localhost", 80, "")),
        ("https://staging.internal./", BaseUrl("https", "staging.internal", 443, "")),
        ("http://[::1]:9000/a/b/", BaseUrl("http", "::1", 9000, "/a/b")),
        ("http://h/v1.2/a..b/~x", BaseUrl("http", "h", 80, "/v1.2/a..b/~x")),
        ("http://h/%20x", BaseUrl("http", "h", 80, "/%20x")),
    ],
)
def test_urls(text: str, base: BaseUrl) -> None:
    assert parse_base_url(text) == base


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must start with http"),
        ("127.0.0.1:80", "must start with http"),
        ("ftp://h", "must start with http"),
        ("javascript://h", "must start with http"),
        ("http:/h", "must start with http"),
        ("http://", "host is missing"),
        ("http:///x", "host is missing"),
        ("http://:80", "host is missing"),
        ("http://h:", "port must be"),
        ("http://h:0", "port must be"),
        ("http://h:65536", "port must be"),
        ("http://h:999999", "port must be"),
        ("http://h:8o", "port must be"),
        ("http://h:-1", "port must be"),
        ("http://h:٨٠", "port must be"),
        ("http://127.0.0.1:80@evil.example", "user information"),
        ("http://127.0.0.1@evil.example", "user information"),
        ("http://me:hunter2@h", "user information"),
        ("http://h?x", "query or a fragment"),
        ("http://h/#x", "query or a fragment"),
        ("http://evil.example#@127.0.0.1", "query or a fragment"),
        ("http://evil.example\\@127.0.0.1", "backslash"),
        (" http://h", "space"),
        ("http://h ", "space"),
        ("http://h\t", "control character"),
        ("http://h\r\nHost: x", "control character"),
        ("http://h\0", "control character"),
        ("http://h/a b", "space"),
        ("http://h/../x", "without . or .."),
        ("http://h/%2e%2E/x", "without . or .."),
        ("http://h/.", "without . or .."),
        ("http://h//x", "plain segments"),
        ("http://h/%zz", "plain segments"),
        ("http://h/é", "plain segments"),
        ("http://bücher.example", "punycode"),
        ("http://::1:80", "[brackets]"),
        ("http://[::1]x", "does not name a host"),
        ("http://2130706433", "plain form"),
        ("http://%31%32%37.0.0.1", "plain form"),
        ("http://%6c.example", "not a host name"),
    ],
)
def test_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_base_url(text)
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(st.text())
def test_anything_is_a_url_or_one_sentence(text: str) -> None:
    for candidate in (text, f"http://{text}"):
        try:
            said: object = parse_base_url(candidate)
        except ValueError as error:
            said = error
        assert "\n" not in str(said)
        assert str(said).isprintable()


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("http", "h", 80, "h"),
        ("http", "h", 443, "h:443"),
        ("https", "::1", 443, "[::1]"),
        ("https", "::1", 1, "[::1]:1"),
    ],
)
def test_authorities(scheme: str, host: str, port: int, authority: str) -> None:
    assert authority_of(scheme, host, port) == authority
