"""How a worker talks to its parent: frames on a pipe, each a JSON head and a binary payload.

Orders go the other way as JSON lines. Both ends live here, so that the format has one home.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import orjson

_LENGTHS = struct.Struct("<II")
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
"""A longer frame is not one of ours."""


def frame(head: dict[str, Any], payload: bytes = b"") -> bytes:
    """One frame: `head` has a key `event`; `payload` is rows, or empty."""
    encoded = orjson.dumps(head)
    return b"".join((_LENGTHS.pack(len(encoded), len(payload)), encoded, payload))


async def read_frame(stream: asyncio.StreamReader) -> tuple[dict[str, Any], bytes] | None:
    """The next frame, or None when the worker has closed its end, even amid a frame.

    Also None for what is no frame; then the stream is not at its end, and cannot be read on.
    """
    try:
        head_bytes, payload_bytes = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
        if max(head_bytes, payload_bytes) > MAX_PAYLOAD_BYTES:
            return None
        head = orjson.loads(await stream.readexactly(head_bytes))
        payload = await stream.readexactly(payload_bytes)
    except (asyncio.IncompleteReadError, orjson.JSONDecodeError):
        return None
    return (head, payload) if isinstance(head, dict) and "event" in head else None


def order(**fields: Any) -> bytes:
    """One order to a worker, as a JSON line."""
    return orjson.dumps(fields) + b"\n"
