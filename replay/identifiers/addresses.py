"""E-mail addresses and IP addresses that lead to somebody.

Reserved domains lead to nobody, and neither do private and documentation networks. Four numbers
with dots are often a version; what is called one, or follows a product's name, is no address.
Read next: `tokens.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from replay.identifiers import names
from replay.identifiers.kinds import Span
from replay.identifiers.look import Look
from replay.identifiers.placeholders import is_placeholder
from replay.identifiers.sandbox import is_documentation_ip, is_reserved_email
from switchboard.credentials import REPLACED

_LOCAL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}\Z")
_DOMAIN: Final = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(xn--[a-z0-9-]{2,40}|[^\W\d_]{2,24})(?![\w-])",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"\"[^\"@,:;=<>{}\[\]]{1,64}\"\Z")
_SAID: Final = re.compile(
    r"[\w.-]{0,30}(?:mail|user|login|contact|account|name|addr|address|sender|recipient|owner|from|"
    r"to|cc|id|uid|sub|upn|value|q|key|member)=",
    re.IGNORECASE,
)
"""What calls an address so is no part of it: `email=ann@...`."""
_LOCAL_EDGE: Final = "!#$%&'*/=?^`{|}~.+-\u200b"
_FILES: Final = frozenset(
    {"avif", "bmp", "cjs", "css", "csv", "gif", "gz", "htm", "html", "ico", "jpeg", "jpg", "js",
     "json", "jsx", "less", "map", "md", "mjs", "mp", "pdf", "php", "png", "scss", "svg", "tgz",
     "tif", "tiff", "ts", "tsx", "txt", "vue", "webp", "woff", "xml", "yaml", "yml", "zip"}
)  # fmt: skip
_ROLES: Final = re.compile(
    r"(?:abuse|admin|bot|contact|crawler|feedback|help|hostmaster|info|noreply|no-reply|postmaster|"
    r"robot|search|spider|support|test|webmaster)(?:[._+-].*|bot)?",
    re.IGNORECASE | re.DOTALL,
)
_USER_INFO: Final = re.compile(r"://([^/?#\s@:]{0,256}):([^/?#\s@]{1,256})@")

_V4: Final = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])")
_V6: Final = re.compile(
    r"(?<![0-9A-Za-z:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z:])"
)
_PRODUCT: Final = re.compile(r"[A-Za-z](?:[-_/]|[-_/.]v)?\Z")


def find_emails(look: Look) -> Iterator[Span]:
    text = look.text
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        quoted = _QUOTED.search(text, max(0, at - 66), at) if text[at - 1 : at] == '"' else None
        if domain is not None and quoted is not None and not is_reserved_email(domain[0]):
            yield Span("email", quoted.start(), domain.end())
        local = _LOCAL.search(text, max(0, at - 64), at) if domain is not None else None
        if domain is not None and local is not None:
            said = _SAID.match(local[0])
            edge = local[0][said.end() if said is not None else 0 :].lstrip(_LOCAL_EDGE)
            start = at - len(edge)
            if start < at and _is_somebody(look, text[start:at], domain, start):
                yield Span("email", start, domain.end())
        at = text.find("@", at + 1)


def _is_somebody(look: Look, local: str, domain: re.Match[str], start: int) -> bool:
    if is_reserved_email(domain[0]) or domain[1].lower() in _FILES or local == "git":
        return False
    if look.text[max(0, start - 3) : start] == "://" or _in_user_info(look.text, start):
        return False
    # A crawler says in its user agent whom to write to.
    return not (look.told(names.USER_AGENT) and _ROLES.fullmatch(local))


def _in_user_info(text: str, start: int) -> bool:
    """`https://user:secret@host`: the finder of user names and passwords knows it."""
    before = text[max(0, start - 300) : start]
    return re.search(r"://[^/?#\s@]*:\Z", before[-300:]) is not None


def find_user_info(look: Look) -> Iterator[Span]:
    """A user and a password in a URL, or what stands for them in one that was taken apart."""
    if look.told(names.USER_INFO):
        user, colon, password = look.text.partition(":")
        if colon and user != REPLACED and not is_placeholder(password):
            yield Span("basic", 0, len(look.text))
    if "://" in look.text and "@" in look.text:
        for found in _USER_INFO.finditer(look.text):
            if found[1] != REPLACED and not is_placeholder(found[2]):
                yield Span("basic", found.start(1), found.end(2))


def find_addresses(look: Look) -> Iterator[Span]:
    text = look.text
    if "." in text and not look.told(names.DRAWING):
        for found in _V4.finditer(text):
            if _is_public(found[0]) and _is_address(look, found.start(), found.end()):
                yield Span("ip", found.start(), found.end())
    if ":" in text:
        for found in _V6.finditer(text):
            if _is_public(found[0]):
                yield Span("ip", found.start(), found.end())


def _is_public(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return not is_documentation_ip(address)


def _is_address(look: Look, start: int, end: int) -> bool:
    text = look.text
    after = text[end : end + 2]
    if after[:1].isalnum() or (after[:1] in "._" and after[1:].isalnum()):
        return False
    before = text[max(0, start - 16) : start]
    if look.told(names.USER_AGENT):
        return before.endswith(("://", "@"))
    if before[-1:] == "_" or before[-1:].isalnum():
        return False
    if look.told(names.IP):
        return True
    if look.told(names.VERSION) or _PRODUCT.search(before) is not None:
        return look.tells_before(names.IP, start)
    return not look.tells_before(names.VERSION, start)
