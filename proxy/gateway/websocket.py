"""The two checks of a WebSocket's handshake that a door has to make. Floor 1, pure (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from proxy.gateway.answer_head import AnswerHead

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_of(key: str) -> str:
    """What a server that understood the key answers."""
    digest = hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def is_accepted(key: str, head: AnswerHead) -> bool:
    """True when a 101 really begins the WebSocket that was asked for."""
    return (
        bool(key)
        and head.upgrade.lower() == "websocket"
        and head.accept == accept_of(key)
        and head.length < 0
    )
