"""What an answer becomes on the wire under a fault: a script of bytes, pauses and one end.

Deciding is here, pure and lazy, so that a slow answer of a million slices takes no memory;
`transport.py` plays the script on a socket. Floor 1. Read next: `faults/course.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from stubs.faults.course import Course, Cut, Pacing

SEGMENT_BYTES: Final = 1460
"""What a packet carries; the size of a slice where nobody says another."""
SLICES_PER_S: Final = 20
"""A limited rate is written so often a second, as a real link's queue would."""
MALFORMED_CHUNK: Final = b"4\r\nok: \r\nZZ\r\n\x00\x01not a chunk\r\n"
GARBAGE: Final = bytes((7 * n * n + 31 * n + 129) % 256 for n in range(512)).replace(
    b"HTTP", b"http"
)
MALFORMED_HEADERS: Final = (
    b"x-esr-env sandbox\r\n: no name\r\ncontent-length: seven\r\n\x00bad\x01: \xff\r\n"
)

End = Literal["keep", "close", "reset"]


@dataclass(frozen=True, slots=True)
class Say:
    """Write these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Say nothing for so long, counted from when the pause before was over."""

    for_s: float


@dataclass(frozen=True, slots=True)
class Over:
    """How the connection ends, or that it stays."""

    how: End


Step = Say | Pause | Over


@dataclass(frozen=True, slots=True)
class Framed:
    """An answer in bytes.

    head: status line and headers without the length, each line with its end, not the blank one.
    says_length: False for 204 and 304.   sends_body: False for HEAD, too.
    keeps_alive: what the caller asked for.
    """

    head: bytes
    body: bytes
    says_length: bool
    sends_body: bool
    keeps_alive: bool


def wire_steps(framed: Framed, course: Course) -> Iterator[Step]:
    """The script of an answer. Ends with exactly one `Over`."""
    cut = course.cut
    if cut is not None and cut.phase == "request":
        yield from _pause(cut.after_ms / 1000)
        yield Over(cut.how)
        return
    head, body = _frame(framed, course)
    stream = _paced(head, body, course.pacing, course.first_byte_s)
    if cut is not None:
        yield from _first_bytes(stream, _cut_at(cut, len(head), len(body)))
        yield from _pause(cut.after_ms / 1000)
        yield Over(cut.how)
        return
    yield from stream
    if course.close_delay_s is not None:
        yield from _pause(course.close_delay_s)
    yield Over("keep" if framed.keeps_alive and not _must_close(course) else "close")


def _must_close(course: Course) -> bool:
    """Whether nothing can follow on this connection: it is closed late, or nobody could read on."""
    return course.close_delay_s is not None or course.garble in ("chunk", "headers", "garbage")


def _frame(framed: Framed, course: Course) -> tuple[bytes, bytes]:
    """Head and body as they are written."""
    cut, garble = course.cut, course.garble
    if garble == "garbage":
        return b"", GARBAGE
    if garble == "headers":
        return framed.head + MALFORMED_HEADERS + b"\r\n", framed.body if framed.sends_body else b""
    if garble == "chunk":
        return framed.head + b"transfer-encoding: chunked\r\n\r\n", MALFORMED_CHUNK
    body = garbled_json(framed.body) if garble == "json" else framed.body
    lines = framed.head
    hides_length = cut is not None and not cut.keep_content_length
    if framed.says_length and not hides_length:
        lines += b"content-length: %d\r\n" % len(body)
    if not framed.keeps_alive or hides_length or course.close_delay_s is not None:
        lines += b"connection: close\r\n"
    return lines + b"\r\n", body if framed.sends_body else b""


def garbled_json(body: bytes) -> bytes:
    """The body with its last third missing and a stray brace: no JSON parser takes it."""
    return body[: max(1, len(body) * 2 // 3)] + b'"}{'


def _cut_at(cut: Cut, head_bytes: int, body_bytes: int) -> int:
    """After how many bytes on the wire: never after all of them, or nothing would be missing."""
    if cut.after_bytes is not None:
        wanted = cut.after_bytes
    elif cut.body_bytes is not None:
        wanted = head_bytes + cut.body_bytes
    else:
        wanted = head_bytes + int(body_bytes * (cut.fraction or 0.0))
    return min(wanted, head_bytes + body_bytes - 1)


def _first_bytes(steps: Iterable[Step], count: int) -> Iterator[Step]:
    """The script until so many bytes were said."""
    left = count
    for step in steps:
        if left <= 0:
            return
        if isinstance(step, Say):
            yield Say(step.data[:left])
            left -= len(step.data)
        else:
            yield step


def _paced(head: bytes, body: bytes, pacing: Pacing | None, first_byte_s: float) -> Iterator[Step]:
    if pacing is None or pacing.direction == "request":
        if first_byte_s <= 0:
            yield Say(head + body)
            return
        yield Say(head)
        yield Pause(first_byte_s)
        yield Say(body)
        return
    if first_byte_s > 0:
        yield from _slices(head, pacing)
        yield Pause(first_byte_s)
        yield from _slices(body, pacing)
    else:
        yield from _slices(head + body, pacing)


def _slices(data: bytes, pacing: Pacing) -> Iterator[Step]:
    """Bytes in slices. Each takes its time on a link of that rate, so the last is there on time."""
    size = slice_bytes(pacing)
    stalls: Mapping[int, float] = dict(pacing.stalls)
    between_s = pacing.chunk_delay_ms / 1000
    for number, start in enumerate(range(0, len(data), size)):
        part = data[start : start + size]
        wait_s = between_s if number else 0.0
        wait_s += stalls.get(number, 0.0)
        if pacing.bytes_per_s > 0:
            wait_s += len(part) / pacing.bytes_per_s
        yield from _pause(wait_s)
        yield Say(part)


def slice_bytes(pacing: Pacing) -> int:
    """How much is written, or read, at once."""
    if pacing.chunk_bytes > 0:
        return pacing.chunk_bytes
    if pacing.bytes_per_s > 0:
        return max(1, int(pacing.bytes_per_s / SLICES_PER_S))
    return SEGMENT_BYTES


def _pause(for_s: float) -> Iterator[Step]:
    if for_s > 0:
        yield Pause(for_s)
