from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ijson  # type: ignore[import-untyped]
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.entry import Entry
from replay.readers.head import Head
from replay.readers.json_array import DAMAGED_ARRAY, TRUNCATED_ARRAY, array_lines
from replay.readers.json_stream import JsonBroken, JsonCursor, JsonCut
from replay.readers.ops import OPS, read_ops
from replay.readers.sniff import sniff
from replay.readers.source import OVERLONG, Source, TraceFile

EVENT = {"ts": "2020-03-15T12:00:00.123Z", "method": "GET", "url": "/a"}


class LineSink:
    """Keeps where each entry stood and what became of it."""

    needs_whole = True

    def __init__(self) -> None:
        self.urls: dict[int, str] = {}
        self.skipped: list[tuple[int, str]] = []
        self.notes: list[str] = []

    def add(self, line: int, entry: Entry) -> None:
        self.urls[line] = entry.event.url

    def add_request(
        self, line: int, ts_ns: int, method: str, authority: str, target: str, *_: object
    ) -> None:
        self.urls[line] = target

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.skipped.append((line, reason))

    def note(self, text: str, count: int = 1) -> None:
        self.notes.append(text)


@contextmanager
def opened(folder: Path, data: bytes) -> Iterator[Source]:
    """The lines of an array, as whoever compiles a trace has them."""
    path = folder / "a.json"
    path.write_bytes(data)
    with Source(TraceFile(path, "a.json")) as source:
        lines = array_lines(source)
        assert lines is not None
        yield lines


def read(folder: Path, data: bytes) -> LineSink:
    sink = LineSink()
    with opened(folder, data) as source:
        read_ops(source, sink)
        if source.damage is not None:
            sink.skip(max(source.damaged_line, 1), source.damage)
        assert source.source_file().bytes == len(data)
    return sink


def events(count: int) -> list[dict[str, Any]]:
    return [{**EVENT, "url": f"/{number}"} for number in range(1, count + 1)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("count", [1, 3, 49, 50, 51, 4_000])
def test_items_are_lines_under_their_number(tmp_path: Path, count: int, indent: int | None) -> None:
    data = json.dumps(events(count), indent=indent).encode()
    with opened(tmp_path, data) as source:
        assert sniff(Head(source.head())) is OPS
    sink = read(tmp_path, data)
    assert sink.urls == {number: f"/{number}" for number in range(1, count + 1)}
    assert sink.skipped == []


@pytest.mark.parametrize(
    "around", [(b"\xef\xbb\xbf[", b"]"), (b" \n[\n ", b" ] \r\n"), (b"[", b"]\n[]")]
)
def test_what_stands_around_is_no_matter(tmp_path: Path, around: tuple[bytes, bytes]) -> None:
    sink = read(tmp_path, around[0] + json.dumps(EVENT).encode() + around[1])
    assert (sink.urls, sink.skipped) == ({1: "/a"}, [])


def test_arrays_may_follow_one_another(tmp_path: Path) -> None:
    sink = read(tmp_path, b"\n".join([json.dumps(events(2)).encode()] * 2))
    assert sink.urls == {1: "/1", 2: "/2", 3: "/1", 4: "/2"}


def test_items_that_are_no_events_are_skipped_alone(tmp_path: Path) -> None:
    text = json.dumps(EVENT).encode()
    sink = read(
        tmp_path, b'[%b, 5, "a\\nb", {"a":nope}, null, [[]], {"url":"a\nb"}, %b]' % (text, text)
    )
    assert list(sink.urls) == [1, 8]
    assert [line for line, _ in sink.skipped] == [2, 3, 4, 5, 6, 7]
    assert sink.skipped[-1][1] == "not JSON"  # a line feed inside a text is none between values


@pytest.mark.parametrize("rest", [b"", b",", b',{"a', b',{"a":"\\', b',{"a":{"b":"c"}', b',"x'])
def test_a_cut_array_keeps_what_came_before(tmp_path: Path, rest: bytes) -> None:
    sink = read(tmp_path, json.dumps(events(3)).encode()[:-1] + rest)
    assert list(sink.urls) == [1, 2, 3]
    assert sink.skipped == [(4, TRUNCATED_ARRAY)]


@pytest.mark.parametrize("rest", [b";", b"} ", b",]", b"] oops", b'] {"a":1}'])
def test_a_broken_array_keeps_what_came_before(tmp_path: Path, rest: bytes) -> None:
    sink = read(tmp_path, json.dumps(events(3)).encode()[:-1] + rest)
    assert list(sink.urls) == [1, 2, 3]
    assert sink.skipped == [(4, DAMAGED_ARRAY)]


def test_a_damaged_archive_is_counted_once(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(events(500)).encode())
    sink = read(tmp_path, packed[:-200])
    assert sink.urls
    assert sink.skipped == [(len(sink.urls) + 1, "file ends early (truncated gzip)")]


def test_an_item_without_end_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replay.readers.json_array.MAX_LINE", 1000)
    text, long = json.dumps(EVENT).encode(), b'{"a":"' + b"x" * 1000 + b'"}'
    sink = read(tmp_path, b"[%b,%b,%b]" % (text, long, text))
    assert (list(sink.urls), sink.skipped) == ([1, 3], [(2, OVERLONG)])
    sink = read(tmp_path, b"[%b,%b" % (text, long[:-2]))
    assert (list(sink.urls), sink.skipped) == ([1], [(2, OVERLONG)])


def test_lines_can_be_had_in_every_way(tmp_path: Path) -> None:
    data = json.dumps(events(200), indent=1).encode()
    wanted = [orjson.dumps(event) for event in events(200)]

    def plain(text: bytes) -> list[bytes]:
        return [orjson.dumps(orjson.loads(line)) for line in text.splitlines() if line.strip()]

    with opened(tmp_path, data) as source:
        assert source.head() == source.head()
        assert plain(source.head().replace(b"\r", b" ")) == wanted[:50]
        assert source.whole(100) is None
        text = source.whole(1 << 20)
        assert text is not None
        assert plain(text.replace(b"\r", b" ")) == wanted
        assert source.stream().read(len(text)) == text
        assert source.name == "a.json"
        assert source.as_file() == source.path


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"[1]", b"[[{}]]", b"{}", b'["a"]', b"[2020-03-15]", b"["]
)
def test_anything_else_is_left_alone(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with Source(TraceFile(path, "a")) as source:
        assert array_lines(source) is None
        assert source.stream().read(100) == data


WHOLE = json.dumps([*events(3), {"a": [{}, ']}\\"']}], indent=1).encode()


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(6, len(WHOLE)), junk=st.binary(max_size=6), rest=st.integers(0, 30))
def test_any_cut_and_any_junk_adds_up(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes, rest: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for data in (WHOLE[:cut], WHOLE[:cut] + junk + WHOLE[cut + rest :]):
        sink = read(folder, data)
        lines = [*sink.urls, *(line for line, _ in sink.skipped)]
        assert sorted(lines) == list(range(1, len(lines) + 1))


# The cursor beneath, against a parser that somebody else wrote.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


class Pieces:
    """Bytes in pieces of one size, which an end of a block may fall anywhere in."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = io.BytesIO(data)
        self._size = size

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(self._size)


def items_of(cursor: JsonCursor) -> Iterator[bytes | None]:
    for _ in cursor.items():
        yield cursor.take(1 << 20)


@settings(max_examples=100, deadline=None)
@given(st.lists(JSON, max_size=4), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_items_are_those_that_a_parser_finds(
    value: list[Any], size: int, indent: int | None, plain: bool
) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    items = list(items_of(JsonCursor(Pieces(data, size))))
    assert [json.loads(item or b"") for item in items] == value
    assert list(ijson.items(io.BytesIO(data), "item")) == value


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.integers(1, 9))
def test_members_are_those_of_the_object(value: dict[str, Any], size: int) -> None:
    cursor = JsonCursor(Pieces(json.dumps(value, indent=1).encode(), size))
    assert {key: json.loads(cursor.take(1 << 20) or b"") for key in cursor.members()} == value
    assert cursor.peek() == b""


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 20_000,
        b'[{"a":' * 20_000,
        b'[{"' * 20_000,
        b'["' + b"\\" * 65_537,
        b'["' + b"x" * 65_536,
        b"[" + b" " * 65_536,
        b'[{"' + b'"{' * 30_000,
        b"[{" + b'"a"' * 30_000,
        b"[" + b"1" * 65_536,
    ],
)
@pytest.mark.parametrize("size", [1 << 10, 1 << 20])
def test_hostile_text_is_passed_in_one_go(data: bytes, size: int) -> None:
    """The cursor only goes forward: it asks for every block once, and looks at it a few times."""
    pieces = Pieces(data, size)
    with pytest.raises((JsonCut, JsonBroken)):
        list(items_of(JsonCursor(pieces)))
    assert pieces.read() == b""


@given(st.binary(max_size=40))
def test_any_bytes_are_cut_broken_or_read(data: bytes) -> None:
    for walk in (items_of, members_of):
        ends: Callable[[JsonCursor], Iterator[object]] = walk
        try:
            list(ends(JsonCursor(Pieces(data, 3))))
        except (JsonCut, JsonBroken):
            continue
        assert json_starts(data)


def members_of(cursor: JsonCursor) -> Iterator[str]:
    for key in cursor.members():
        yield key
        cursor.pass_over()


def json_starts(data: bytes) -> bool:
    return data.lstrip(b" \t\r\n")[:1] in (b"[", b"{")
