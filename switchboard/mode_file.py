"""How a mode stands in a file: one word for people, fixed-width records for processes.

Floor 0, pure. The word file holds `live` or `sandbox` and nothing else; the shared file beside it
holds the same in eight bytes, the number of the last flip, and one record for each process that
listens. Whatever is not exactly `live` is sandbox. Read next: `mode.py`, which opens them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from switchboard.rules import LIVE, SANDBOX, Mode

MAGIC: Final = b"ESRMODE1"
WORDS: Final = {LIVE: b"live\0\0\0\0", SANDBOX: b"sandbox\0"}
LIVE_HEAD: Final = MAGIC + WORDS[LIVE]
SANDBOX_HEAD: Final = MAGIC + WORDS[SANDBOX]
HEAD_BYTES: Final = 64
SLOT_BYTES: Final = 64
SLOTS: Final = 1_024
SHARED_BYTES: Final = HEAD_BYTES + SLOTS * SLOT_BYTES
GENERATION_AT: Final = 16
SEEN_AT: Final = 32
"""Where in a slot a listener writes what it has seen; its beat follows."""
LONGEST_WORD: Final = 32
LONGEST_TEXT: Final = 300

_GENERATION: Final = Struct("<Q")
_SLOT: Final = Struct("<QQQQQQ16x")


@dataclass(frozen=True, slots=True)
class Slot:
    """One listening process, as it wrote itself down."""

    pid: int
    started: int
    """When the process started, in the kernel's ticks: the same pid may be used again."""
    namespace: int
    """In which pid namespace the pid means this process; 0 when that cannot be known."""
    token: int
    """Drawn anew for each listener; 0 only in an empty slot."""
    seen: int
    """The last flip whose old requests are all done here."""
    beat_ns: int
    """When it last looked, by the machine's monotonic clock."""


EMPTY: Final = Slot(0, 0, 0, 0, 0, 0)


def parse_word(raw: bytes) -> Mode | None:
    """The mode in a word file, or None for anything but one of the two words and a line break."""
    word = raw.removesuffix(b"\n").removesuffix(b"\r")
    if word == b"live":
        return LIVE
    return SANDBOX if word == b"sandbox" else None


def build_word(mode: Mode) -> bytes:
    """What stands in the word file."""
    return f"{mode}\n".encode()


def parse_head(raw: bytes) -> Mode | None:
    """The mode in the shared file, or None when it is no such file."""
    if len(raw) < HEAD_BYTES:
        return None
    head = raw[:16]
    if head == LIVE_HEAD:
        return LIVE
    return SANDBOX if head == SANDBOX_HEAD else None


def parse_generation(raw: bytes) -> int:
    """The number of the last flip, 0 when the head is too short."""
    if len(raw) < HEAD_BYTES:
        return 0
    number: int = _GENERATION.unpack_from(raw, GENERATION_AT)[0]
    return number


def build_head(mode: Mode, generation: int) -> bytes:
    """A whole head."""
    head = MAGIC + WORDS[mode] + _GENERATION.pack(generation)
    return head.ljust(HEAD_BYTES, b"\0")


def build_slot(slot: Slot) -> bytes:
    """A whole slot."""
    return _SLOT.pack(slot.pid, slot.started, slot.namespace, slot.token, slot.seen, slot.beat_ns)


def build_seen(seen: int, beat_ns: int) -> bytes:
    """The part of a slot that a listener writes again and again."""
    return _GENERATION.pack(seen) + _GENERATION.pack(beat_ns)


def parse_slots(raw: bytes) -> Iterator[tuple[int, Slot]]:
    """Every taken slot of a shared file's bytes, each with its number; what is cut off is left."""
    for number in range(min(SLOTS, (len(raw) - HEAD_BYTES) // SLOT_BYTES)):
        at = slot_at(number)
        slot = parse_slot(raw[at : at + SLOT_BYTES])
        if slot is not None:
            yield number, slot


def parse_slot(raw: bytes) -> Slot | None:
    """One slot; None when nobody has it."""
    slot = Slot(*_SLOT.unpack(raw)) if len(raw) == SLOT_BYTES else EMPTY
    return slot if slot.token else None


def slot_at(number: int) -> int:
    """Where in the shared file a slot begins."""
    return HEAD_BYTES + number * SLOT_BYTES


def audit_line(at: str, before: str, after: str, who: str, why: str, pid: int) -> bytes:
    """One flip as one line of JSON, whatever stands in `who` and `why`."""
    record = {
        "at": at,
        "from": before,
        "to": after,
        "who": who[:LONGEST_TEXT],
        "why": why[:LONGEST_TEXT],
        "pid": pid,
    }
    return json.dumps(record).encode() + b"\n"
