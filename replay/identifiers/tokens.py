"""Credentials that are told by their looks: JWTs, bearer tokens, basic credentials, keys.

What is masked, a placeholder, or proves itself to be the sandbox's is none.
Read next: `secrets.py`.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterator
from typing import Final

from replay.identifiers.kinds import Span
from replay.identifiers.look import Look
from replay.identifiers.placeholders import is_placeholder
from replay.identifiers.sandbox import (
    is_sandbox_basic,
    is_sandbox_jwt,
    is_sandbox_private_key,
    is_sandbox_token,
    is_sandbox_uuid,
)

_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,16384}\.[A-Za-z0-9_-]{1,65536}(?:\.[A-Za-z0-9_-]{0,65536}){0,3}"
)
_BEARER: Final = re.compile(
    r"(?<![A-Za-z])bearer(?:[ \t:=+,\"'\u200b]|%20){1,4}([\w.~+/=-]{4,4096})", re.IGNORECASE
)
_BASIC: Final = re.compile(
    r"(?<![A-Za-z])basic(?:[ \t:=+,\"'\u200b]|%20){1,4}([A-Za-z0-9+/_-]{4,4096}={0,2})",
    re.IGNORECASE,
)
_AUTHORIZATION: Final = re.compile(r"-authorization-|-auth-$")
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]{0,65536}(?:-----END [A-Z0-9 ]{0,40}-----)?)?"
    r"|PuTTY-User-Key-File-[0-9]:"
)
CLOUD_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?![A-Za-z0-9])"
    r"|A(?:KIA|SIA)[A-Z0-9]{12,20}(?![A-Za-z0-9])"
    r"|AIza[A-Za-z0-9_-]{30,45}"
    r"|gh[oprsu]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|gl[a-z]{2,5}-[A-Za-z0-9_-]{20,64}"
    r"|[srp]k_live_[A-Za-z0-9]{8,255}|whsec_[A-Za-z0-9+/]{20,64}"
    r"|xox[abceoprs]-[A-Za-z0-9-]{8,255}|xapp-[0-9]-[A-Za-z0-9-]{20,255}"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"
    r"|npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{20,1024}|dckr_pat_[A-Za-z0-9_-]{20,64}"
    r"|do[opr]_v1_[0-9a-f]{40,64}|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|hf_[A-Za-z0-9]{30,64}"
    r"|sk-(?:ant-|proj-|svcacct-|or-v1-)?[A-Za-z0-9_-]{32,255}"
    r"|hv[sb]\.[A-Za-z0-9_-]{20,255}|ya29\.[A-Za-z0-9_-]{20,1024}|GOCSPX-[A-Za-z0-9_-]{20,64}"
    r"|ATATT3[A-Za-z0-9_=-]{20,255}|glsa_[A-Za-z0-9_]{32,64}|nvapi-[A-Za-z0-9_-]{32,128}"
    r"|figd_[A-Za-z0-9_-]{20,64}|PMAK-[A-Za-z0-9-]{20,128}|rubygems_[0-9a-f]{40,64}"
    r"|dapi[0-9a-f]{32}|key-[0-9a-f]{32}|LTAI[A-Za-z0-9]{16,24}|sq0(?:atp|csp)-[A-Za-z0-9_-]{20,64}"
    r"|EAA[A-Za-z0-9]{60,255}|NRAK-[A-Z0-9]{20,40}|(?:bot)?[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"
    r"|AccountKey=[A-Za-z0-9+/]{60,100}={0,2}"
    r"|hooks\.slack\.com/services/T[A-Z0-9]{6,16}/B[A-Z0-9]{6,16}/[A-Za-z0-9]{16,32}"
    r"|discord(?:app)?\.com/api/webhooks/[0-9]{16,20}/[A-Za-z0-9_-]{40,90}"
    r")"
)


def find_jwts(look: Look) -> Iterator[Span]:
    if "eyJ" in look.text:
        for found in _JWT.finditer(look.text):
            if _is_jwt(found[0]) and not is_sandbox_jwt(found[0].rstrip()):
                yield Span("jwt", found.start(), found.end())


def _is_jwt(text: str) -> bool:
    """Its first part is a JSON object; or its second is, when the first was cut or garbled."""
    first, second = text.split(".")[:2]
    return second.startswith("eyJ") or _decodes_to_object(first)


def _decodes_to_object(part: str) -> bool:
    try:
        plain = urlsafe_b64decode(part + "=" * (-len(part) % 4)).strip()
    except ValueError:
        return False
    return plain.startswith(b"{") and plain.endswith(b"}")


def find_bearers(look: Look) -> Iterator[Span]:
    if "earer" in look.text or "EARER" in look.text:
        for found in _BEARER.finditer(look.text):
            if _is_opaque(found[1], told=look.told(_AUTHORIZATION)):
                yield Span("bearer", found.start(1), found.end(1))


def _is_opaque(token: str, *, told: bool) -> bool:
    """A token and no word: with a digit, or capitals inside it, or longer than words are."""
    if is_placeholder(token) or is_sandbox_token(token) or is_sandbox_uuid(token):
        return False
    if is_sandbox_jwt(token):
        return False
    if told:
        return True
    if len(token) < 8:
        return False
    has_digit = any(char.isdigit() for char in token)
    return has_digit or not (token[1:].islower() or token.isupper()) or len(token) >= 20


def find_basics(look: Look) -> Iterator[Span]:
    if "asic" in look.text or "ASIC" in look.text:
        for found in _BASIC.finditer(look.text):
            if is_basic(found[1]):
                yield Span("basic", found.start(1), found.end(1))


def is_basic(text: str) -> bool:
    """Base64 of a user name, a colon and a password."""
    try:
        plain = b64decode(
            text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4),
            b"-_" if "-" in text or "_" in text else None,
        )
        shown = plain.decode()
    except ValueError:
        return False
    user, colon, password = shown.partition(":")
    if not colon or not shown.isprintable() or not (user or password):
        return False
    return not is_sandbox_basic(text) and not (password and is_placeholder(password))


def find_cloud_keys(look: Look) -> Iterator[Span]:
    for found in CLOUD_KEY.finditer(look.text):
        if not is_sandbox_token(found[0]) and not is_placeholder(found[0]):
            yield Span("cloud_key", found.start(), found.end())


def find_private_keys(look: Look) -> Iterator[Span]:
    if "PRIVATE KEY" in look.text or "PuTTY" in look.text:
        for found in _PRIVATE_KEY.finditer(look.text):
            if not is_sandbox_private_key(found[0]):
                yield Span("private_key", found.start(), found.end())
