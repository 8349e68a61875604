"""What a definition answers: bytes made once, templates filled in, headers that stay one line."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.answers import ANSWER_KEYS
from stubs.definitions.callbacks import CALLBACK_KEYS
from stubs.service import Answer, Callback
from tests.stubs.definitions.defining import (
    answering,
    ask,
    asked,
    body_of,
    define_route,
    fault_of,
)

FIXED = [
    ("{}", Answer(200)),
    ("{status: 204}", Answer(204)),
    ("{json: {premium: 74200}}", Answer(200, b'{"premium":74200}')),
    ("{json: [1, null, true, x]}", Answer(200, b'[1,null,true,"x"]')),
    ("{json: {}}", Answer(200, b"{}")),
    ("{json: null}", Answer(200, b"null")),
    ("{text: hello}", Answer(200, b"hello", b"text/plain; charset=utf-8")),
    ("{text: 5}", Answer(200, b"5", b"text/plain; charset=utf-8")),
    ("{base64: '/wD+'}", Answer(200, b"\xff\x00\xfe", b"application/octet-stream")),
    ("{text: <p/>, content_type: text/html}", Answer(200, b"<p/>", b"text/html")),
    (
        "{status: 302, headers: {Location: /p, X-A: [1, b]}}",
        Answer(302, headers=((b"location", b"/p"), (b"x-a", b"1"), (b"x-a", b"b"))),
    ),
]


@pytest.mark.parametrize(("answer", "said"), FIXED)
def test_an_answer_without_templates_is_made_once(answer: str, said: Answer) -> None:
    service = answering(answer)
    route = service.routes[0]
    assert route.fixed == said
    assert route.accepts is None
    assert route.handler(asked()) is route.fixed


def test_an_answer_with_templates_is_filled_in() -> None:
    service = answering(
        "{status: '{{ 200 + request.json.n }}', content_type: 'text/{{ request.json.kind }}', "
        "headers: {X-Id: '{{ request.id }}', X-Same: y}, text: 'Hello {{ request.json.who }}!'}"
    )
    assert service.routes[0].fixed is None
    answer = ask(service, asked({"n": 2, "kind": "html", "who": "Ada ü"}))
    assert answer == Answer(
        202,
        "Hello Ada ü!".encode(),
        b"text/html",
        ((b"x-id", b"7"), (b"x-same", b"y")),
    )


def test_only_values_are_filled_into_json_and_keep_their_type() -> None:
    b = "['{{ request.json }}', 'n={{ request.json.n }}']"
    service = answering(f"{{json: {{a: '{{{{ request.json.n }}}}', b: {b}, c: 1}}}}")
    sent = {"n": 1.5, 'qu"ote': ["</script>", None]}
    filled = {"a": 1.5, "b": [sent, "n=1.5"], "c": 1}
    assert body_of(ask(service, asked(sent))) == filled


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_whatever_text_a_caller_sends_arrives_as_the_same_json_text(text: str) -> None:
    service = answering("{json: {v: '{{ request.json }}', w: '<{{ request.json }}>'}}")
    assert body_of(ask(service, asked(orjson.dumps(text)))) == {"v": text, "w": f"<{text}>"}


@given(st.text())
def test_no_caller_ends_a_header(text: str) -> None:
    service = answering("{headers: {X-A: '{{ request.query.a }}'}}")
    query = "a=" + "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "replace"))
    (_, value), *more = ask(service, asked(query=query)).headers
    assert more == []
    assert not set(value) & set(b"\r\n\0")


@pytest.mark.parametrize("status", ["99", "199", "600", "abc", "20.5", "-200", "", "²⁰⁰"])
def test_a_filled_in_status_has_to_be_one(status: str) -> None:
    answer = ask(answering("{status: '{{ request.json }}'}"), asked(status))
    assert answer.status == 500
    assert "a status is a number from 200 to 599" in body_of(answer)["detail"]


CALLBACKS = """{method: POST, path: /p, answer: {status: 202}, callbacks: [
  {url: "{{ request.json.url }}", after: 2s, json: {id: "{{ request.id }}"}},
  {url: http://svc.hms.example/hook, method: put, headers: {X-A: b}, text: done, after: 1m}]}"""


def test_an_answer_brings_its_callbacks() -> None:
    service = define_route(CALLBACKS)
    answer = ask(service, asked({"url": "http://a.example/h"}))
    assert answer.callbacks == (
        Callback("http://a.example/h", 2_000, "POST", (), b'{"id":"7"}'),
        Callback(
            "http://svc.hms.example/hook",
            60_000,
            "PUT",
            ((b"x-a", b"b"),),
            b"done",
            b"text/plain; charset=utf-8",
        ),
    )


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "ftp://a/", "http://a b/", "http://a/\n", 5, ["http://a/"],
            "http://a/" + "b" * 3_000],
)  # fmt: skip
def test_an_address_that_is_none_is_a_500_and_nothing_is_sent(url: Any) -> None:
    answer = ask(define_route(CALLBACKS), asked({"url": url}))
    assert (answer.status, answer.callbacks) == (500, ())
    assert "routes[0].callbacks[0].url" in body_of(answer)["detail"]


LARGE_BODY = base64.b64encode(bytes(1024 * 1024 + 1)).decode()
FAULTS = [
    ("{statsu: 200}", "unknown key; did you mean status?"),
    ("[]", "must be a mapping with"),
    ("{status: 100}", "a status is a number from 200 to 599, not 100"),
    ("{status: ok}", "a status is a number from 200 to 599, not text"),
    ("{status: 204, text: x}", "an answer with status 204 has no body"),
    ("{json: 1, text: x}", "json is given as well"),
    ("{base64: '???'}", "this is not base64"),
    ("{text: [1]}", "must be text, not a list"),
    ("{text: null}", "must be text, not nothing"),
    ("{json: {'{{ a }}': 1}}", "a key cannot be a template"),
    ("{headers: {'a b': 1}}", "this is no header's name"),
    ("{headers: {Content-Length: 1}}", "content-length is set by the gateway"),
    ("{headers: {Transfer-Encoding: chunked}}", "transfer-encoding is set by the gateway"),
    ("{headers: {Content-Type: x}}", "write it as content_type"),
    ('{headers: {X-A: "a\\r\\nX-B: c"}}', "one line of Latin-1 text"),
    ("{headers: {X-A: {b: c}}}", "must be text, not a mapping"),
    ("{headers: [x]}", "must be a mapping of names to values"),
    ("{text: '{{ nope }}'}", "nope is not known here"),
    (f"{{base64: {LARGE_BODY[:200]}, content_type: '€'}}", "one line of Latin-1 text"),
]


@pytest.mark.parametrize(("answer", "message"), FAULTS)
def test_an_answer_that_cannot_be_meant(answer: str, message: str) -> None:
    assert message in fault_of(f"{{method: GET, path: /p, answer: {answer}}}")


CALLBACK_FAULTS = [
    ("{}", "url is missing"),
    ("{url: example}", "'example' is no address"),
    ("{url: 'http://a/', method: 'a b'}", "must be a method such as POST"),
    ("{url: 'http://a/', after: 5}", "has no unit"),
    ("{url: 'http://a/', after: -2s}", "negative"),
    ("{url: 'http://a/', after: 9000d}", "must be within a year"),
    ("{url: 'http://a/', afetr: 2s}", "did you mean after?"),
]


@pytest.mark.parametrize(("callback", "message"), CALLBACK_FAULTS)
def test_a_callback_that_cannot_be_meant(callback: str, message: str) -> None:
    route = f"{{method: GET, path: /p, answer: {{}}, callbacks: [{callback}]}}"
    assert message in fault_of(route)


@pytest.mark.parametrize("key", ANSWER_KEYS)
def test_every_key_of_an_answer_is_used_above(key: str) -> None:
    assert any(f"{key}:" in answer for answer, _ in FIXED)


@pytest.mark.parametrize("key", CALLBACK_KEYS)
def test_every_key_of_a_callback_is_used(key: str) -> None:
    value = {"url": "'http://a/'", "after": "1s", "headers": "{a: b}"}.get(key, "GET")
    if key == "base64":
        value = "AAAA"
    url = "" if key == "url" else "url: 'http://a/', "
    route = f"{{method: GET, path: /p, answer: {{}}, callbacks: [{{{url}{key}: {value}}}]}}"
    assert len(ask(define_route(route), method="GET").callbacks) == 1
