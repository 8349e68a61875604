from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.writing.safe_event import safe_event
from switchboard.event import Event

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


def event(**rest: Any) -> Event:
    return Event(1, None, **{"method": "GET", "url": "/a", **rest})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"url": "/a?token=x&b=1"}, {"url": "/a?token=sandbox&b=1"}),
        (
            {"url": "https://ann:pw@Host.example:8443/a?token=x"},
            {"url": "https://Host.example:8443/a?token=sandbox"},
        ),
        ({"url": "https://host.example"}, {"url": "https://host.example"}),
        ({"url": "*"}, {"url": "*"}),
        ({"headers": (("Cookie", "a=b"), ("Accept", "*/*"))}, {"headers": (("Accept", "*/*"),)}),
        ({"headers": (("Authorization", f"Bearer {JWT}"),)}, {"headers": ()}),
        ({"response_headers": (("Set-Cookie", "a=b"),)}, {"response_headers": ()}),
        (
            {"body": b'{"password":"x","a":1}', "headers": (("content-type", "application/json"),)},
            {"body": b'{"password":"sandbox","a":1}'},
        ),
        ({"response_body": f"<a>{JWT}</a>".encode()}, {"response_body": None}),
        ({"response_body": b"plain"}, {"response_body": b"plain"}),
        ({"response_body": b""}, {"response_body": b""}),
        ({"extra": {"api_key": "x", "a": 1}}, {"extra": {"api_key": "sandbox", "a": 1}}),
        ({"extra": {"a": object()}}, {"extra": {}}),
        ({"session": JWT}, {"session": "577b69b76f0d1e9e"}),
    ],
)  # fmt: skip
def test_credentials_are_taken_out(given: dict[str, Any], expected: dict[str, Any]) -> None:
    found = safe_event(event(**given))
    for field, value in expected.items():
        assert getattr(found, field) == value


def test_an_event_without_secrets_stays_as_it_is() -> None:
    plain = event(
        url="https://host.example/a?b=1",
        user="ann",
        session="s-17",
        headers=(("Accept", "*/*"),),
        body=b'{"a":1}',
        response_headers=(("Content-Type", "text/html"),),
        response_body=b"<p>hello</p>",
        extra={"door": "proxy"},
    )
    assert safe_event(plain) == plain


SECRET = st.text(string.ascii_letters + string.digits, min_size=24, max_size=40)


@settings(max_examples=60)
@given(secret=SECRET, path=st.text(string.ascii_lowercase, max_size=6))
def test_no_secret_survives_anywhere(secret: str, path: str) -> None:
    secret = f"Zz9{secret}"
    found = safe_event(
        event(
            url=f"https://u:{secret}@h.example/{path}?access_token={secret}",
            session=f"Bearer {secret}",
            headers=(("X-Api-Key", secret), ("Cookie", f"sid={secret}")),
            body=f"password={secret}".encode(),
            response_headers=(("Set-Cookie", f"sid={secret}"), ("x-auth-token", secret)),
            response_body=f'{{"access_token":"{secret}"}}'.encode(),
            extra={"token": secret},
        )
    )
    assert secret not in str(tuple(found))


@settings(max_examples=60)
@given(
    text=st.text(max_size=40),
    data=st.binary(max_size=60),
    extra=st.dictionaries(st.text(), st.text()),
)
def test_any_event_is_judged(text: str, data: bytes, extra: dict[str, str]) -> None:
    judged = safe_event(
        event(
            url=f"/{text}",
            user=text,
            headers=((text, text),),
            body=data,
            response_body=data,
            response_headers=(("content-type", text),),
            extra=extra,
        )
    )
    assert safe_event(judged) == safe_event(safe_event(judged))
