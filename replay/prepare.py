"""Ready-to-send request bytes: a tape's record, bound to a target and to the user it stands for.

A tape knows no target and holds no credential; the switchboard has already decided, once a
host, which head lines go in (`Binding`). What is left is joining bytes, done a few requests ahead
of the due time. A cloned user's own identifier takes the recorded one's place wherever it stands
in the request, so that clones do not share profiles, applications or idempotency keys.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

import numpy as np

from replay.building.places import service_tag
from replay.plan import Names, PlanPart
from replay.retry import RetryPolicy
from replay.tape import Tape

SHORTEST_RENAMED = 6
"""Shorter user names are too likely to stand in a request by chance."""

_LENGTH = re.compile(rb"\r\nContent-Length: [^\r]*\r\n")
_TAGS = b"x-esr-service: %b\r\nx-esr-user: %b\r\nx-esr-request: %x\r\nx-esr-due: %d\r\n"
_KEY = re.compile(rb"\r\nidempotency-key:[^\r]*\r\n", re.IGNORECASE)
_PRINTABLE = bytes(range(0x20, 0x7F)).decode()

Prepared = tuple[int, int, int, int, bytes]
"""(due_ns, position, position of the lane's previous request or -1, pool, request bytes)."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What a host of the tape is bound to: which pool, the path prefix, and the head lines."""

    pool: int
    prefix: bytes
    head: bytes


class Preparer:
    """Turns positions of a plan part into request bytes."""

    def __init__(
        self,
        tape: Tape,
        part: PlanPart,
        bindings: Sequence[Binding | None],
        names: Names,
        originals: Names,
        retry: RetryPolicy | None = None,
    ) -> None:
        """names, originals: what each lane is called, and the recorded user it stands for."""
        self._retry = retry
        self._edit_key = retry is not None and retry.key != "keep"
        self._blob = tape.blob
        # Plain views: indexing a memory map itself costs a Python call each time.
        self._offset = np.asarray(tape.offset)
        self._length = np.asarray(tape.length)
        self._split = np.asarray(tape.split)
        self._host = np.asarray(tape.host)
        self._route = np.asarray(tape.route)
        self._info = tape.info
        self._tags: dict[tuple[int, int], bytes] = {}
        self._part = part
        self._bindings = bindings
        self._names = names
        # Without clones the recorded names need not be looked up.
        self._originals = None if names.equals(originals) else originals
        data = np.frombuffer(names.data, dtype=np.uint8)
        self._has_plain_names = bool(((data >= 0x20) & (data < 0x7F)).all())

    def prepare(self, start: int, stop: int) -> list[Prepared]:
        """The requests at positions start..stop, in order, ready to be queued."""
        part, bindings, blob = self._part, self._bindings, self._blob
        has_plain_names, tags = self._has_plain_names, self._tags
        rows = part.row[start:stop]
        lanes = part.lane[start:stop]
        begin = self._offset[rows]
        names = self._names.take(lanes)
        columns = zip(
            part.due_ns[start:stop].tolist(),
            part.at_ms[start:stop].tolist(),
            range(start, stop),
            part.prev[start:stop].tolist(),
            part.index[start:stop].tolist(),
            names,
            names if self._originals is None else self._originals.take(lanes),
            begin.tolist(),
            (begin + self._split[rows]).tolist(),
            (begin + self._length[rows]).tolist(),
            self._host[rows].tolist(),
            self._route[rows].tolist(),
            strict=True,
        )
        prepared: list[Prepared] = []
        for (
            due,
            at_ms,
            position,
            prev,
            index,
            name,
            original,
            begins,
            splits,
            ends,
            host,
            route,
        ) in columns:
            binding = bindings[host]
            if binding is None:
                raise AssertionError("the plan holds a request whose host is not mapped")
            line: bytes | memoryview = blob[begins:splits]
            rest: bytes | memoryview = blob[splits:ends]
            if name != original:
                line, rest = rename(bytes(line), bytes(rest), original, name)
            if not has_plain_names:
                name = header_value(name)
            if binding.prefix:
                line = add_prefix(bytes(line), binding.prefix)
            service = tags.get((host, route)) or self._tag(host, route)
            who = _TAGS % (service, name, index, at_ms)
            if self._edit_key:
                rest = self._with_key(bytes(line), bytes(rest), index)
            request = b"".join((line, binding.head, who, rest))
            prepared.append((due, position, prev, binding.pool, request))
        return prepared

    def _tag(self, host: int, route: int) -> bytes:
        found = service_tag(self._info.hosts[host], self._info.routes[route]).encode()
        self._tags[host, route] = found
        return found

    def _with_key(self, line: bytes, rest: bytes, index: int) -> bytes:
        """The rest of a request with its idempotency key as the callers' policy has it."""
        if self._retry is not None and self._retry.key == "drop":
            return drop_key(rest)
        return add_key(line, rest, index)

    def again(self, position: int, attempt: int) -> tuple[int, bytes]:
        """The pool and the bytes of attempt 1, 2, … at the request: later, and numbered."""
        if self._retry is None:
            raise AssertionError("nobody tries again without a policy")
        _, _, _, pool, request = self.one(position)
        at_ms = int(self._part.at_ms[position])
        due_ms = at_ms + int(self._retry.offset_ms(attempt))
        tag = b"\r\nx-esr-due: %d\r\n" % at_ms
        later = b"\r\nx-esr-due: %d\r\nx-esr-attempt: %d\r\n" % (due_ms, attempt)
        # The tags stand before anything that was recorded, so the first one found is ours.
        return pool, request.replace(tag, later, 1)

    def one(self, position: int) -> Prepared:
        """The request at one position, for the few that could not leave when they were due."""
        return self.prepare(position, position + 1)[0]


def add_prefix(line: bytes, prefix: bytes) -> bytes:
    """`GET /a HTTP/1.1` under `/sandbox` is `GET /sandbox/a HTTP/1.1`."""
    method, target = line.split(b" ", 1)
    # `OPTIONS *` asks about the server itself.
    return b"%b %b%b" % (method, prefix, target) if target.startswith(b"/") else line


def drop_key(rest: bytes) -> bytes:
    """Header lines and body without an `Idempotency-Key`."""
    head, separator, body = (b"\r\n" + rest).partition(b"\r\n\r\n")
    return (_KEY.sub(b"\r\n", head + b"\r\n")[:-2] + separator + body)[2:]


def add_key(line: bytes, rest: bytes, index: int) -> bytes:
    """A POST without an `Idempotency-Key` gets one that belongs to the request."""
    head = (b"\r\n" + rest).partition(b"\r\n\r\n")[0]
    if not line.startswith(b"POST ") or _KEY.search(head + b"\r\n"):
        return rest
    return b"Idempotency-Key: esr-%x\r\n%b" % (index, rest)


def header_value(name: bytes) -> bytes:
    """A user's name as it may stand in a header: a line break in it must not start another."""
    return quote_from_bytes(name, safe=_PRINTABLE).encode()


def rename(line: bytes, rest: bytes, original: bytes, name: bytes) -> tuple[bytes, bytes]:
    """Put a clone's name where the recorded user's stands, and mend the length of the body."""
    if len(original) < SHORTEST_RENAMED:
        return line, rest
    if original in line:
        line = replace_word(line, original, name)
    if original not in rest:
        return line, rest
    rest = replace_word(rest, original, name)
    head, separator, body = (b"\r\n" + rest).partition(b"\r\n\r\n")
    # Also when the names are equally long: one of digits alone may have been the length itself.
    length = b"\r\nContent-Length: %d\r\n" % len(body)
    return line, (_LENGTH.sub(length, head + b"\r\n", count=1)[:-2] + separator + body)[2:]


def replace_word(text: bytes, old: bytes, new: bytes) -> bytes:
    """`text` with `new` for each `old` that is not merely part of a longer number or name."""
    pieces: list[bytes] = []
    begin, at = 0, text.find(old)
    while at >= 0:
        end = at + len(old)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            pieces += (text[begin:at], new)
            begin = end
        at = text.find(old, end)
    return b"".join((*pieces, text[begin:]))
