"""JSON web tokens: unsigned ones with the same layout of claims, each claim treated by its name.

Times stay, so that a token that had expired has expired. Read next: `telling.py`.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Final

from replay.identifiers.sandbox import MARK, is_sandbox_jwt
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.tokens import token

Claim = Callable[[str, str], str]
"""What takes the place of a claim's text, given its name."""

MAX_JWT: Final = 16_384
_MAX_DEPTH: Final = 16
_TIMES: Final = frozenset({"exp", "nbf", "iat", "auth_time", "updated_at"})
_KEPT_HEADERS: Final = frozenset({"typ", "cty"})


def jwt(keyed: Keyed, text: str, claim: Claim) -> str | None:
    """The token for the sandbox; None when the text is no JWT."""
    parts = text.split(".")
    if len(parts) not in (3, 5) or len(text) > MAX_JWT:
        return None
    if is_sandbox_jwt(text):
        return text
    header, claims = _decode(parts[0]), _decode(parts[1])
    if header is None:
        return None
    if claims is None or len(parts) == 5:  # encrypted, or not JSON: nobody can tell what it says
        claims = {"jti": token(keyed, parts[1][:32]) or "x"}
    head: dict[str, Any] = {"alg": "none"}
    for name, value in header.items():
        if name in _KEPT_HEADERS:
            head[name] = value
        elif name != "alg":
            head[name] = _treat(name, value, claim, 0)
    body = {name: _treat(name, value, claim, 0) for name, value in claims.items()}
    body[MARK] = True
    return f"{_encode(head)}.{_encode(body)}."


def _treat(name: str, value: Any, claim: Claim, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {key: _treat(key, item, claim, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_treat(name, item, claim, depth + 1) for item in value]
    if isinstance(value, str):
        return claim(name, value)
    if name in _TIMES or isinstance(value, bool | None):
        return value
    made = claim(name, json.dumps(value))
    try:
        return json.loads(made)
    except ValueError:
        return made


def _decode(part: str) -> dict[str, Any] | None:
    try:
        value = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _encode(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")
