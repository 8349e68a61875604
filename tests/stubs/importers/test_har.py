"""HAR files, taken over: answers as recorded, and nothing that should not have been."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.stubs.importers.imported import Example, example

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "har"
SHOP = "shop.example"


def entry(
    url: str, text: str = "x", *, status: int = 200, mime: str = "text/plain", **more: Any
) -> Any:
    response = {"status": status, "headers": [], "content": {"text": text, "mimeType": mime}}
    return {
        "request": {"method": "GET", "url": url, "headers": []},
        "response": {**response, **more.pop("response", {})},
        **more,
    }


def har(*entries: Any) -> Example:
    return Example({"log": {"entries": list(entries)}})


def test_the_example_is_told_apart_item_by_item() -> None:
    found = example("shop.har")
    assert found.report.totals == {"kept": 3, "approximated": 2, "refused": 1}
    assert "status 0" in found.why("log.entries[4]")


def test_what_was_asked_is_answered_as_it_was() -> None:
    found = example("shop.har")
    answer = found.ask("GET", "/items/42?sort=up", host=SHOP)
    assert (answer.json, answer.headers[b"etag"]) == ({"item": 42}, b"W/1")
    assert found.ask("GET", "/items/43", host=SHOP).json == {"item": 43}
    assert found.ask("GET", "/dot.gif", host="cdn.example").body == b"GIF"
    assert found.sleep.waits_s == [pytest.approx(each) for each in (0.12, 0.08, 0.01)]


def test_what_was_not_asked_is_answered_alike() -> None:
    assert example("shop.har").ask("GET", "/items/44", host=SHOP).json == {"item": 42}


def test_a_redirect_stays_in_the_sandbox() -> None:
    answer = example("shop.har").ask("POST", "/login", host=SHOP)
    assert (answer.status, answer.headers[b"location"]) == (302, b"/welcome?x=1")


def test_braces_of_a_page_are_no_template() -> None:
    assert example("shop.har").ask("GET", "/page", host=SHOP).body == b"<p>{{ name }}</p>"


def test_secrets_stay_in_the_recording() -> None:
    written = str(example("shop.har").imported)
    assert "d34db33f" not in written
    assert "abcdefgh12345678" not in written


@pytest.mark.parametrize(
    ("text", "mime"),
    [
        pytest.param('{"access_token": "hunter2hunter2"}', "application/json", id="by name"),
        pytest.param('{"a": ["eyJhbGciOiJIUzI1NiJ9.hunter2"]}', "application/json", id="by shape"),
        pytest.param("<input value='eyJhbGciOiJIUzI1NiJ9.hunter2'>", "text/html", id="in a page"),
    ],
)
def test_a_credential_in_a_body_does_not_come_along(text: str, mime: str) -> None:
    found = har(entry("https://a.example/x", text, mime=mime))
    assert "hunter2" not in str(found.imported)
    assert found.report.totals["approximated"] == 1


def test_a_secret_of_a_url_does_not_come_along() -> None:
    found = har(
        entry("https://a.example/x?token=hunter2&a=1", "one"), entry("https://a.example/x?a=2", "2")
    )
    assert "hunter2" not in str((found.imported, found.report.to_json()))
    assert found.ask("GET", "/x?a=1").body == b"one"


def test_the_same_request_is_answered_in_turn() -> None:
    url = "https://a.example/state"
    found = har(entry(url, "new"), entry(url, "new"), entry(url, "done"))
    said = [found.ask("GET", "/state", headers={"x-session-id": "1"}).body for _ in range(4)]
    assert said == [b"new", b"new", b"done", b"done"]


def test_bytes_are_bytes() -> None:
    data = bytes(range(256))
    content = {"text": base64.b64encode(data).decode(), "encoding": "base64", "mimeType": "a/b"}
    found = har(entry("https://a.example/b", response={"content": content}))
    answer = found.ask("GET", "/b")
    assert (answer.body, answer.headers[b"content-type"]) == (data, b"a/b")


def test_a_large_body_is_left_out_and_said() -> None:
    found = har(entry("https://a.example/big", "x" * 70_000))
    assert "larger than 65,536 bytes; it is left out" in found.why("log.entries[0]")
    assert found.ask("GET", "/big").body == b""


def test_a_full_definition_refuses_the_rest() -> None:
    found = har(*(entry(f"https://a.example/{'abcdefgh'[at]}", "x" * 60_000) for at in range(6)))
    assert found.report.totals["refused"] == 3
    assert "is full" in found.why("log.entries[5]")


def test_waits_become_percentiles() -> None:
    url = "https://a.example/x"
    found = har(*(entry(url, time=at, timings={"wait": at}) for at in range(1, 102)))
    latency = found.imported.services[0]["routes"][0]["latency"]
    assert latency["table"] == {"p0": 1, "p50": 51, "p90": 91, "p95": 96, "p99": 100, "p100": 101}


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000/x", "http://localhost/x", "/x", "http://[::1]:80/x"]
)
def test_an_address_is_no_name_of_a_service(url: str) -> None:
    found = har(entry(url))
    assert "hosts" not in found.imported.services[0]
    assert found.ask("GET", "/x").body == b"x"


@pytest.mark.parametrize("name", ["chrome_github.com_home.har", "firefox_h2_filamentgroup.com.har"])
def test_recordings_of_browsers(name: str) -> None:
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"the recording {name} is not on this machine")
    found = Example(json.loads(path.read_text(encoding="utf-8")), "recorded")
    totals = found.report.totals
    assert totals["refused"] == {"c": 0, "f": 5}[name[0]]
    assert totals["kept"] + totals["approximated"] == {"c": 20, "f": 10}[name[0]]
    host = {"c": "github.com", "f": "www.filamentgroup.com"}[name[0]]
    answer = found.ask("GET", "/", host=host)
    assert answer.status == 200
    assert b"set-cookie" not in answer.headers
    assert answer.headers[b"content-type"].startswith(b"text/html")
