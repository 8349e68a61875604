"""The jail's resolver: every name is the door's address, and nobody is asked.

Pure: bytes in, bytes out. There is no upstream, so no name can leave and no answer can come in.
Floor 3. Who serves it: `relay.py`.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

TTL_S: Final = 5
LONGEST_NAME: Final = 255
LONGEST_LABEL: Final = 63

A: Final = 1
AAAA: Final = 28
SVCB: Final = 64
HTTPS: Final = 65
ANY: Final = 255
INTERNET: Final = 1
EMPTY: Final = frozenset({AAAA, SVCB, HTTPS})
"""There is such a name, but without IPv6, and without hints to encrypt it or to use QUIC."""

NO_ERROR: Final = 0
BAD_QUERY: Final = 1
NOT_DONE: Final = 4
REFUSED: Final = 5

_HEADER: Final = struct.Struct("!6H")
_IS_ANSWER: Final = 0x8000
_OPERATION: Final = 0x7800
_IS_AUTHORITY: Final = 0x0400
_IS_RECURSION_WANTED: Final = 0x0100
_IS_RECURSION_THERE: Final = 0x0080
_TO_THE_NAME: Final = 0xC00C


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: `api.treasury.example`, A, IN."""

    name: str
    type: int
    network: int
    raw: bytes
    """As it stood in the query."""


def parse_question(query: bytes) -> Question:
    """The one question of a query. Raises ValueError when it is anything else."""
    if len(query) < _HEADER.size:
        raise ValueError("shorter than a header")
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(query)
    if flags & _IS_ANSWER or questions != 1 or answers:
        raise ValueError("not one question")
    labels, position = [], _HEADER.size
    while True:
        length = query[position] if position < len(query) else LONGEST_LABEL + 1
        position += 1
        if length > LONGEST_LABEL or position + length > len(query):
            raise ValueError("not a name")
        if length == 0:
            break
        labels.append(query[position : position + length])
        position += length
    end = position + 4
    if position - _HEADER.size > LONGEST_NAME or end > len(query):
        raise ValueError("not a question")
    kind, network = struct.unpack_from("!2H", query, position)
    name = b".".join(labels).decode("ascii", "backslashreplace").lower()
    return Question(name, kind, network, query[_HEADER.size : end])


def build_answer(query: bytes, address: str) -> bytes | None:
    """What the resolver says, or None to what is no query and deserves no word.

    address: the IPv4 address of every name.
    """
    if len(query) < _HEADER.size or query[2] & 0x80:
        return None  # answering an answer would never end
    try:
        question = parse_question(query)
    except ValueError:
        return _head(query, BAD_QUERY, 0, 0)
    if _flags(query) & _OPERATION:
        return _head(query, NOT_DONE, 0, 0)
    if question.network == INTERNET and question.type in {A, ANY}:
        packed = socket.inet_aton(address)
        record = struct.pack("!3HIH", _TO_THE_NAME, A, INTERNET, TTL_S, len(packed)) + packed
        return _head(query, NO_ERROR, 1, 1) + question.raw + record
    is_known = question.network == INTERNET and question.type in EMPTY
    return _head(query, NO_ERROR if is_known else REFUSED, 1, 0) + question.raw


def _flags(query: bytes) -> int:
    (flags,) = struct.unpack_from("!H", query, 2)
    return int(flags)


def _head(query: bytes, code: int, questions: int, answers: int) -> bytes:
    asked = _flags(query) & (_OPERATION | _IS_RECURSION_WANTED)
    flags = _IS_ANSWER | _IS_AUTHORITY | _IS_RECURSION_THERE | asked | code
    (number,) = struct.unpack_from("!H", query)
    return _HEADER.pack(number, flags, questions, answers, 0, 0)
