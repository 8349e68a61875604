"""Callbacks before they go anywhere: strict URLs, plain headers, orders that a seed decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.callback_plan import (
    callback_headers,
    check_method,
    parse_allow,
    parse_callback_url,
    plan_callbacks,
)
from stubs.faults.course import CallbackTwist
from stubs.service import Callback
from switchboard.errors import RuleError


@pytest.mark.parametrize(
    ("text", "authority", "target"),
    [
        ("http://127.0.0.1:9000/hook", "127.0.0.1:9000", "/hook"),
        ("http://localhost/a/b/?x=1&y=%2F", "localhost", "/a/b/?x=1&y=%2F"),
        ("HTTPS://Hooks.Example", "hooks.example", "/"),
        ("http://h.example?x=1", "h.example", "/?x=1"),
        ("http://[::1]:80/", "[::1]", "/"),
        ("http://h.example:8080/..", "h.example:8080", "/.."),
    ],
)
def test_a_url_is_read_as_it_is_written(text: str, authority: str, target: str) -> None:
    url = parse_callback_url(text)
    assert (url.authority, url.target) == (authority, target)


@pytest.mark.parametrize(
    "text",
    [
        "", "/hook", "ftp://h.example/", "http:/h.example", "http://", "http:///x",
        "http://user:hunter2@h.example/", "http://h.example/#x", "http://h.example/a b",
        "http://h.example/\r\nX: y", "http://h.example\\@evil.example/", "http://2130706433/",
        "http://0x7f.1/", "http://127.1/", "http://h.example:99999/", "http://h.example:/",
        "http://é.example/", "http://h.example/é", "http://h.example/" + "x" * 3000,
        "file:///etc/passwd", "http://h.example@127.0.0.1/",
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_callback_url(text)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_plain_url_or_refused(text: str) -> None:
    try:
        url = parse_callback_url(f"http://{text}")
    except ValueError:
        return
    assert url.target.startswith("/")
    assert url.target.isprintable()


def test_a_callback_says_nothing_that_is_not_its_own_to_say() -> None:
    callback = Callback(
        "http://127.0.0.1/",
        headers=(
            (b"X-Signature", b"abc"),
            (b"Host", b"evil.example"),
            (b"Content-Length", b"9"),
            (b"Transfer-Encoding", b"chunked"),
            (b"X-Esr-Service", b"ach"),
        ),
        body=b"{}",
    )
    assert callback_headers(callback, 2) == {
        "x-signature": "abc",
        "content-type": "application/json",
        "x-esr-env": "sandbox",
        "x-esr-callback": "2",
    }


@pytest.mark.parametrize("pair", [(b"a b", b"x"), (b"x", b"a\r\nb: c"), (b"x", b"\0"), (b"", b"x")])
def test_a_header_must_be_one_plain_line(pair: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="one line of plain text"):
        callback_headers(Callback("http://127.0.0.1/", headers=(pair,)), 1)


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "post", "", "GET\r\n"])
def test_methods_that_no_webhook_has(method: str) -> None:
    with pytest.raises(ValueError, match="one of"):
        check_method(method)


def hook(name: str, after_ms: float = 0.0) -> Callback:
    return Callback(f"http://127.0.0.1/{name}", after_ms)


def names(planned: list[tuple[float, Callback]]) -> list[tuple[float, str]]:
    return [(after_ms, callback.url[-1]) for after_ms, callback in planned]


@pytest.mark.parametrize(
    ("twist", "planned"),
    [
        pytest.param(None, [(0, "b"), (0, "c"), (5, "a")], id="as they are due"),
        pytest.param(
            CallbackTwist(times=2),
            [(0, "b"), (0, "b"), (0, "c"), (0, "c"), (5, "a"), (5, "a")],
            id="twice",
        ),
        pytest.param(CallbackTwist(delay_ms=7), [(7, "b"), (7, "c"), (12, "a")], id="later"),
    ],
)
def test_when_each_goes(twist: CallbackTwist | None, planned: list[tuple[float, str]]) -> None:
    callbacks = [hook("a", 5), hook("b"), hook("c")]
    assert names(plan_callbacks(callbacks, twist, 7, 1)) == planned


@given(st.integers(1, 6), st.integers(0, 2**63), st.integers(1, 3))
def test_a_shuffle_loses_nobody_and_keeps_no_order(count: int, request_id: int, times: int) -> None:
    callbacks = [hook(str(number), number * 10.0) for number in range(count)]
    usual = names(plan_callbacks(callbacks, CallbackTwist(times), 7, request_id))
    twist = CallbackTwist(times, is_shuffled=True)
    shuffled = names(plan_callbacks(callbacks, twist, 7, request_id))
    assert shuffled == names(plan_callbacks(callbacks, twist, 7, request_id))
    assert [after for after, _ in shuffled] == [after for after, _ in usual]
    assert sorted(name for _, name in shuffled) == sorted(name for _, name in usual)
    assert count == 1 or shuffled != usual


def test_whom_callbacks_may_reach_is_declared_as_in_an_environment() -> None:
    allow = parse_allow(
        {"hosts": ["hooks.example"], "networks": ["10.20.0.0/16"]}, source="s", line_of=lambda _: 3
    )
    assert allow.allow_hosts == ("hooks.example",)
    assert [str(network) for network in allow.allow_networks] == ["10.20.0.0/16"]
    assert parse_allow(None, source="s", line_of=lambda _: 3).allow_hosts == ()


def test_every_fault_of_what_is_allowed_is_said() -> None:
    with pytest.raises(RuleError) as caught:
        parse_allow(
            {"hosts": ["*"], "networks": ["0.0.0.0/0", "x"], "host": []},
            source="s",
            line_of=lambda _: 3,
        )
    assert len(caught.value.faults) == 4
