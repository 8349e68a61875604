from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers import gor
from replay.readers.gor import GOR, parse_record, read_gor
from replay.readers.gor_records import MONKEYS, OVERLONG, SEPARATOR, iter_records
from replay.readers.head import Head
from replay.readers.sniff import sniff
from replay.readers.source import Stream
from switchboard.event import EventError
from tests.replay.readers.collecting import Collector, read_bytes

TS = 1_584_273_600_123_456_789
ID = "a8c31f907f000001f4e5d6c7"
OLD_ID = "932079936fa4306fc308d67588178d17d823647c"
GET = b"GET /a?x=1 HTTP/1.1\r\nHost: svc.hms.example\r\nUser-Agent: curl\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def record(kind: int, payload: bytes, *, id: str = ID, ts: int = TS, rest: str = " 12345") -> bytes:  # noqa: A002
    return f"{kind} {id} {ts}{rest}\n".encode() + payload + SEPARATOR


def read(data: bytes) -> Collector:
    return read_bytes(data, GOR)


def test_a_recording_as_goreplay_writes_it() -> None:
    post = (
        b"POST /form HTTP/1.1\r\nHost: svc.hms.example\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: text/plain\r\n\r\n7\r\na=1&b=2\r\n0\r\n\r\n"
    )
    other = "a8c31f907f000001f4e5d6ff"
    data = (
        record(1, GET)
        + record(1, post, id=other, ts=TS + 1)
        + record(2, OK, ts=TS + 1_500_000)
        + record(3, OK, ts=TS + 9)
        + record(2, b"HTTP/1.1 404 Not Found\r\n\r\n", id=other, ts=TS + 2_000_001, rest="")
    )
    found = read(data)
    assert found.skips == []
    assert found.notes == {"replayed answers passed over": 1}
    (first, got), (second, posted) = found.entries
    assert (first, second) == (1, 2)
    assert got.event.ts_ns == TS
    assert got.event.url == "http://svc.hms.example/a?x=1"
    assert got.event.headers == (("User-Agent", "curl"),)
    assert (got.event.status, got.event.wait_ms, got.event.response_body) == (200, 1.5, b"hi")
    assert got.connection == got.client == "a8c31f907f000001"
    assert got.inferred is False
    assert posted.event.method == "POST"
    assert posted.event.body == b"a=1&b=2"
    assert posted.event.headers == (("Content-Type", "text/plain"),)
    assert (posted.event.status, posted.event.wait_ms) == (404, 2.0)
    assert posted.connection == got.connection


def test_older_files() -> None:
    found = read(record(1, GET, id=OLD_ID, rest=""))
    ((_, entry),) = found.entries
    assert entry.connection is None
    assert entry.client is None


def test_gzip_as_a_whole() -> None:
    found = read(gzip.compress(record(1, GET) + record(2, OK)))
    assert [entry.event.status for _, entry in found.entries] == [200]


def test_a_body_may_hold_nearly_anything() -> None:
    body = (
        b"\n\n1 a 2\n" + MONKEYS[:-1] + b"\n" + b"x" + MONKEYS + b"\0\xff" + MONKEYS[:-1] + b" \n"
    )
    assert SEPARATOR in body
    body = body.replace(SEPARATOR, b"")
    post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    found = read(record(1, post) + record(1, GET))
    assert [entry.event.body for _, entry in found.entries] == [body, b""]


def test_answers_come_before_and_after_and_keep_the_order_of_requests() -> None:
    ids = [f"{ID[:16]}{number:08x}" for number in range(6)]
    requests = [record(1, GET, id=each, ts=TS + at) for at, each in enumerate(ids)]
    answers = [record(2, OK, id=each, ts=TS + 10) for each in ids]
    data = answers[3] + b"".join(requests) + answers[5] + answers[0] + answers[1]
    found = read(data)
    assert [line for line, _ in found.entries] == [2, 3, 4, 5, 6, 7]
    statuses = [entry.event.status for _, entry in found.entries]
    assert statuses == [200, 200, None, 200, None, 200]
    assert found.skips == []


def test_orphans_and_repeated_ids() -> None:
    found = read(record(2, OK) + record(2, OK) + record(1, GET) + record(2, OK) + record(1, GET))
    assert found.skips == [(1, gor.ORPHAN)]
    assert [line for line, _ in found.entries] == [3, 5]
    found = read(record(1, GET) + record(1, GET) + record(2, OK) + record(2, OK))
    assert [entry.event.status for _, entry in found.entries] == [None, 200]
    assert found.skips == [(4, gor.ORPHAN)]


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gor, "MAX_WAITING", 3)
    ids = [f"{ID[:16]}{number:08x}" for number in range(10)]
    requests = b"".join(record(1, GET, id=each) for each in ids)
    found = read(requests + b"".join(record(2, OK, id=each) for each in ids))
    assert [entry.event.status for _, entry in found.entries] == [None] * 7 + [200] * 3
    assert found.reasons == [gor.ORPHAN] * 7
    found = read(b"".join(record(2, OK, id=each) for each in ids) + requests)
    assert [entry.event.status for _, entry in found.entries] == [None] * 7 + [200] * 3
    assert found.reasons == [gor.ORPHAN] * 7


def test_what_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gor, "MAX_WAITING_BYTES", 2 * len(GET))
    ids = [f"{ID[:16]}{number:08x}" for number in range(5)]
    data = record(2, OK, id="f" * 24) + b"".join(record(1, GET, id=each) for each in ids)
    found = read(data + record(2, OK, id=ids[4]))
    assert found.skips == [(1, gor.ORPHAN)]
    assert [line for line, _ in found.entries] == [2, 3, 4, 5, 6]
    assert found.entries[-1][1].event.status == 200


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\n" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"1 abc\n" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"4 abc 1584273600123456789\n" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"1 abc x\n" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"1  abc 1584273600123456789\n" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"1 abc 1584273600123456789\r" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"1 " + b"a" * 1_000 + b" 1584273600123456789\n" + GET + SEPARATOR, gor.BAD_HEADER),
        (b"1 abc 1584273600123456789" + SEPARATOR, gor.BAD_HEADER),
        (MONKEYS, gor.BAD_HEADER),
        (record(1, b""), "head without an end"),
        (record(1, b"\x16\x03\x01\r\n\r\n"), "bad request line"),
        (record(1, GET + b"x"), "bytes after the message"),
        (record(1, b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"), "bad method"),
        (record(1, b"GET a/b HTTP/1.1\r\nHost: h\r\n\r\n"), "bad url"),
        (record(1, b"GET ftp://a/b HTTP/1.1\r\n\r\n"), "bad url"),
        (record(1, b"GET / HTTP/1.1\r\nX-Esr-User: a%0Ab\r\n\r\n"), "bad user"),
        (record(1, GET, ts=1_584_273_600), "ts outside 1990..2100"),
        (record(1, GET, ts=9_999_999_999_999_999_999), "ts outside 1990..2100"),
    ],
)
def test_bad_records(data: bytes, reason: str) -> None:
    found = read(data + record(1, GET))
    assert found.skips == [(1, reason)]
    assert [line for line, _ in found.entries] == [2]


def test_a_broken_answer_leaves_the_request() -> None:
    found = read(record(1, GET) + record(2, b"garbage", ts=TS + 5))
    ((_, entry),) = found.entries
    assert (entry.event.status, entry.event.wait_ms) == (None, None)
    found = read(record(1, GET) + record(2, OK[:-1], ts=TS + 5_000))
    ((_, entry),) = found.entries
    assert (entry.event.status, entry.event.wait_ms) == (200, 0.005)
    assert entry.event.response_body is None


@pytest.mark.parametrize("later_ns", [0, -5, 400 * 86_400 * 10**9])
def test_a_wait_that_cannot_be_is_unknown(later_ns: int) -> None:
    found = read(record(1, GET) + record(2, OK, ts=TS + later_ns))
    ((_, entry),) = found.entries
    assert (entry.event.status, entry.event.wait_ms) == (200, None)


def test_a_carried_url_counts_unless_the_request_was_edited() -> None:
    for url, expected in (
        ("https://svc.hms.example/a?x=1#f", "https://svc.hms.example/a?x=1#f"),
        ("https://svc.hms.example/other", "http://svc.hms.example/a?x=1"),
        ("https://evil.example/a?x=1", "http://svc.hms.example/a?x=1"),
        ("nonsense", "http://svc.hms.example/a?x=1"),
    ):
        found = read(
            record(1, GET.replace(b"\r\n\r\n", b"\r\nX-Esr-Url: %s\r\n\r\n" % url.encode()))
        )
        assert [entry.event.url for _, entry in found.entries] == [expected]
        assert found.entries[0][1].event.headers == (("User-Agent", "curl"),)


@pytest.mark.parametrize(
    ("tail", "used"),
    [
        (record(1, GET)[: -len(SEPARATOR)], True),
        (record(1, GET)[:-1], True),
        (record(1, GET)[: -len(SEPARATOR) - 1], False),
        (record(2, OK)[: -len(SEPARATOR)], True),
        (record(2, OK)[: -len(SEPARATOR) - 1], False),
        (record(2, b"HTTP/1.1 200 OK\r\n\r\n")[: -len(SEPARATOR)], False),
        (b"1 abc", False),
        (b" \n\n", True),
    ],
)
def test_a_last_record_without_its_end(tail: bytes, used: bool) -> None:
    found = read(record(1, GET) + tail)
    assert found.reasons == ([] if used else [gor.ENDS_EARLY])


def test_a_damaged_file_counts_once() -> None:
    whole = gzip.compress(record(1, GET) * 100, 0)
    found = read(whole[:-300])
    assert found.reasons == ["file ends early (truncated gzip)"]
    assert found.skips[0][0] == len(found.entries) + 1
    assert 90 < len(found.entries) < 100


def test_records_are_bounded() -> None:
    blocks = [b"1 a 1\n", b"x" * 90, b"y" * 90, SEPARATOR[:5], SEPARATOR[5:], b"2", SEPARATOR]
    records = list(iter_records(Stream(iter(blocks)), limit=100))
    assert records == [(None, True), (b"2", True)]
    assert list(iter_records(Stream(iter(blocks[:3])), limit=100)) == [(None, False)]
    fits = [b"x" * 100 + SEPARATOR]
    assert list(iter_records(Stream(iter(fits)), limit=100)) == [(b"x" * 100, True)]
    assert list(iter_records(Stream(iter([b"x", *fits])), limit=100)) == [(None, True)]
    with pytest.raises(EventError, match=OVERLONG):
        parse_record(1, None)


@given(
    st.lists(st.sampled_from([b"1 a 1\n", b"x", b"\n", MONKEYS, MONKEYS[:-1], SEPARATOR[:3]])),
    st.integers(1, 40),
)
def test_records_do_not_depend_on_how_blocks_are_cut(parts: list[bytes], size: int) -> None:
    """Whatever the blocks, records are what stands between lines that hold the monkeys alone."""
    data = b"".join(parts)
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    found = [each for each, has_end in iter_records(Stream(iter(blocks))) if has_end]
    expected: list[bytes] = []
    lines: list[bytes] = []
    for line in data.split(b"\n"):
        if line == MONKEYS[:-1]:
            expected.append(b"\n".join(lines))
            lines = []
        else:
            lines.append(line)
    assert found == expected


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        (record(1, GET), True),
        (record(2, OK, id=OLD_ID, rest=""), True),
        (record(1, GET, rest=" -1"), True),
        (b"cut off in the middle" + SEPARATOR + record(1, GET), True),
        (MONKEYS + record(1, GET), True),
        (record(1, b"\0" * 500), True),
        (b"1 2 3\n", False),
        (b'{"ts":1,"body":"' + MONKEYS[:-1] + b'"}\n', False),
        (b"", False),
    ],
)
def test_recognised_by_its_content(data: bytes, claimed: bool) -> None:
    assert (sniff(Head(data)) is GOR) is claimed


SMALL = record(1, GET) + record(2, OK, ts=TS + 1_000) + record(1, GET, id=OLD_ID, rest="")


def check(data: bytes) -> None:
    """Every record but a joined answer is one entry or one skip."""
    found = read(data)
    counted = len(found.entries) + len(found.skips)
    joined = sum(entry.event.status is not None for _, entry in found.entries)
    replayed = sum(found.notes.values())
    records = data.removesuffix(SEPARATOR).count(SEPARATOR) + 1
    assert counted <= records
    assert counted >= len(found.entries)
    assert joined <= len(found.entries)
    assert replayed <= records
    lines = [line for line, _ in found.entries] + [line for line, _ in found.skips]
    assert len(set(lines)) == len(lines)


def test_cut_at_every_byte() -> None:
    for end in range(len(SMALL)):
        check(SMALL[:end])


@settings(max_examples=60)
@given(st.integers(0, len(SMALL)), st.integers(0, 30), st.binary(max_size=30))
def test_mutations(at: int, length: int, data: bytes) -> None:
    check(SMALL[:at] + data + SMALL[at + length :])


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    check(data)
    check(SMALL + data + SEPARATOR)


def test_hostile_files_are_read_in_one_pass() -> None:
    for data in (MONKEYS[:-1] * 100_000, b"\n" * 1_000_000, MONKEYS * 20_000, SEPARATOR * 20_000):
        found = read(data)
        assert found.entries == []
        assert len(found.skips) <= data.count(MONKEYS) + 1


def test_every_entry_is_counted_once_in_a_long_file() -> None:
    ids = [f"{ID[:16]}{number:08x}" for number in range(2_000)]
    data = b"".join(record(1, GET, id=each) + record(2, OK, id=each) for each in ids)
    found = read(data)
    assert len(found.entries) == 2_000
    assert found.skips == []
    assert read_gor is GOR.read
