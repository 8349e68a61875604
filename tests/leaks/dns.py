"""As much of DNS as the suite needs: a query, and the answers of production's own resolver."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Final

A: Final = 1
PTR: Final = 12
MX: Final = 15
TXT: Final = 16
AAAA: Final = 28
SRV: Final = 33
SVCB: Final = 64
HTTPS: Final = 65
ANY: Final = 255
REFUSED: Final = 5

_HEADER: Final = struct.Struct(">HHHHHH")


@dataclass(frozen=True)
class Reply:
    """What came back for a query."""

    code: int
    addresses: tuple[str, ...]
    answers: int


def build_query(name: str, kind: int, number: int = 7) -> bytes:
    """One question, recursion desired."""
    return _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + build_name(name) + struct.pack(">HH", kind, 1)


def build_name(name: str) -> bytes:
    labels = [label.encode("latin-1") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def parse_question(raw: bytes) -> tuple[str, int, int]:
    """Name, type and where the question ends. Raises ValueError."""
    at, labels = 12, []
    try:
        while raw[at]:
            labels.append(raw[at + 1 : at + 1 + raw[at]].decode("latin-1"))
            at += 1 + raw[at]
        return ".".join(labels).lower(), int.from_bytes(raw[at + 1 : at + 3], "big"), at + 5
    except IndexError:
        raise ValueError("the question is cut short") from None


def build_answer(query: bytes, addresses: list[str]) -> bytes:
    """The answer to a question for an A record; none is an empty answer."""
    _, _, end = parse_question(query)
    number = int.from_bytes(query[:2], "big")
    head = _HEADER.pack(number, 0x8180, 1, len(addresses), 0, 0)
    records = b"".join(
        struct.pack(">HHHIH", 0xC00C, A, 1, 0, 4) + socket.inet_aton(each) for each in addresses
    )
    return head + query[12:end] + records


def parse_reply(raw: bytes) -> Reply:
    """The code and the A and AAAA addresses of a reply. Raises ValueError."""
    if len(raw) < 12:
        raise ValueError("the reply is cut short")
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(raw)
    at = 12
    for _ in range(questions):
        at = _skip_name(raw, at) + 4
    found = []
    for _ in range(answers):
        at = _skip_name(raw, at)
        kind, _, _, size = struct.unpack_from(">HHIH", raw, at)
        data = raw[at + 10 : at + 10 + size]
        if kind in (A, AAAA):
            found.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, data))
        at += 10 + size
    return Reply(flags & 15, tuple(found), answers)


def _skip_name(raw: bytes, at: int) -> int:
    while raw[at]:
        if raw[at] >= 0xC0:
            return at + 2
        at += 1 + raw[at]
    return at + 1
