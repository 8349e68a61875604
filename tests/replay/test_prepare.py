from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.plan import Names, PlanPart, link_lanes, save_names
from replay.prepare import Binding, Preparer, add_prefix, header_value, rename, replace_word
from replay.retry import KeyUse, RetryPolicy
from replay.tape import Record, Tape, write_tape

BOUND = b"Host: svc.sandbox.test\r\nx-esr-env: sandbox\r\n"
PLAIN = Binding(0, b"", BOUND)
UNDER_PREFIX = Binding(3, b"/sandbox", BOUND)


@contextmanager
def preparer(
    folder: Path,
    records: Sequence[Record],
    bindings: Sequence[Binding | None],
    names: Sequence[str],
    originals: Sequence[str] | None = None,
    retry: RetryPolicy | None = None,
) -> Iterator[Preparer]:
    write_tape(folder / "tape", records)
    save_names(folder, "names", names)
    save_names(folder, "originals", originals or names)
    lane = np.arange(len(records), dtype=np.uint32) % len(names)
    part = PlanPart(
        due_ns=np.arange(len(records), dtype=np.int64) * 5,
        at_ms=np.arange(len(records), dtype=np.int64) * 1000 + 7,
        index=np.arange(len(records), dtype=np.uint32) + 171,
        row=np.arange(len(records), dtype=np.uint32),
        lane=lane,
        prev=link_lanes(lane)[0],
        next=link_lanes(lane)[1],
    )
    with Tape.open(folder / "tape") as tape:
        opened = Names.open(folder, "names"), Names.open(folder, "originals")
        yield Preparer(tape, part, bindings, *opened, retry)


def test_requests_are_the_tapes_with_the_bound_head_after_the_first_line(tmp_path: Path) -> None:
    records = [
        Record(0, "POST", "/pay?x=1", "ann", headers=[("Accept", "*/*")], body=b'{"sum": 5}'),
        Record(1, "GET", "/me", "bob", host="other"),
        Record(2, "DELETE", "/me", "ann"),
    ]
    with preparer(tmp_path, records, [PLAIN, UNDER_PREFIX], ["ann", "bob"]) as source:
        prepared = source.prepare(0, 3)
        assert source.one(1) == prepared[1]
        assert source.prepare(1, 3) == prepared[1:]
        assert source.prepare(3, 3) == []
    assert [request[:4] for request in prepared] == [(0, 0, -1, 0), (5, 1, -1, 3), (10, 2, 0, 0)]
    assert prepared[0][4] == (
        b"POST /pay?x=1 HTTP/1.1\r\n"
        b"Host: svc.sandbox.test\r\nx-esr-env: sandbox\r\n"
        b"x-esr-service: default\r\nx-esr-user: ann\r\nx-esr-request: ab\r\nx-esr-due: 7\r\n"
        b'Accept: */*\r\nContent-Length: 10\r\n\r\n{"sum": 5}'
    )
    assert prepared[1][4] == (
        b"GET /sandbox/me HTTP/1.1\r\n"
        b"Host: svc.sandbox.test\r\nx-esr-env: sandbox\r\n"
        b"x-esr-service: other\r\nx-esr-user: bob\r\nx-esr-request: ac\r\nx-esr-due: 1007\r\n\r\n"
    )


@pytest.mark.parametrize("clone", ["citizen-88", "citizen-1234"], ids=["as long", "longer"])
def test_a_clone_has_its_own_name_everywhere(clone: str, tmp_path: Path) -> None:
    record = Record(
        0,
        "PUT",
        "/users/citizen-77/files?of=citizen-77",
        "citizen-77",
        headers=[("Referer", "/users/citizen-77"), ("Idempotency-Key", "citizen-77:1")],
        body=b'{"id": "citizen-77", "also": "citizen-777"}',
    )
    with preparer(tmp_path, [record], [PLAIN], [clone], ["citizen-77"]) as source:
        request = source.one(0)[4]
    head, _, body = request.partition(b"\r\n\r\n")
    name = clone.encode()
    assert body == b'{"id": "%b", "also": "citizen-777"}' % name
    assert head.split(b"\r\n") == [
        b"PUT /users/%b/files?of=%b HTTP/1.1" % (name, name),
        b"Host: svc.sandbox.test",
        b"x-esr-env: sandbox",
        b"x-esr-service: default",
        b"x-esr-user: " + name,
        b"x-esr-request: ab",
        b"x-esr-due: 7",
        b"Referer: /users/" + name,
        b"Idempotency-Key: %b:1" % name,
        b"Content-Length: %d" % len(body),
    ]


KEYED = Record(0, "POST", "/pay", "ann", headers=[("idempotency-KEY", "k-1"), ("A", "b")])
UNKEYED = Record(1, "POST", "/pay", "ann", headers=[("A", "b")], body=b"idempotency-key: x\r\n")
LOOK = Record(2, "GET", "/pay/1", "ann")


def test_a_further_attempt_is_numbered_and_belongs_to_its_own_moment(tmp_path: Path) -> None:
    retry = RetryPolicy(times=3, after_ms=500, factor=2)
    with preparer(tmp_path, [KEYED], [UNDER_PREFIX], ["ann"], retry=retry) as source:
        first = source.one(0)[4]
        pool, third = source.again(0, 3)
    assert pool == 3
    # 500, 1000 and 2000 ms after it was due.
    tag = b"x-esr-due: 3507\r\nx-esr-attempt: 3\r\n"
    assert third == first.replace(b"x-esr-due: 7\r\n", tag)


def test_a_recorded_tag_is_not_taken_for_ours(tmp_path: Path) -> None:
    record = Record(0, "POST", "/a", "ann", headers=[("A", "b")], body=b"\r\nx-esr-due: 7\r\n")
    with preparer(tmp_path, [record], [PLAIN], ["ann"], retry=RetryPolicy()) as source:
        _, again = source.again(0, 1)
    assert again.endswith(b"\r\n\r\n\r\nx-esr-due: 7\r\n")
    assert again.count(b"x-esr-attempt: 1") == 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("keep", [b"idempotency-KEY: k-1", None, None]),
        ("drop", [None, None, None]),
        ("add", [b"idempotency-KEY: k-1", b"Idempotency-Key: esr-ac", None]),
    ],
)
def test_callers_keep_drop_or_add_their_idempotency_key(
    key: KeyUse, expected: list[bytes | None], tmp_path: Path
) -> None:
    retry = RetryPolicy(key=key)
    records = [KEYED, UNKEYED, LOOK]
    with preparer(tmp_path, records, [PLAIN], ["ann"], retry=retry) as source:
        requests = [request[4] for request in source.prepare(0, 3)]
        again = [source.again(position, 1)[1] for position in range(3)]
    for sent in (requests, again):
        heads = [request.partition(b"\r\n\r\n")[0].split(b"\r\n") for request in sent]
        keys = [[h for h in head if h.lower().startswith(b"idempotency-key:")] for head in heads]
        assert keys == [[line] if line else [] for line in expected]
        assert sent[1].endswith(b"\r\n\r\nidempotency-key: x\r\n")


def test_a_short_name_is_too_likely_to_stand_there_by_chance(tmp_path: Path) -> None:
    record = Record(0, "POST", "/bob", "bob", body=b"bob")
    with preparer(tmp_path, [record], [PLAIN], ["zed"], ["bob"]) as source:
        request = source.one(0)[4]
    assert request.startswith(b"POST /bob ")
    assert request.endswith(b"\r\n\r\nbob")
    assert b"x-esr-user: zed\r\n" in request


@pytest.mark.parametrize("name", ["a\r\nAuthorization: x", "市民", "tab\there", "nul\0", "del\x7f"])
def test_a_name_cannot_break_out_of_its_header(name: str, tmp_path: Path) -> None:
    with preparer(tmp_path, [Record(0), Record(1)], [PLAIN], [name, "plain name"]) as source:
        first, second = (request[4] for request in source.prepare(0, 2))
    assert first.isascii()
    assert first.count(b"\r\n") == second.count(b"\r\n")
    assert b"Authorization" not in first or b"%0D%0AAuthorization" in first
    assert b"x-esr-user: plain name\r\n" in second


def test_a_host_that_is_not_mapped_is_never_sent(tmp_path: Path) -> None:
    with (
        preparer(tmp_path, [Record(0)], [None], ["ann"]) as source,
        pytest.raises(AssertionError, match="not mapped"),
    ):
        source.one(0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET / HTTP/1.1\r\n", b"GET /p/ HTTP/1.1\r\n"),
        (b"GET /a?b=/c HTTP/1.1\r\n", b"GET /p/a?b=/c HTTP/1.1\r\n"),
        (b"OPTIONS * HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n"),
    ],
)
def test_a_prefix_goes_before_the_path(line: bytes, expected: bytes) -> None:
    assert add_prefix(line, b"/p") == expected


RENAMED = {
    "no headers, no body": (b"\r\n", b"\r\n"),
    "no headers": (b"\r\nC-100000", b"\r\nC-2000000"),
    "a length": (
        b"Content-Length: 8\r\n\r\nC-100000",
        b"Content-Length: 9\r\n\r\nC-2000000",
    ),
    "a length among others": (
        b"A: b\r\nContent-Length: 10\r\nC: d\r\n\r\n C-100000 ",
        b"A: b\r\nContent-Length: 11\r\nC: d\r\n\r\n C-2000000 ",
    ),
    "only in a header": (
        b"X: C-100000\r\nContent-Length: 1\r\n\r\nx",
        b"X: C-2000000\r\nContent-Length: 1\r\n\r\nx",
    ),
    "a blank line in the body": (
        b"Content-Length: 12\r\n\r\n\r\n\r\nC-100000",
        b"Content-Length: 13\r\n\r\n\r\n\r\nC-2000000",
    ),
    "text like a length in the body": (
        b"Content-Length: 30\r\n\r\nC-100000\r\nContent-Length: 0\r\n.",
        b"Content-Length: 31\r\n\r\nC-2000000\r\nContent-Length: 0\r\n.",
    ),
    "a longer word": (b"\r\nC-1000001 xC-100000", b"\r\nC-1000001 xC-100000"),
}


@pytest.mark.parametrize(("rest", "expected"), RENAMED.values(), ids=RENAMED)
def test_the_length_is_mended(rest: bytes, expected: bytes) -> None:
    assert rename(b"GET / HTTP/1.1\r\n", rest, b"C-100000", b"C-2000000")[1] == expected


@pytest.mark.parametrize("clone", [b"200002", b"100001~1"])
def test_a_name_of_digits_is_not_taken_for_the_length(clone: bytes) -> None:
    body = b"x" * 100_001
    rest = b"Content-Length: 100001\r\n\r\n" + body
    assert rename(b"GET / HTTP/1.1\r\n", rest, b"100001", clone)[1] == rest


WORDS = st.text("ab1 -", max_size=30).map(str.encode)


@given(WORDS, st.sampled_from([b"ab1", b"a-b", b"1"]), st.sampled_from([b"Z", b"ZZZZZ"]))
def test_whole_words_alone_are_replaced(text: bytes, old: bytes, new: bytes) -> None:
    pattern = rb"(?<![0-9A-Za-z])" + re.escape(old) + rb"(?![0-9A-Za-z])"
    assert replace_word(text, old, new) == re.sub(pattern, new, text)


@given(st.text())
def test_a_header_value_is_one_line_of_printable_characters(name: str) -> None:
    assert all(0x20 <= byte < 0x7F for byte in header_value(name.encode("utf-8", "replace")))
