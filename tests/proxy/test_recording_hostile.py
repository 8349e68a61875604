"""Secrets in unusual places: no line of a recording has them, whatever they hide behind."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from proxy.recording import Policy, build_event
from switchboard.event import event_to_json
from switchboard.exchange import Exchange, Headers, Refusal
from switchboard.ledger import Ledger

SECRET = "hunter2SECRET"
SIGNED = "c2lnbmF0dXJl"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{SIGNED}"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=b"
PART = "--b\r\nContent-Disposition: form-data; {}\r\n\r\n" + SECRET + "\r\n--b--\r\n"


def recorded(
    *,
    target: str = "/x",
    headers: Headers | None = None,
    body: bytes | None = None,
    answer_headers: Headers | None = None,
    answer_body: bytes | None = None,
) -> str:
    exchange = Exchange(
        0, "gateway", "127.0.0.1:1", "routes[0]", "svc", "127.0.0.1", 1, "http",
        "svc.hms.example", "POST", target, 200, 1.0,
        headers or [], answer_headers or [], body, answer_body,
    )  # fmt: skip
    return event_to_json(build_event(exchange, Policy(b"k" * 16)))


BODIES: list[tuple[str, str, str | bytes]] = [
    ("JSON inside JSON", JSON, json.dumps({"p": json.dumps({"password": SECRET})})),
    ("JSON in JSON in JSON", JSON, json.dumps({"p": json.dumps([json.dumps({"pin": SECRET})])})),
    ("list of pairs", JSON, json.dumps([{"name": "password", "value": SECRET}])),
    ("pairs of a HAR", JSON, json.dumps({"h": [{"key": "Authorization", "value": SECRET}]})),
    ("a scheme in a value", JSON, json.dumps({"note": f"Bearer {SECRET}"})),
    ("a scheme behind words", JSON, json.dumps({"note": f"sent with Basic {SECRET}"})),
    ("a header in a value", JSON, json.dumps({"raw": f"Authorization: {SECRET}"})),
    ("a command in a value", JSON, json.dumps({"cmd": f"curl -H 'X-Api-Key: {SECRET}' http://x"})),
    ("a URL in a value", JSON, json.dumps({"next": f"http://x/cb?token={SECRET}"})),
    ("a query in a value", JSON, json.dumps({"query": f'login(password:"{SECRET}")'})),
    ("a name twice", JSON, f'{{"password":"{SECRET}","password":null}}'),
    ("an escaped name", JSON, f'{{"p\\u0061ssword":"{SECRET}"}}'),
    ("two bytes a letter", JSON, json.dumps({"password": SECRET}).encode("utf-16")),
    ("four bytes a letter", JSON, json.dumps({"password": SECRET}).encode("utf-32")),
    ("a key of camels", JSON, json.dumps({"privateKey": SECRET})),
    ("a password of camels", JSON, json.dumps({"userPass": SECRET, "newPwd": SECRET})),
    ("a passcode", JSON, json.dumps({"passcode": SECRET})),
    ("a bearer", JSON, json.dumps({"bearer": SECRET})),
    ("a secret that is a name", JSON, json.dumps({"tokens": {SECRET: 1}})),
    ("lines of JSON", JSON, f'{{"a":1}}\n{{"private_key":"{SECRET}"}}\n'),
    ("JSON with a comma too many", JSON, f'{{"private_key":"{SECRET}",}}'),
    ("a script", "text/javascript", f'cb({{"pass":"{SECRET}"}})'),
    ("a query of its own type", "application/graphql", f'login(pass:"{SECRET}")'),
    ("a part without quotes", PARTS, PART.format("name=password")),
    ("a part that is a file", PARTS, PART.format('name="password"; filename="x"')),
    ("a part with a short name", PARTS, PART.format('name="pass"')),
    ("a part with a key", PARTS, PART.format('name="access_key"')),
    ("a part of a part", PARTS, PART.format('name="user[pin]"')),
    ("JSON in a form", FORM, f"p=%7B%22password%22%3A%22{SECRET}%22%7D"),
    ("a list in a form", FORM, f"user%5Bpin%5D={SECRET}"),
    ("a path in a form", FORM, f"user.pass={SECRET}"),
    ("a form that says it is text", "text/plain", f"user=a&pass={SECRET}"),
    ("a form that says nothing", "", f"user=a&sid={SECRET}"),
    ("an element", "text/xml", f"<pass>{SECRET}</pass>"),
    ("an element with attributes", "text/xml", f'<w:Password Type="x">{SECRET}</w:Password>'),
    ("attributes", "text/xml", f'<add key="password" value="{SECRET}"/>'),
    ("the second line", "text/plain", f"hello\nBearer {SECRET}"),
    ("prose", "text/plain", f"your password is {SECRET}"),
    ("YAML", "text/yaml", f"- pass: {SECRET}"),
    ("a column", "text/csv", f'user,"password"\nme,{SECRET}'),
    ("room before the sign", "text/x-toml", f'api_key      = "{SECRET}"'),
    ("a compressed file", "application/gzip", gzip.compress(f"password={SECRET}".encode())),
]


@pytest.mark.parametrize(
    ("content_type", "body"), [pytest.param(*case[1:], id=case[0]) for case in BODIES]
)
def test_no_body_has_it(content_type: str, body: str | bytes) -> None:
    data = body if isinstance(body, bytes) else body.encode()
    headers = [("Content-Type", content_type)]
    asked = recorded(headers=headers, body=data)
    answered = recorded(answer_headers=headers, answer_body=data)
    for line in (asked, answered):
        assert SECRET not in line
        for encoding in ("utf-8", "utf-16", "utf-32"):
            assert base64.b64encode(SECRET.encode(encoding)).decode().rstrip("=") not in line
        assert "_b64" not in line
    assert "body_left_out" in asked or "body_changed" in asked


@pytest.mark.parametrize(
    "target",
    [
        f"/x?payload=%7B%22password%22%3A%22{SECRET}%22%7D",
        f"/x?user%5Bpin%5D={SECRET}",
        f"/x?user.pin={SECRET}",
        f"/x?pin[]={SECRET}",
        f"/x?sid[0]={SECRET}",
        f"/x?userPass={SECRET}",
        f"/x?bearer={SECRET}",
        f"/x?privateKey={SECRET}",
        f"/x?q=token:{SECRET}",
        f"/x?token:{SECRET}",
        f"/x?authorization:%20{SECRET}",
        f"/fetch/http://me:{SECRET}@h.example/",
        f"/fetch/http%3A%2F%2Fme:{SECRET}%40h.example%2F",
        f"/x?next=http%3A%2F%2Fme%3A{SECRET}%40h.example%2F",
    ],
)
def test_no_target_has_it(target: str) -> None:
    assert SECRET not in recorded(target=target)


@pytest.mark.parametrize("dot", [".", "%2e", "%2E", "%252e"])
@pytest.mark.parametrize("place", ["/a/{}/b", "/a/{}", "/a?{}", "/a?q={}", "/a;{}", "/a?x=1/{}"])
def test_no_target_has_a_web_token(dot: str, place: str) -> None:
    assert SIGNED not in recorded(target=place.format(JWT.replace(".", dot)))


@pytest.mark.parametrize(
    "name",
    [
        "X-Pass", "X-Pwd", "X-User-Pwd", "X-Passphrase", "X-Passcode", "X-Sig", "X-Hmac", "X-Sid",
        "X-Bearer", "X-Assertion", "X-Saml", "X-Totp", "Authentication", "X-Authentication",
        "X-Shopify-Hmac-Sha256", "Proxy", "X_User_Pass", "X-UserPass", "X_Api_Key", "X-Cookies",
    ],
)  # fmt: skip
def test_no_header_has_it_by_name(name: str) -> None:
    assert SECRET not in recorded(headers=[(name, SECRET)], answer_headers=[(name, SECRET)])


@pytest.mark.parametrize(
    "value",
    [
        "for you: Bearer {}", "token {}", "token: {}", "Token {}", '{{"password":"{}"}}',
        '{{"a":1,"token":"{}"}}', "GoogleLogin auth={}", 'MAC id="x", mac="{}"', "SharedKey a:{}",
        "OAuth x={}", "AWS key:{}", "password%3D{}", "%7B%22password%22:%22{}",
        "base64url.bearer.authorization.k8s.io.{}",
    ],
)  # fmt: skip
def test_no_header_has_it_by_value(value: str) -> None:
    pairs = [("X-Note", value.format(SECRET))]
    assert SECRET not in recorded(headers=pairs, answer_headers=pairs)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"passed": 3, "failed": 0, "passengers": ["ann: 3"]}'),
        (JSON, b'{"idempotencyKey": "k-17", "code": "E: 1", "author": "ann"}'),
        (JSON, b'{"at": "2020-03-15T14:00:00Z", "url": "https://svc.hms.example/a?page=2"}'),
        (JSON, b'{"note": "a basic training", "spin": "token economy", "design": "x=1"}'),
        (JSON, b'{"a": 1, "a": 2}'),
        (FORM, b"amount=5&currency=USD&note=two+words&at=14%3A00"),
        ("text/html", b"<p>Your session has ended. <a href='/help'>Help: why?</a></p>"),
        ("text/csv", b"id,name,passengers\n1,ann,3\n"),
        ("text/plain", b"the basic fee is 12000000; passing: 3"),
        (PARTS, PART.replace(SECRET, "5").format('name="amount"').encode()),
    ],
)
def test_what_is_harmless_is_kept_as_it_was(content_type: str, body: bytes) -> None:
    line = recorded(headers=[("Content-Type", content_type)], body=body)
    assert json.loads(line)["body"] == body.decode()
    assert "body_left_out" not in line


@pytest.mark.parametrize(
    "header",
    [
        ("Date", "Sun, 15 Mar 2020 14:00:00 GMT"),
        ("Idempotency-Key", "k-17"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101"),
        ("Accept", "application/json; profile=basic"),
        ("X-Compass", "north: 3"),
        ("Last-Modified", "Sun, 15 Mar 2020 14:00:00 GMT"),
        ("X-Spin", "1"),
    ],
)
def test_harmless_headers_are_kept(header: tuple[str, str]) -> None:
    assert f'"{header[1]}"' in recorded(headers=[header])


def test_a_host_that_is_a_secret_is_shown_nowhere() -> None:
    host = f"{JWT}.hms.example"
    exchange = Exchange(
        0, "gateway", "127.0.0.1:1", "routes[0]", "svc", "127.0.0.1", 1, "http", host, "GET", "/",
        200, 1.0,
    )  # fmt: skip
    assert SIGNED not in event_to_json(build_event(exchange, Policy(b"k" * 16)))
    ledger = Ledger()
    ledger.passed(exchange)
    ledger.refused(Refusal(0, "gateway", "127.0.0.1:1", host, "GET", "deny.hosts[0]", "denied"))
    rows = ledger.to_json()
    assert SIGNED not in json.dumps(rows)
    assert [rows["contacted"][0]["requests"], rows["refused"][0]["attempts"]] == [1, 1]
