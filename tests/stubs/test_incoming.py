"""A request as it comes off the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.answering import MAX_BODY_BYTES
from stubs.faults.course import Pacing
from stubs.incoming import Incoming, announced_bytes
from stubs.slow_reader import SlowReader


def target(text: bytes) -> Incoming | None:
    incoming = Incoming()
    incoming.target = text
    return incoming if incoming.split_target() else None


@pytest.mark.parametrize(
    ("text", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/a?b=c?d", "/a", "b=c?d"),
        (b"/a?", "/a", ""),
        (b"/a#b?c", "/a", ""),
        (b"//a", "//a", ""),
        (b"/%2F%00", "/%2F%00", ""),
        (b"*", "*", ""),
        (b"http://x.test/a?b", "/a", "b"),
        (b"http://x.test", "/", ""),
        (b"HTTP://u:p@x.test?q=/", "/", "q=/"),
    ],
)
def test_a_target_is_a_path_and_a_query(text: bytes, path: str, query: str) -> None:
    incoming = target(text)
    assert incoming is not None
    assert (incoming.path, incoming.query) == (path, query)
    assert incoming.is_absolute is (b"://" in text)


@pytest.mark.parametrize("text", [b"a", b"", b"a:4", b"/\xc3\xa9", b"://x", b"ht tp://x", b"?"])
def test_anything_else_is_no_target(text: bytes) -> None:
    assert target(text) is None


def test_an_absolute_target_says_the_host() -> None:
    incoming = target(b"http://u@ach.test:80/payments")
    assert incoming is not None
    assert incoming.headers == {b"host": b"ach.test:80"}


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_a_body_is_the_sum_of_its_parts(parts: list[bytes]) -> None:
    incoming = Incoming()
    assert all(incoming.take_body(part) for part in parts)
    incoming.end_body()
    assert incoming.body == b"".join(parts)


def test_a_body_has_an_end() -> None:
    incoming = Incoming()
    assert incoming.take_body(b"x" * MAX_BODY_BYTES)
    assert not incoming.take_body(b"x")


@pytest.mark.parametrize(
    ("length", "count"), [(b"5", 5), (b"", 0), (b"-5", 0), (b"five", 0), (b"9" * 30, 0)]
)
def test_what_is_announced(length: bytes, count: int) -> None:
    assert announced_bytes({b"content-length": length}) == count


def test_bytes_take_their_time_on_a_slow_link() -> None:
    reader = SlowReader(Pacing(bytes_per_s=100, direction="request"), now_s=10.0)
    assert reader.due_s == 10.0
    reader.take(50)
    assert reader.due_s == pytest.approx(10.5)
    reader.take(150)
    assert reader.due_s == pytest.approx(12.0)


def test_slices_wait_between_and_stalls_once() -> None:
    pacing = Pacing(chunk_bytes=10, chunk_delay_ms=100, stalls=((1, 2.0),), direction="both")
    reader = SlowReader(pacing, now_s=0.0)
    reader.take(10)
    assert reader.due_s == 0.0
    reader.take(1)
    assert reader.due_s == pytest.approx(2.1)
    reader.take(9)
    assert reader.due_s == pytest.approx(2.1)
