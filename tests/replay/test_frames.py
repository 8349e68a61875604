from __future__ import annotations

import asyncio
import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.frames import MAX_PAYLOAD_BYTES, frame, order, read_frame

READY = frame({"event": "ready"})
ROWS = frame({"event": "rows"}, b"\x00\x01" * 100_000)


async def read_all(data: bytes) -> list[tuple[str, bytes]]:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    frames = []
    while (received := await read_frame(stream)) is not None:
        frames.append((received[0]["event"], received[1]))
    return frames


async def test_frames_come_out_as_they_went_in() -> None:
    assert await read_all(READY + ROWS + READY) == [
        ("ready", b""),
        ("rows", b"\x00\x01" * 100_000),
        ("ready", b""),
    ]


@pytest.mark.parametrize("length", range(len(READY)))
async def test_a_torn_frame_is_the_end(length: int) -> None:
    assert await read_all(READY + READY[:length]) == [("ready", b"")]


async def test_a_torn_payload_is_the_end() -> None:
    assert await read_all(ROWS[:-1]) == []


NONSENSE = {
    "a head too long": struct.pack("<II", MAX_PAYLOAD_BYTES + 1, 0),
    "a payload too long": struct.pack("<II", 2, 0xFFFFFFFF) + b"{}",
    "text": b"Traceback (most recent call last):\n",
    "no JSON": struct.pack("<II", 3, 0) + b"{x}",
    "no UTF-8": struct.pack("<II", 2, 0) + b"\xff\xff",
    "no object": struct.pack("<II", 2, 0) + b"[]",
    "no event": struct.pack("<II", 2, 0) + b"{}",
    "no head": struct.pack("<II", 0, 0),
}


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE)
async def test_what_is_no_frame_is_not_taken_for_one(data: bytes) -> None:
    assert await read_all(data) == []


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_the_end(data: bytes) -> None:
    asyncio.run(read_all(data))


def test_an_order_is_one_line() -> None:
    line = order(do="start", note="two\nlines", t0_ns=2**62)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert orjson.loads(line) == {"do": "start", "note": "two\nlines", "t0_ns": 2**62}
